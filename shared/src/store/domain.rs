//! Domains: host names, and the enterprise that each belongs to.

use serde::{Deserialize, Serialize};

use super::Key;

/// Whose a host name is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// The enterprise's id.
    pub enterprise: String,
}

impl Domain {
    /// The item's key, of which there are copies. Host names are the same in any case (RFC 4343).
    #[must_use]
    pub fn first(host: &str) -> Key {
        Key::new(format!("DOMAIN#{}", host.to_ascii_lowercase()), "DOMAIN")
    }

    /// The key of any copy.
    #[must_use]
    pub fn key(host: &str) -> Key {
        Self::first(host).any_copy()
    }
}
