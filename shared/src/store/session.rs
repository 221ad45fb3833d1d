//! Sessions: one login's life, which its access and refresh tokens name.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, Select, TransactWriteItem,
};
use serde::{Deserialize, Serialize};

use super::api_key::ApiKey;
use super::user::User;
use super::{Attributes, Error, Key, Operation, Store, item, number, parse, text, write};
use crate::api_key::PresentedKey;
use crate::aws::describe;
use crate::crypto;
use crate::failure::{Failure, Surface};

/// Seconds for which a spent refresh token still gives its successor.
pub const ROTATION_GRACE: i64 = 10;

/// The most seconds that any enterprise's sessions may live: 366 days.
pub const LONGEST_SESSION: i64 = 366 * 24 * 60 * 60;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// `<user id>-<ULID>`, so that the id alone names the item; the tokens' `sid`.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// The API key that opened it; the tokens' `client_id`.
    pub api_key: String,
    /// That key's hash: a new key under the same id does not bring back what the old one opened.
    #[serde(default)]
    pub api_key_hash: String,
    /// `watch` or `admin`; the access tokens' `aud`.
    pub surface: String,
    /// The user's epoch at login.
    pub epoch: i64,
    /// How the person signed in: `pwd`, `pin` (RFC 8176), and `sso`, which is our own.
    pub amr: Vec<String>,
    /// The `jti` of the refresh token that works.
    pub refresh_jti: String,
    /// The `jti` of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_jti: Option<String>,
    /// Epoch seconds at which that one was spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<i64>,
    /// The refresh token that works, readable only with the one before.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "serde_bytes")]
    pub sealed_successor: Option<Vec<u8>>,
    /// Epoch seconds of the login.
    pub created_at: i64,
    /// Epoch seconds at which it is over, whatever happens; TTL too.
    pub expires_at: i64,
    /// Epoch seconds at which it was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// Whose session it is going to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The user's id.
    pub user: String,
    /// The user's epoch when they signed in.
    pub epoch: i64,
    /// `viewer`, `admin`, `owner`.
    pub roles: Vec<String>,
    /// How they signed in; see [`Session::amr`].
    pub amr: Vec<String>,
    /// Epoch seconds at which what they signed in with stops working, and with it all that it opened: a PIN's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<i64>,
    /// The session by which they vouch for a new one, where they did not sign in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouching: Option<Vouching>,
    /// The API key with which they let another device sign in; the phone's page has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approving_key: Option<ApprovingKey>,
}

/// A session by which a person lets another device sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouching {
    /// Its id.
    pub session: String,
    /// Epoch seconds at which it is over, and with it what it vouches for: no chain of sessions
    /// outlives a sign-in.
    pub expires_at: i64,
}

/// The API key of whoever lets another device sign in: their session's, or that of the call with their credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovingKey {
    /// Its id.
    pub id: String,
    /// Its hash: a new key under the same id has not approved anything.
    pub hash: String,
}

impl Session {
    /// A new session of `holder`, opened with the key `api_key` of `surface`, that lives for so many
    /// seconds, and no longer than the one that vouches for it or what they signed in with.
    #[must_use]
    pub fn new(holder: &Holder, api_key: &PresentedKey, surface: Surface, now: i64, seconds: i64) -> Self {
        Self {
            id: format!("{}-{}", holder.user, crypto::new_id()),
            user: holder.user.clone(),
            api_key: api_key.id.clone(),
            api_key_hash: api_key.hash(),
            surface: surface.name().to_owned(),
            epoch: holder.epoch,
            amr: holder.amr.clone(),
            refresh_jti: crypto::new_id(),
            previous_jti: None,
            rotated_at: None,
            sealed_successor: None,
            created_at: now,
            expires_at: [holder.not_after, holder.vouching.as_ref().map(|vouching| vouching.expires_at)]
                .into_iter()
                .flatten()
                .fold(now + seconds, i64::min),
            ended_at: None,
        }
    }

    /// The item's key.
    #[must_use]
    pub fn key(enterprise: &str, user: &str, id: &str) -> Key {
        Key::new(User::key(enterprise, user).pk, format!("SESSION#{id}"))
    }

    /// The user whose session `id` names.
    #[must_use]
    pub fn user_of(id: &str) -> Option<&str> {
        id.rsplit_once('-').map(|(user, _)| user)
    }

    /// Whether the session lives at `now`: neither ended nor over, its user enabled and of the
    /// same epoch, and its API key neither revoked nor expired.
    #[must_use]
    pub fn is_live(&self, user: &User, api_key: &ApiKey, now: i64) -> bool {
        self.ended_at.is_none()
            && now < self.expires_at
            && !user.disabled
            && user.epoch == self.epoch
            && self.user == user.id
            && self.api_key == api_key.id
            && self.api_key_hash == api_key.hash
            && self.surface == api_key.surface
            && api_key.is_live(now)
    }
}

/// What a refresh token is that is not the current one.
#[derive(Debug)]
pub enum Spent {
    /// It was spent a moment ago: here is its successor, sealed.
    Before(Vec<u8>),
    /// It was spent earlier, or is none of this session's.
    Reused,
    /// The session is no longer there, or ended.
    Gone,
}

impl Store {
    /// Writes a new session, as a write of a transaction.
    ///
    /// # Errors
    /// When the session does not serialise.
    pub fn opening_session(&self, enterprise: &str, session: &Session) -> Result<TransactWriteItem, Error> {
        let key = Session::key(enterprise, &session.user, &session.id);
        Ok(write!(
            put,
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(&key, session)?))
                .condition_expression("attribute_not_exists(pk)")
        ))
    }

    /// Requires that a session lives at `now`, as a part of a transaction.
    #[must_use]
    pub fn requiring_session(&self, key: &Key, now: i64) -> TransactWriteItem {
        write!(
            condition_check,
            ConditionCheck::builder()
                .table_name(&self.table)
                .set_key(Some(key.attributes()))
                .condition_expression("expires_at > :now AND attribute_not_exists(ended_at)")
                .expression_attribute_values(":now", number(now))
        )
    }

    /// Ends a session; whether it lived. Ending it again, or one that is over or no longer there, changes
    /// nothing.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn end_session(&self, key: &Key, now: i64) -> Result<bool, Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(key.attributes()))
            .update_expression("SET ended_at = :now, end_operation = :operation")
            .condition_expression(
                "expires_at > :now AND (attribute_not_exists(ended_at) OR end_operation = :operation)",
            )
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":operation", Operation::new().value());
        Ok(self.update(request).await?.is_ok())
    }

    /// How many of the sessions that a user opened in `user`'s epoch are not over at `now`.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn count_sessions(&self, enterprise: &str, user: &User, now: i64) -> Result<usize, Error> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            // Those of opaque tokens are kept for longer than they last.
            .filter_expression(
                "expires_at > :now AND epoch = :epoch AND attribute_not_exists(ended_at) \
                 AND (attribute_not_exists(caps_at) OR caps_at > :now)",
            )
            .expression_attribute_values(":pk", text(User::key(enterprise, &user.id).pk))
            .expression_attribute_values(":sk", text("SESSION#"))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":epoch", number(user.epoch))
            .select(Select::Count)
            .into_paginator()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|error| Error::new(describe("Query", &error)))?;
        Ok(pages.iter().map(|page| usize::try_from(page.count()).unwrap_or(0)).sum())
    }

    /// Spends the refresh token `old_jti` for `new_jti`. Of many at once exactly one is `Ok(())`; the others, and
    /// the same one sent again, find what it left.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn rotate(
        &self,
        key: &Key,
        old_jti: &str,
        new_jti: &str,
        sealed: Vec<u8>,
        now: i64,
    ) -> Result<Result<(), Spent>, Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(key.attributes()))
            .update_expression(
                "SET refresh_jti = :new, previous_jti = :old, rotated_at = :now, sealed_successor = :sealed",
            )
            .condition_expression("refresh_jti = :old AND attribute_not_exists(ended_at)")
            .expression_attribute_values(":old", text(old_jti))
            .expression_attribute_values(":new", text(new_jti))
            .expression_attribute_values(":sealed", AttributeValue::B(Blob::new(sealed)))
            .expression_attribute_values(":now", number(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.update(request).await? {
            Ok(_) => Ok(Ok(())),
            Err(found) => {
                let found = parse::<Session>(found)?;
                Ok(found.map_or(Err(Spent::Gone), |session| session.not_rotated(old_jti, new_jti, now)))
            }
        }
    }
}

impl Session {
    /// What became of the rotation of `old_jti` to `new_jti`, by the session on which its condition failed.
    ///
    /// # Errors
    /// When it is not this call that spent `old_jti`.
    pub fn not_rotated(self, old_jti: &str, new_jti: &str, now: i64) -> Result<(), Spent> {
        // The answer was lost, and whoever got the successor meanwhile by the same token has spent it already: that
        // is no reuse of the token by this call, which was the one to spend it.
        if self.ended_at.is_none() && self.previous_jti.as_deref() == Some(new_jti) {
            return Ok(());
        }
        Err(self.already_spent(old_jti, now))
    }

    /// What a refresh token that is not the current one gets.
    #[must_use]
    pub fn already_spent(self, jti: &str, now: i64) -> Spent {
        let in_grace = self.rotated_at.is_some_and(|at| now <= at + ROTATION_GRACE);
        match self.sealed_successor {
            _ if self.ended_at.is_some() => Spent::Gone,
            Some(sealed) if in_grace && self.previous_jti.as_deref() == Some(jti) => Spent::Before(sealed),
            _ => Spent::Reused,
        }
    }
}

/// A session with its user and API key, read together.
#[derive(Debug)]
pub struct Live {
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub user: User,
    /// The key that opened it.
    pub api_key: ApiKey,
}

impl Live {
    /// The keys of the three items that a token names.
    #[must_use]
    pub fn keys(enterprise: &str, user: &str, session: &str, api_key: &str) -> [Key; 3] {
        [
            Session::key(enterprise, user, session),
            User::key(enterprise, user),
            ApiKey::key(enterprise, api_key),
        ]
    }

    /// Reads the three items in the order of [`Live::keys`], of a session that lives at `now`.
    ///
    /// # Errors
    /// [`Failure::Token`] when one is missing or the session is over.
    pub fn parse([session, user, api_key]: [Option<Attributes>; 3], now: i64) -> Result<Self, Failure> {
        Self::with_key([session, user], parse(api_key)?.ok_or(Failure::Token)?, now)
    }

    /// [`Live::parse`] where the API key has been read already.
    ///
    /// # Errors
    /// As [`Live::parse`].
    pub fn with_key(
        [session, user]: [Option<Attributes>; 2],
        api_key: ApiKey,
        now: i64,
    ) -> Result<Self, Failure> {
        let session = parse::<Session>(session)?.ok_or(Failure::Token)?;
        let user = parse::<User>(user)?.ok_or(Failure::Token)?;
        if session.is_live(&user, &api_key, now) {
            Ok(Self { session, user, api_key })
        } else {
            Err(Failure::Token)
        }
    }
}
