//! Sessions that an opaque token names: they end when nobody uses them for a while.
//!
//! How a token stands is judged by the item as it was read; see [`OpaqueSession::judge`]. A use is written at most
//! once a minute, so the minute after one counts as used: a call that was not written must not be forgotten.

use std::fmt;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::session::{Holder, ROTATION_GRACE, Session};
use super::user::User;
use super::{Attributes, Error, Key, Store, item, number, parse, text, write};
use crate::crypto;
use crate::store::enterprise::Settings;
use crate::token::opaque::OpaqueToken;

/// Seconds that a token works, however much it is used; a refresh of one that works does not begin them anew.
const LONGEST: i64 = 12 * 60 * 60;

/// Seconds for which a token that nobody has used for too long can be refreshed.
const REFRESHABLE: i64 = 24 * 60 * 60;

/// Seconds between two writes of a use.
const SLIDE: i64 = 60;

/// Seconds for which a session is kept after its token's last possible moment, so that it is known to be over.
const KEPT: i64 = 2 * 24 * 60 * 60;

/// A session. Its `Debug` leaves out what its tokens are known by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpaqueSession {
    /// `<user id>-<ULID>`, as every session's, so that it is hotlisted and counted as one.
    pub id: String,
    /// The user's epoch at login.
    epoch: i64,
    /// By which its tokens are known, those too that were spent long ago. It opens nothing.
    tag_key: String,
    /// SHA-256 of the token that works, in hex.
    hash: String,
    /// SHA-256 of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_hash: Option<String>,
    /// Epoch seconds at which that one was spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotated_at: Option<i64>,
    /// The token that works, readable only with the one before.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "serde_bytes")]
    sealed_successor: Option<Vec<u8>>,
    /// Seconds without a use after which it is over.
    idle_seconds: i64,
    /// Epoch seconds of the last use that was written; at first, of the login or the refresh.
    used_at: i64,
    /// Whether there may have been others in the minute after it.
    #[serde(default)]
    slides: bool,
    /// Epoch seconds at which the token is over, however much it is used.
    caps_at: i64,
    /// Epoch seconds at which no refresh goes on.
    ends_at: i64,
    /// Epoch seconds at which it was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    /// Epoch seconds for TTL.
    expires_at: i64,
}

impl fmt::Debug for OpaqueSession {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OpaqueSession").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How a token stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// It works.
    Live,
    /// Nobody has used it for too long; it can be refreshed.
    Idle,
    /// It was spent for its successor, which is here, sealed, if that was a moment ago and is the last one.
    Spent(Option<Vec<u8>>),
    /// It was ended, or is too old for anything.
    Over,
    /// It is none of this session's.
    Unknown,
}

impl OpaqueSession {
    /// A new session of `holder` and its token, by the settings of their enterprise. `None` when an id is none of
    /// ours.
    #[must_use]
    pub fn open(
        enterprise: &str,
        holder: &Holder,
        settings: &Settings,
        now: i64,
    ) -> Option<(Self, OpaqueToken)> {
        let tag_key = HEXLOWER.encode(&crypto::random::<16>());
        let token = OpaqueToken::generate(enterprise, &holder.user, &crypto::new_id(), &tag_key)?;
        let ends_at = now + settings.refresh_seconds_max;
        let caps_at = ends_at.min(now + LONGEST);
        let session = Self {
            id: id(&token),
            epoch: holder.epoch,
            tag_key,
            hash: token.hash(),
            previous_hash: None,
            rotated_at: None,
            sealed_successor: None,
            idle_seconds: settings.idle_seconds,
            used_at: now,
            slides: false,
            caps_at,
            ends_at,
            ended_at: None,
            expires_at: caps_at + KEPT,
        };
        Some((session, token))
    }

    /// The key of the session that a token names.
    #[must_use]
    pub fn key(token: &OpaqueToken) -> Key {
        Session::key(&token.enterprise, &token.user, &id(token))
    }

    /// Reads an item. A session with other tokens lies under keys of the same form, and is none of these.
    ///
    /// # Errors
    /// When the item is not what we write.
    pub fn parse(item: Option<Attributes>) -> Result<Option<Self>, Error> {
        parse(item.filter(|item| item.contains_key("tag_key")))
    }

    /// Another token of the session that `token` is one of.
    #[must_use]
    pub fn successor(&self, token: &OpaqueToken) -> Option<OpaqueToken> {
        OpaqueToken::generate(&token.enterprise, &token.user, &token.session, &self.tag_key)
    }

    /// How a token stands at `now` that names this session of `user`.
    #[must_use]
    pub fn judge(&self, token: &OpaqueToken, user: &User, now: i64) -> Standing {
        let is = |hash: String, stored: &str| crypto::equal(hash.as_bytes(), stored.as_bytes());
        let is_current = is(token.hash(), &self.hash);
        let is_previous = self.previous_hash.as_deref().is_some_and(|hash| is(token.hash(), hash));
        if !is_current && !is_previous && !token.has_tag_of(&self.tag_key) {
            return Standing::Unknown;
        }
        if self.ended_at.is_some() || user.disabled || user.epoch != self.epoch || now >= self.ends_at {
            return Standing::Over;
        }
        if !is_current {
            let in_grace = is_previous && self.rotated_at.is_some_and(|at| now <= at + ROTATION_GRACE);
            return Standing::Spent(self.sealed_successor.clone().filter(|_| in_grace));
        }
        // What may have been used without a write: what came within the minute, and a refresh that was asked for again.
        let unwritten = match (self.slides, self.rotated_at) {
            (true, _) => SLIDE,
            (false, Some(_)) => ROTATION_GRACE,
            (false, None) => 0,
        };
        // The last moment of a use within the limit: seconds are cut off, so it counts too.
        let idle_from = self.used_at + self.idle_seconds + unwritten;
        if now <= idle_from && now < self.caps_at {
            Standing::Live
        } else if idle_from < self.caps_at && now < idle_from + REFRESHABLE {
            Standing::Idle
        } else {
            Standing::Over
        }
    }

    /// Whether a use at `now` is to be written.
    #[must_use]
    pub fn is_to_slide(&self, now: i64) -> bool {
        !self.slides || now >= self.used_at + SLIDE
    }
}

fn id(token: &OpaqueToken) -> String {
    format!("{}-{}", token.user, token.session)
}

impl Store {
    /// Writes a new session, as a write of a transaction.
    ///
    /// # Errors
    /// When the session does not serialise.
    pub fn opening_opaque(
        &self,
        token: &OpaqueToken,
        session: &OpaqueSession,
    ) -> Result<TransactWriteItem, Error> {
        Ok(write!(
            put,
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(&OpaqueSession::key(token), session)?))
                .condition_expression("attribute_not_exists(pk)")
        ))
    }

    /// Notes a use at `now`. Where another call was faster, or has ended the session, nothing is noted.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn slide_opaque(&self, token: &OpaqueToken, now: i64) -> Result<(), Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(OpaqueSession::key(token).attributes()))
            .update_expression("SET used_at = :now, slides = :yes")
            .condition_expression(
                "#hash = :hash AND attribute_not_exists(ended_at) AND (slides = :no OR used_at <= :before)",
            )
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":hash", text(token.hash()))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":before", number(now - SLIDE))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        self.update(request).await.map(|_| ())
    }

    /// Ends the session that a token names, whichever of its tokens works; whether it had not ended.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn end_opaque(&self, token: &OpaqueToken, now: i64) -> Result<bool, Error> {
        self.end_session(&OpaqueSession::key(token), now).await
    }

    /// Spends a token of `session`, which stands as it was read at `now`, for `successor`. Of many at once exactly
    /// one does; the others, and the same one sent again, get the session as they found it.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn rotate_opaque(
        &self,
        session: &OpaqueSession,
        token: &OpaqueToken,
        successor: &OpaqueToken,
        now: i64,
    ) -> Result<Result<(), Option<OpaqueSession>>, Error> {
        // What works goes on to its end; what was idle begins anew where that has passed.
        let caps_at =
            if now < session.caps_at { session.caps_at } else { session.ends_at.min(now + LONGEST) };
        let sealed = crypto::seal_once(token.expose(), successor.expose());
        let request = self
            .client
            .update_item()
            .set_key(Some(OpaqueSession::key(token).attributes()))
            .update_expression(
                "SET #hash = :new, previous_hash = :old, rotated_at = :now, sealed_successor = :sealed, \
                 used_at = :now, slides = :no, caps_at = :caps_at, expires_at = :expires_at",
            )
            .condition_expression("#hash = :old AND attribute_not_exists(ended_at)")
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":old", text(token.hash()))
            .expression_attribute_values(":new", text(successor.hash()))
            .expression_attribute_values(":sealed", AttributeValue::B(Blob::new(sealed)))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":caps_at", number(caps_at))
            .expression_attribute_values(":expires_at", number(caps_at + KEPT))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.update(request).await? {
            Ok(_) => Ok(Ok(())),
            Err(found) => {
                let found = parse::<OpaqueSession>(found)?;
                // As in `Session::not_rotated`.
                let is_own = found.as_ref().is_some_and(|found| {
                    found.ended_at.is_none() && found.previous_hash == Some(successor.hash())
                });
                Ok(if is_own { Ok(()) } else { Err(found) })
            }
        }
    }
}
