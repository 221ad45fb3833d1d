//! Single sign-on: sign-ins that are under way at a provider, and who is who there.
//!
//! A person is known by the provider's `sub`, once they have been seen. Two items say so, and are written
//! together: one by which a `sub` finds its user, and one that keeps a user from being given a second `sub`.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use serde::{Deserialize, Serialize};

use super::user::User;
use super::{Error, Key, Operation, Store, item, number, write};
use crate::api_key::PresentedKey;
use crate::crypto;
use crate::oidc::AuthorizationRequest;
use crate::oidc::id_token::Person;
use crate::private::Private;
use crate::store::enterprise::Sso;

/// Seconds within which a person must be back from the provider.
pub const LIFETIME: i64 = 10 * 60;

/// Seconds for which a call may hold a sign-in: longer than a call lasts, with the start of its function
/// ([`crate::endpoint::DEADLINE`]).
const HELD: i64 = 30;

/// How often the provider may be asked about one sign-in, when it does not answer.
const MOST_TRIES: i64 = 10;

/// A sign-in that is under way. It is removed when it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The API key that it began with.
    pub api_key: String,
    /// That key's hash.
    pub api_key_hash: String,
    /// The provider that the browser was sent to.
    pub issuer: String,
    /// SHA-256 of the nonce.
    pub nonce_hash: String,
    /// The PKCE verifier, readable only with the state.
    #[serde(with = "serde_bytes")]
    pub sealed_verifier: Vec<u8>,
    /// Epoch seconds at which it is over; TTL too.
    pub expires_at: i64,
}

impl State {
    /// A sign-in that begins at `now`.
    #[must_use]
    pub fn new(key: &PresentedKey, sso: &Sso, request: &AuthorizationRequest, now: i64) -> Self {
        Self {
            api_key: key.id.clone(),
            api_key_hash: key.hash(),
            issuer: sso.issuer.clone(),
            nonce_hash: crypto::sha256_hex(request.nonce.expose().as_bytes()),
            sealed_verifier: crypto::seal_once(request.state.expose(), request.verifier.expose()),
            expires_at: now + LIFETIME,
        }
    }

    /// The item's key.
    #[must_use]
    pub fn key(enterprise: &str, state: &Private) -> Key {
        let hash = crypto::sha256_hex(state.expose().as_bytes());
        Key::new(format!("ENT#{enterprise}#SSO#{hash}"), "STATE")
    }

    /// The PKCE verifier, when it is the same application with the same nonce that comes back, in time, from
    /// the provider that it was sent to.
    #[must_use]
    pub fn open(
        &self,
        key: &PresentedKey,
        sso: &Sso,
        [state, nonce]: [&Private; 2],
        now: i64,
    ) -> Option<Private> {
        let nonce_hash = crypto::sha256_hex(nonce.expose().as_bytes());
        let is_theirs = self.api_key == key.id
            && self.api_key_hash == key.hash()
            && self.issuer == sso.issuer
            && crypto::equal(self.nonce_hash.as_bytes(), nonce_hash.as_bytes())
            && now < self.expires_at;
        let verifier = crypto::open_sealed(state.expose(), &self.sealed_verifier);
        verifier.filter(|_| is_theirs).map(Private::from)
    }
}

/// Whose a provider's `sub` is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The user's id.
    pub user: String,
}

impl Link {
    /// The key of the item that a person's `sub` at `issuer` finds.
    #[must_use]
    pub fn key(enterprise: &str, issuer: &str, person: &Person) -> Key {
        Key::new(format!("ENT#{enterprise}#SSO-SUB#{}", subject_hash(issuer, person)), "LINK")
    }
}

/// The `sub` that a user has at a provider; it lies beside the user.
#[derive(Serialize)]
struct Subject {
    subject_hash: String,
}

fn subject_hash(issuer: &str, person: &Person) -> String {
    crypto::sha256_hex(format!("{issuer}\0{}", person.subject.expose()).as_bytes())
}

impl Store {
    /// Writes a sign-in that begins. `false` when its state is taken.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn begin_sso(&self, enterprise: &str, state: &Private, new: &State) -> Result<bool, Error> {
        self.swap(&State::key(enterprise, state), None, new).await
    }

    /// Takes a sign-in for one call, which alone may ask the provider about it: the provider takes a code
    /// once. `false` when another call has it, or it is over. A call that never comes back holds it for
    /// [`HELD`] seconds.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn hold_sso(&self, key: &Key, operation: &Operation, now: i64) -> Result<bool, Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(key.attributes()))
            .update_expression("SET held_by = :operation, held_until = :until ADD tries :one")
            .condition_expression(
                "held_by = :operation OR (expires_at > :now AND (attribute_not_exists(tries) OR tries < :most) \
                 AND (attribute_not_exists(held_by) OR held_until <= :now))",
            )
            .expression_attribute_values(":operation", operation.value())
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(MOST_TRIES))
            .expression_attribute_values(":until", number(now + HELD))
            .expression_attribute_values(":now", number(now));
        Ok(self.update(request).await?.is_ok())
    }

    /// Lets go of a sign-in, so that it can be tried again.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn release_sso(&self, key: &Key, operation: &Operation) -> Result<(), Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(key.attributes()))
            .update_expression("REMOVE held_by, held_until")
            .condition_expression("held_by = :operation")
            .expression_attribute_values(":operation", operation.value());
        // Not held any more is as good, for an answer that was lost.
        self.update(request).await.map(|_| ())
    }

    /// Uses up a sign-in that the caller holds, as a write of a transaction.
    #[must_use]
    pub fn spending_sso(&self, key: &Key, operation: &Operation) -> TransactWriteItem {
        write!(
            delete,
            Delete::builder()
                .table_name(&self.table)
                .set_key(Some(key.attributes()))
                .condition_expression("held_by = :operation")
                .expression_attribute_values(":operation", operation.value())
        )
    }

    /// Uses up a sign-in that the caller holds, for nothing.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn end_sso(&self, key: &Key, operation: &Operation) -> Result<(), Error> {
        let request = self
            .client
            .delete_item()
            .set_key(Some(key.attributes()))
            .condition_expression("held_by = :operation")
            .expression_attribute_values(":operation", operation.value());
        // Where the condition fails it is gone, for an answer that was lost, or another call's by now.
        self.delete(request).await.map(|_| ())
    }

    /// Notes who a user is at a provider, where neither of the two has been seen before, as writes of a
    /// transaction.
    ///
    /// # Errors
    /// When an item does not serialise.
    pub fn linking(
        &self,
        enterprise: &str,
        user: &str,
        issuer: &str,
        person: &Person,
    ) -> Result<[TransactWriteItem; 2], Error> {
        let link = item(&Link::key(enterprise, issuer, person), &Link { user: user.to_owned() })?;
        let issuer_hash = crypto::sha256_hex(issuer.as_bytes());
        let beside_user = Key::new(User::key(enterprise, user).pk, format!("SSO#{issuer_hash}"));
        let subject = item(&beside_user, &Subject { subject_hash: subject_hash(issuer, person) })?;
        Ok([link, subject].map(|item| {
            write!(
                put,
                Put::builder()
                    .table_name(&self.table)
                    .set_item(Some(item))
                    .condition_expression("attribute_not_exists(pk)")
            )
        }))
    }
}
