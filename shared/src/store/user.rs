//! Users: profile and epoch. A user's sessions lie beside it under one partition key; raising the
//! epoch ends them all.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::pin::Pin;
use super::{Attributes, Error, Key, Store, item, number, text, write};
use crate::identity::names;
use crate::private::{Private, exposed, exposed_if_any};

/// A person, or the holder of a PIN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// A ULID; for the holder of a PIN, `pin-` and a ULID.
    pub id: String,
    /// The user name, or the PIN's label.
    #[serde(serialize_with = "exposed")]
    pub username: Private,
    /// The e-mail address, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "exposed_if_any")]
    pub email: Option<Private>,
    /// Sessions carry the epoch of their login; those of an earlier one are over.
    pub epoch: i64,
    /// `viewer`, `admin`, `owner`; the tokens' `scope`.
    pub roles: Vec<String>,
    /// Whether the person may not sign in.
    #[serde(default)]
    pub disabled: bool,
    /// The lookup hash of the PIN that this is the holder of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

impl User {
    /// The user behind an identity.
    #[must_use]
    pub fn of(identity: &Identity) -> Self {
        Self {
            id: identity.user.clone(),
            username: identity.username.clone(),
            email: identity.email.clone(),
            epoch: identity.epoch,
            roles: identity.roles.clone(),
            disabled: identity.disabled,
            pin: None,
        }
    }

    /// The condition that nothing has changed by which copies of the user are found, and its values. Every change of
    /// a password raises the epoch; one of a name or an address does not.
    fn as_read(&self) -> (String, Attributes) {
        let mut values = Attributes::from([
            (":epoch".to_owned(), number(self.epoch)),
            (":username".to_owned(), text(self.username.expose())),
        ]);
        let email = match &self.email {
            Some(email) => {
                values.insert(":email".to_owned(), text(email.expose()));
                "email = :email"
            }
            None => "attribute_not_exists(email)",
        };
        (format!("epoch = :epoch AND username = :username AND {email}"), values)
    }

    /// The item's key.
    #[must_use]
    pub fn key(enterprise: &str, id: &str) -> Key {
        Key::new(format!("ENT#{enterprise}#USER#{id}"), "USER")
    }
}

impl Store {
    /// Writes a user who is not there yet, as a write of a transaction.
    ///
    /// # Errors
    /// When the user does not serialise.
    pub fn creating_user(&self, enterprise: &str, user: &User) -> Result<TransactWriteItem, Error> {
        Ok(write!(
            put,
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(&User::key(enterprise, &user.id), user)?))
                .condition_expression("attribute_not_exists(pk)")
        ))
    }

    /// Replaces a user who is as they were read, as a write of a transaction.
    ///
    /// # Errors
    /// When the user does not serialise.
    pub fn replacing_user(
        &self,
        enterprise: &str,
        read: &User,
        user: &User,
    ) -> Result<TransactWriteItem, Error> {
        let (condition, values) = read.as_read();
        Ok(write!(
            put,
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(&User::key(enterprise, &user.id), user)?))
                .condition_expression(condition)
                .set_expression_attribute_values(Some(values))
        ))
    }

    /// Requires that a user is still at `epoch` and may sign in, as a part of a transaction.
    #[must_use]
    pub fn requiring_user(&self, enterprise: &str, user: &str, epoch: i64) -> TransactWriteItem {
        write!(
            condition_check,
            ConditionCheck::builder()
                .table_name(&self.table)
                .set_key(Some(User::key(enterprise, user).attributes()))
                .condition_expression("epoch = :epoch AND disabled = :no")
                .expression_attribute_values(":epoch", number(epoch))
                .expression_attribute_values(":no", AttributeValue::Bool(false))
        )
    }

    /// Ends all sessions of a user who is still at `epoch`, as a write of a transaction.
    #[must_use]
    pub fn ending_sessions_of(&self, enterprise: &str, user: &str, epoch: i64) -> TransactWriteItem {
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(User::key(enterprise, user).attributes()))
                .update_expression("ADD epoch :one")
                .condition_expression("epoch = :epoch")
                .expression_attribute_values(":epoch", number(epoch))
                .expression_attribute_values(":one", number(1))
        )
    }

    /// Ends all sessions of a user who is as they were read, in all the places where the epoch stands,
    /// as the writes of a transaction. The holder of a PIN has it in the PIN, others in their names.
    #[must_use]
    pub fn hotlisting_user(&self, enterprise: &str, user: &User) -> Vec<TransactWriteItem> {
        let (next, (condition, values)) = (number(user.epoch + 1), user.as_read());
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(User::key(enterprise, &user.id).attributes()))
            .update_expression("SET epoch = :next")
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":next", next.clone());
        let keys = if let Some(lookup_hash) = &user.pin {
            vec![Pin::key(enterprise, lookup_hash)]
        } else {
            let names = names(&user.username, user.email.as_ref());
            names.iter().map(|name| Identity::key(enterprise, name)).collect()
        };
        let copies = keys.into_iter().map(|key| {
            write!(
                update,
                Update::builder()
                    .table_name(&self.table)
                    .set_key(Some(key.attributes()))
                    .update_expression("SET epoch = :next")
                    .condition_expression("#user = :user")
                    .expression_attribute_names("#user", "user")
                    .expression_attribute_values(":user", text(&user.id))
                    .expression_attribute_values(":next", next.clone())
            )
        });
        std::iter::once(write!(update, update)).chain(copies).collect()
    }
}
