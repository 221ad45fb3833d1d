//! What resource servers and operators use.

pub mod jwks;
