//! Identities: what a login needs, once under the canonical user name and once under the canonical
//! e-mail address. Both copies change in one transaction.

use std::fmt;

use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};

use super::user::User;
use super::{Error, Key, Store, item, text, write};
use crate::crypto;
use crate::identity::names;
use crate::private::{Private, exposed, exposed_if_any};

/// A person, as a login finds them. Its `Debug` leaves out the hashes of what they sign in with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The user's id.
    pub user: String,
    /// The user name as the person wrote it.
    #[serde(serialize_with = "exposed")]
    pub username: Private,
    /// The e-mail address as the person wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "exposed_if_any")]
    pub email: Option<Private>,
    /// PHC string or bcrypt; absent for people who sign in by other means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// The hash of the password that the operator's document gave last, whatever the person has made of it since: by
    /// it an old document is known when it is applied again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioned_hash: Option<String>,
    /// PHC string of a machine's credential on the VIDIZMO surface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_hash: Option<String>,
    /// The user's epoch when this copy was written; a session of another epoch is over.
    pub epoch: i64,
    /// `viewer`, `admin`, `owner`.
    pub roles: Vec<String>,
    /// `watch`, `admin`, `vidizmo`.
    pub surfaces: Vec<String>,
    /// Whether the person may not sign in.
    #[serde(default)]
    pub disabled: bool,
    /// Whether the person signed up by themselves: an operator who means somebody of this name
    /// must not hand them that somebody's roles.
    #[serde(default)]
    pub self_registered: bool,
}

/// What somebody proves who they are with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// A person's.
    Password,
    /// A machine's.
    Client,
}

impl Secret {
    /// Its stored hash, if there is one.
    #[must_use]
    pub fn hash_of(self, identity: &Identity) -> Option<&String> {
        match self {
            Self::Password => identity.password_hash.as_ref(),
            Self::Client => identity.client_secret_hash.as_ref(),
        }
    }

    fn attribute(self) -> &'static str {
        match self {
            Self::Password => "password_hash",
            Self::Client => "client_secret_hash",
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Identity")
            .field("user", &self.user)
            .field("epoch", &self.epoch)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// The key of whoever is called `canonical`. The name is hashed: it is personal, and of any
    /// length.
    #[must_use]
    pub fn key(enterprise: &str, canonical: &str) -> Key {
        Key::new(format!("ENT#{enterprise}#ID#{}", crypto::sha256_hex(canonical.as_bytes())), "ID")
    }

    /// The canonical names that this person answers to: user name and e-mail, or one, when they are
    /// the same.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        names(&self.username, self.email.as_ref())
    }

    /// Whether the person may sign in on `surface`.
    #[must_use]
    pub fn may_use(&self, surface: &str) -> bool {
        !self.disabled && self.surfaces.iter().any(|name| name == surface)
    }
}

impl Store {
    /// Writes somebody new, as writes of a transaction: the user, then a copy under each of their names, in the order
    /// of [`Identity::names`]. Which of them failed tells which name is taken.
    ///
    /// # Errors
    /// When the identity does not serialise.
    pub fn creating_person(
        &self,
        enterprise: &str,
        identity: &Identity,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let mut writes = vec![self.creating_user(enterprise, &User::of(identity))?];
        for name in identity.names() {
            writes.push(self.claiming_name(enterprise, &name, identity)?);
        }
        Ok(writes)
    }

    /// Writes one copy where none is, as a write of a transaction.
    ///
    /// # Errors
    /// When the identity does not serialise.
    pub fn claiming_name(
        &self,
        enterprise: &str,
        name: &str,
        identity: &Identity,
    ) -> Result<TransactWriteItem, Error> {
        Ok(write!(
            put,
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(&Identity::key(enterprise, name), identity)?))
                .condition_expression("attribute_not_exists(pk)")
        ))
    }

    /// Replaces one copy that belongs to `user`, as a write of a transaction.
    ///
    /// # Errors
    /// When the identity does not serialise.
    pub fn replacing_name(
        &self,
        enterprise: &str,
        name: &str,
        user: &str,
        identity: &Identity,
    ) -> Result<TransactWriteItem, Error> {
        Ok(write!(
            put,
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(&Identity::key(enterprise, name), identity)?))
                .condition_expression("#user = :user")
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":user", text(user))
        ))
    }

    /// Requires that a name is still this user's, at their epoch, and that they may sign in, as a part of a
    /// transaction.
    #[must_use]
    pub fn requiring_name(&self, enterprise: &str, name: &str, identity: &Identity) -> TransactWriteItem {
        write!(
            condition_check,
            ConditionCheck::builder()
                .table_name(&self.table)
                .set_key(Some(Identity::key(enterprise, name).attributes()))
                .condition_expression("#user = :user AND epoch = :epoch AND disabled = :no")
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":user", text(&identity.user))
                .expression_attribute_values(":epoch", super::number(identity.epoch))
                .expression_attribute_values(":no", aws_sdk_dynamodb::types::AttributeValue::Bool(false))
        )
    }

    /// Removes a copy that belongs to `user`, as a write of a transaction.
    #[must_use]
    pub fn releasing_name(&self, enterprise: &str, name: &str, user: &str) -> TransactWriteItem {
        write!(
            delete,
            Delete::builder()
                .table_name(&self.table)
                .set_key(Some(Identity::key(enterprise, name).attributes()))
                .condition_expression("#user = :user")
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":user", text(user))
        )
    }

    /// Puts a stronger hash of the same secret in one copy, as a write of a transaction. It fails when the
    /// secret was changed meanwhile.
    #[must_use]
    pub fn rehashing(
        &self,
        enterprise: &str,
        name: &str,
        secret: Secret,
        [old, new]: [&str; 2],
    ) -> TransactWriteItem {
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(Identity::key(enterprise, name).attributes()))
                .update_expression("SET #hash = :new")
                .condition_expression("#hash = :old")
                .expression_attribute_names("#hash", secret.attribute())
                .expression_attribute_values(":new", text(new))
                .expression_attribute_values(":old", text(old))
        )
    }

    /// Gives the user whose copy this is a new password and the next epoch, as a write of a
    /// transaction.
    #[must_use]
    pub fn changing_password(
        &self,
        enterprise: &str,
        name: &str,
        user: &str,
        hash: &str,
    ) -> TransactWriteItem {
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(Identity::key(enterprise, name).attributes()))
                .update_expression("SET password_hash = :hash ADD epoch :one")
                .condition_expression("#user = :user AND disabled = :no")
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":user", text(user))
                .expression_attribute_values(":hash", text(hash))
                .expression_attribute_values(":no", aws_sdk_dynamodb::types::AttributeValue::Bool(false))
                .expression_attribute_values(":one", super::number(1))
        )
    }
}
