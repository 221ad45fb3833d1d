//! held later
