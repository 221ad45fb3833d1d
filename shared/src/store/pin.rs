//! PINs, found by their keyed hash ([`crate::pin::lookup_hash`]).

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::{Deserialize, Serialize};

use super::{Error, Key, Store, item, write};

/// A PIN. Its holder is a user of their own, so that their sessions end as anybody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The holder's user id.
    pub user: String,
    /// What the operator calls it.
    pub label: String,
    /// The holder's epoch when the PIN was written.
    pub epoch: i64,
    /// Epoch seconds from which on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<i64>,
    /// Whether it is refused.
    #[serde(default)]
    pub disabled: bool,
}

impl Pin {
    /// The item's key.
    #[must_use]
    pub fn key(enterprise: &str, lookup_hash: &str) -> Key {
        Key::new(format!("ENT#{enterprise}#PIN#{lookup_hash}"), "PIN")
    }

    /// Whether it works at `now`.
    #[must_use]
    pub fn is_live(&self, now: i64) -> bool {
        !self.disabled && self.not_after.is_none_or(|end| now < end)
    }
}

impl Store {
    /// Writes a PIN; a new one only where none is, a changed one only over its own holder's. A
    /// write of a transaction.
    ///
    /// # Errors
    /// When the PIN does not serialise.
    pub fn writing_pin(
        &self,
        enterprise: &str,
        lookup_hash: &str,
        pin: &Pin,
    ) -> Result<TransactWriteItem, Error> {
        Ok(write!(
            put,
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(&Pin::key(enterprise, lookup_hash), pin)?))
                .condition_expression("attribute_not_exists(pk) OR #user = :user")
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":user", super::text(&pin.user))
        ))
    }
}
