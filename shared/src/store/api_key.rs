//! API keys: one belongs to one enterprise, one surface and, as the tokens' `client_id`, one
//! application.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::{Error, Key, Operation, Store, text};

/// How many copies are hotlisted at once: each needs a connection of its own, which takes longer to make than the
/// call.
const CONNECTIONS: usize = 6;

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
    /// Hashes of the keys under this id that an owner has hotlisted. Nothing takes one away; always
    /// written, so that replacing the item finds that one was added.
    #[serde(default)]
    pub hotlisted: Vec<String>,
    /// Whether a refresh hands out a new refresh token.
    #[serde(default)]
    pub refresh_rotation: bool,
    /// Whether a TV gets a secret beside its login code, and has to show it for its tokens.
    #[serde(default)]
    pub qr_device_code: bool,
}

impl ApiKey {
    /// The item's key, of which there are copies.
    #[must_use]
    pub fn first(enterprise: &str, id: &str) -> Key {
        Key::new(format!("ENT#{enterprise}"), format!("KEY#{id}"))
    }

    /// The key of any copy.
    #[must_use]
    pub fn key(enterprise: &str, id: &str) -> Key {
        Self::first(enterprise, id).any_copy()
    }

    /// Whether the key works at `now`, for its own calls and for sessions that it opened.
    #[must_use]
    pub fn is_live(&self, now: i64) -> bool {
        !self.revoked && !self.hotlisted.contains(&self.hash) && self.not_after.is_none_or(|end| now < end)
    }
}

impl Store {
    /// Hotlists the key that was read as `key`, and so ends all its sessions; `false` when it was
    /// hotlisted before, or another one has taken its place meanwhile.
    ///
    /// Copy by copy, and not in one transaction, which others at once would cancel. The first
    /// one goes first: from then on a document that was read before cannot be written. Whoever comes second
    /// finishes what the first one may have left.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer; some copies may be hotlisted then.
    pub async fn hotlist_api_key(&self, enterprise: &str, key: &ApiKey) -> Result<bool, Error> {
        let operation = Operation::new();
        let copies = ApiKey::first(enterprise, &key.id).copies();
        let is_first = self.hotlist_copy(&copies[0], key, &operation).await?;
        for few in copies[1..].chunks(CONNECTIONS) {
            try_join_all(few.iter().map(|copy| self.hotlist_copy(copy, key, &operation))).await?;
        }
        Ok(is_first)
    }

    async fn hotlist_copy(&self, copy: &Key, key: &ApiKey, operation: &Operation) -> Result<bool, Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(copy.attributes()))
            .update_expression(
                "SET hotlisted = list_append(if_not_exists(hotlisted, :none), :hashes), \
                 hotlist_operation = :operation",
            )
            .condition_expression(
                "#hash = :hash AND (NOT contains(hotlisted, :hash) OR hotlist_operation = :operation)",
            )
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":hashes", AttributeValue::L(vec![text(&key.hash)]))
            .expression_attribute_values(":hash", text(&key.hash))
            .expression_attribute_values(":operation", operation.value());
        Ok(self.update(request).await?.is_ok())
    }
}
