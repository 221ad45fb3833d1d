//! Password resets: single use, found by the hash of their code.
//!
//! The key has no enterprise in it: the page that the e-mail opens knows the
//! code and nothing else. The enterprise is in the item, and a caller that has an API key holds it
//! against that key's.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::{Error, Key, Store, item, number, text, write};
use crate::crypto;
use crate::private::{Private, exposed};

/// Seconds for which a code works.
pub const LIFETIME: i64 = 60 * 60;

/// A reset that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// Whose enterprise.
    pub enterprise: String,
    /// Whose password; absent when nobody has the address that was given, and then nothing can
    /// be reset: the item is there so that both cases cost the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// Epoch seconds at which the code stops working; TTL too.
    pub expires_at: i64,
    /// Epoch seconds at which it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<i64>,
}

/// Who may set a new password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The user's id.
    pub user: String,
    /// The user name.
    #[serde(serialize_with = "exposed")]
    pub username: Private,
    /// The e-mail address that the code went to.
    #[serde(serialize_with = "exposed")]
    pub email: Private,
    /// The person's epoch when they asked: a code does not outlive a change of the password.
    pub epoch: i64,
}

impl Person {
    /// The person behind an identity, if they have an e-mail address.
    #[must_use]
    pub fn of(identity: Identity) -> Option<Self> {
        let Identity { user, username, email, epoch, .. } = identity;
        email.map(|email| Self { user, username, email, epoch })
    }
}

impl Reset {
    /// The key of the item that `code` opens. Codes are taken in any case.
    #[must_use]
    pub fn key(code: &Private) -> Key {
        let code = code.expose().trim().to_ascii_uppercase();
        Key::new(format!("RESET#{}", crypto::sha256_hex(code.as_bytes())), "RESET")
    }

    /// Who may set a new password at `now`, in `enterprise` when the caller is bound to one.
    #[must_use]
    pub fn person_at(&self, now: i64, enterprise: Option<&str>) -> Option<&Person> {
        let usable = self.used_at.is_none()
            && now < self.expires_at
            && enterprise.is_none_or(|id| id == self.enterprise);
        self.person.as_ref().filter(|_| usable)
    }
}

impl Store {
    /// Writes a new reset, as a write of a transaction.
    ///
    /// # Errors
    /// When the reset does not serialise.
    pub fn creating_reset(&self, code: &Private, reset: &Reset) -> Result<TransactWriteItem, Error> {
        Ok(write!(
            put,
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(&Reset::key(code), reset)?))
                .condition_expression("attribute_not_exists(pk)")
        ))
    }

    /// Removes a reset whose e-mail could not be sent, as a write of a transaction.
    #[must_use]
    pub fn withdrawing_reset(&self, code: &Private) -> TransactWriteItem {
        write!(delete, Delete::builder().table_name(&self.table).set_key(Some(Reset::key(code).attributes())))
    }

    /// Spends a reset, as a write of a transaction.
    #[must_use]
    pub fn spending_reset(&self, code: &Private, enterprise: &str, now: i64) -> TransactWriteItem {
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(Reset::key(code).attributes()))
                .update_expression("SET used_at = :now")
                .condition_expression(
                    "attribute_not_exists(used_at) AND expires_at > :now AND enterprise = :enterprise"
                )
                .expression_attribute_values(":now", number(now))
                .expression_attribute_values(":enterprise", text(enterprise))
        )
    }
}
