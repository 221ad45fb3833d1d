//! Screeners: films that are shown to a few, and what it takes to play them.

use serde::{Deserialize, Serialize};

use super::Key;

/// The longest key of a screener, in characters.
pub const MAX_KEY: usize = 64;

/// A screener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screener {
    /// What the platform calls it; see [`is_key`].
    pub key: String,
    /// Whether a code by SMS is asked for before it plays.
    #[serde(default)]
    pub two_factor: bool,
    /// Whether only who has signed in may see it.
    #[serde(default)]
    pub force_login: bool,
    /// Whether it is given out as a link, to people who do not sign in.
    #[serde(default)]
    pub link_type: bool,
}

/// Whether `key` can name a screener: 1 to [`MAX_KEY`] of letters, digits and `-._~`, which stand in a path as
/// they are (RFC 3986 §2.3).
#[must_use]
pub fn is_key(key: &str) -> bool {
    (1..=MAX_KEY).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

impl Screener {
    /// The item's key; for what cannot name a screener, of an item that never is.
    #[must_use]
    pub fn key(enterprise: &str, key: &str) -> Key {
        let key = if is_key(key) { key } else { "" };
        Key::new(format!("ENT#{enterprise}#SCREENER#{key}"), "SCREENER")
    }

    /// Whether an API key opens it too, and not only a person's token.
    #[must_use]
    pub fn is_open_to_links(&self) -> bool {
        self.link_type && !self.force_login
    }
}
