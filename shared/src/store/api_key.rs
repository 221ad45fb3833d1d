//! API keys: one belongs to one enterprise, one surface and, as the tokens' `client_id`, one
//! application.

use serde::{Deserialize, Serialize};

use super::{Attributes, Error, Key, Store};

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The key's id; the `client_id` of its tokens.
    pub id: String,
    /// SHA-256 of the whole key, in hex.
    pub hash: String,
    /// `watch` or `admin`.
    pub surface: String,
    /// Epoch seconds from which on the key is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<i64>,
    /// Whether it has been revoked.
    #[serde(default)]
    pub revoked: bool,
    /// Whether a refresh hands out a new refresh token.
    #[serde(default)]
    pub refresh_rotation: bool,
    /// Whether a TV gets a secret beside its login code, and has to show it for its tokens.
    #[serde(default)]
    pub qr_device_code: bool,
}

impl ApiKey {
    /// The item's key.
    #[must_use]
    pub fn key(enterprise: &str, id: &str) -> Key {
        Key::new(format!("ENT#{enterprise}"), format!("KEY#{id}"))
    }

    /// Whether the key works at `now`, for its own calls and for sessions that it opened.
    #[must_use]
    pub fn is_live(&self, now: i64) -> bool {
        !self.revoked && self.not_after.is_none_or(|end| now < end)
    }
}

impl Store {
    /// Writes `new` in the place of `old`. `false` when something else than `old` is there.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn write_api_key(
        &self,
        enterprise: &str,
        old: Option<&Attributes>,
        new: &ApiKey,
    ) -> Result<bool, Error> {
        self.swap(&ApiKey::key(enterprise, &new.id), old, new).await
    }
}
