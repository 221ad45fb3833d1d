//! An identity provider that answers as the fuzzer says, in the same thread; its tenants; and a second reading of what
//! it answers.

pub mod document;
pub mod input;
pub mod keys;
pub mod reading;
pub mod sent;
pub mod tenant;
pub mod wire;
