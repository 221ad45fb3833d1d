//! What resource servers and operators use.

pub mod authorizer;
pub mod jwks;
pub mod key_rotation;
