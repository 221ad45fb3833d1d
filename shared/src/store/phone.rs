//! Linked phones: the number of one viewer for one screener, the code that was sent to it last, and the wrong
//! tries of the hour.
//!
//! All of it is one item, so that a try is one conditional write: it counts the try, or it spends the code.
//! What a comparison has said has no effect, and is told to nobody, before that write has been made: of a
//! thousand guesses at once, no more are told from each other than there are tries.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::counter::one;
use super::screener::Screener;
use super::{Error, Key, Operation, Store, attribute, number, parse, text, write};
use crate::limits;
use crate::otp::LIFETIME;
use crate::private::Private;

/// Seconds for which a viewer who met a limit meets it again without a write.
const REFUSED_FOR: i64 = 60;

/// Whose number it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A user's, by their id.
    User(String),
    /// The screener's own, for whoever has the link to it.
    Link,
}

impl Subject {
    /// By which it is told from others of the same screener.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::User(id) => format!("USER#{id}"),
            Self::Link => "LINK".to_owned(),
        }
    }
}

/// A code that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCode {
    /// Its keyed hash; see [`crate::otp::hash`].
    pub hash: String,
    /// Epoch seconds at which it stops working.
    pub ends_at: i64,
}

/// A linked phone, as it is read.
#[derive(Clone, Debug, Deserialize)]
pub struct LinkedPhone {
    /// The number in E.164.
    pub number: Private,
    /// Its country (ISO 3166-1 alpha-2).
    pub country: String,
    /// Epoch seconds at which its holder first typed a code of it. From then on it is this number, until an
    /// operator takes it away.
    #[serde(default)]
    pub verified_at: Option<i64>,
    /// The code that works, if there is one.
    #[serde(default)]
    pub code: Option<SentCode>,
    /// Epoch seconds of the last message.
    #[serde(default)]
    pub sent_at: Option<i64>,
    /// The wrong tries of the hour, by their operations.
    #[serde(default)]
    pub tries: Vec<ByteBuf>,
    /// Epoch seconds at which that hour ends.
    #[serde(default)]
    pub tries_until: Option<i64>,
    /// The limit that the last request met.
    #[serde(default)]
    pub refused: Option<Refused>,
    /// Which try spent the last code.
    #[serde(default)]
    pub spent_by: Option<ByteBuf>,
}

/// A limit that a request met, remembered so that whoever goes on does not have all limits asked each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What the log calls the limit.
    pub by: String,
    /// Epoch seconds at which its window ends.
    pub ends_at: i64,
    /// Epoch seconds until which it is not asked again.
    until: i64,
}

impl Refused {
    /// By a limit that was met at `now`.
    #[must_use]
    pub fn new(by: &str, ends_at: i64, now: i64) -> Self {
        Self { by: by.to_owned(), ends_at, until: ends_at.min(now + REFUSED_FOR) }
    }
}

impl LinkedPhone {
    /// The item's key.
    #[must_use]
    pub fn key(enterprise: &str, screener: &str, subject: &Subject) -> Key {
        Key::new(Screener::key(enterprise, screener).pk, format!("PHONE#{}", subject.name()))
    }

    /// Whether a code of it has been typed: then no call of the API puts another number in its place.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified_at.is_some()
    }

    /// Whether no try is left, in the hour of the code that was sent last.
    fn is_used_up(&self) -> bool {
        self.tries.len() >= limits::OTP_TRIES as usize
    }

    /// The code, if it works at `now`. The fifth wrong try has ended it for good: only a new code may begin a
    /// new hour.
    #[must_use]
    pub fn live_code(&self, now: i64) -> Option<&SentCode> {
        self.code.as_ref().filter(|code| now < code.ends_at && !self.is_used_up())
    }

    /// The limit that the viewer has met a moment before `now`.
    #[must_use]
    pub fn refused(&self, now: i64) -> Option<&Refused> {
        self.refused.as_ref().filter(|refused| now < refused.until)
    }

    /// The code that works at `now` and would go on working if a new one came to nothing: not one whose wrong
    /// tries are forgotten with the new one.
    #[must_use]
    pub fn code_to_keep(&self, now: i64) -> Option<&SentCode> {
        self.live_code(now).filter(|_| !self.has_new_hour(now))
    }

    /// Whether the hour of the tries is over at `now`, and a new code has all of them again.
    #[must_use]
    pub fn has_new_hour(&self, now: i64) -> bool {
        self.tries_until.is_some_and(|end| end <= now)
    }

    /// Epoch seconds from which on the same number may be sent another message; `None` when it may at `now`.
    #[must_use]
    pub fn waits_until(&self, now: i64) -> Option<i64> {
        let cooling = self.sent_at.map(|at| at + limits::SMS_PAUSE);
        let locked = self.tries_until.filter(|_| self.is_used_up());
        cooling.max(locked).filter(|end| now < *end)
    }
}

const HAS_TRIES: &str = "(attribute_not_exists(tries) OR size(tries) < :most)";

impl Store {
    /// Links a number in the place of another one or none, and ends the code that was sent to that, as a write of a
    /// transaction. It fails, with the phone as it is, when that one has been verified, and when the number is
    /// linked already: its code is not to end.
    #[must_use]
    pub fn linking_phone(&self, key: &Key, new: &Private, country: &str) -> TransactWriteItem {
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(key.attributes()))
                .update_expression(
                    "SET #number = :number, country = :country REMOVE code, sent_at, code_operation, refused"
                )
                .condition_expression(
                    "attribute_not_exists(verified_at) AND (attribute_not_exists(#number) OR #number <> :number)"
                )
                .expression_attribute_names("#number", "number")
                .expression_attribute_values(":number", text(new.expose()))
                .expression_attribute_values(":country", text(country))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        )
    }

    /// Puts a new code in the place of whichever there was, for the number that was read, as a write of a
    /// transaction. It fails when the number or its code is another one by now, or has no tries left.
    ///
    /// # Errors
    /// When the code does not serialise.
    pub fn sending_code(
        &self,
        key: &Key,
        phone: &LinkedPhone,
        hash: &str,
        operation: &Operation,
        now: i64,
    ) -> Result<TransactWriteItem, Error> {
        let code = SentCode { hash: hash.to_owned(), ends_at: now + LIFETIME };
        let mut update = "SET code = :code, sent_at = :now, code_operation = :operation".to_owned();
        let mut condition = "#number = :number".to_owned();
        let mut builder = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":number", text(phone.number.expose()))
            .expression_attribute_values(":code", attribute(&code)?)
            .expression_attribute_values(":operation", operation.value())
            .expression_attribute_values(":now", number(now));
        match &phone.code {
            None => condition.push_str(" AND attribute_not_exists(code)"),
            Some(code) => {
                condition.push_str(" AND code.#hash = :read");
                builder = builder
                    .expression_attribute_names("#hash", "hash")
                    .expression_attribute_values(":read", text(&code.hash));
            }
        }
        if phone.has_new_hour(now) {
            update.push_str(" REMOVE tries, tries_until");
            condition.push_str(" AND tries_until <= :now");
        } else {
            condition.push_str(" AND ");
            condition.push_str(HAS_TRIES);
            builder = builder.expression_attribute_values(":most", number(limits::OTP_TRIES.into()));
        }
        Ok(write!(update, builder.update_expression(update).condition_expression(condition)))
    }

    /// Takes a code back that `operation` wrote and that was not sent, and puts the one of before in its place, as
    /// a write of a transaction. It fails when that was done before, another number is linked by now or none, or
    /// the code was never written.
    ///
    /// # Errors
    /// When the code does not serialise.
    pub fn withdrawing_code(
        &self,
        key: &Key,
        before: Option<&SentCode>,
        operation: &Operation,
    ) -> Result<TransactWriteItem, Error> {
        let builder = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .condition_expression("code_operation = :operation")
            .expression_attribute_values(":operation", operation.value());
        let builder = match before {
            None => builder.update_expression("REMOVE code, sent_at, code_operation"),
            Some(before) => builder
                .update_expression("SET code = :before REMOVE sent_at, code_operation")
                .expression_attribute_values(":before", attribute(before)?),
        };
        Ok(write!(update, builder))
    }

    /// Remembers the limit that a request for a code met, for the number that was read.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn remember_refusal(
        &self,
        key: &Key,
        phone: &LinkedPhone,
        refused: &Refused,
    ) -> Result<(), Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(key.attributes()))
            .update_expression("SET refused = :refused")
            .condition_expression("#number = :number")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":number", text(phone.number.expose()))
            .expression_attribute_values(":refused", attribute(refused)?);
        self.update(request).await.map(|_| ())
    }

    /// Spends the code that was read, and notes that the number is its holder's. Of many at once exactly one is
    /// `true`; none is when the tries are used up, or the code is no longer the one.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn spend_code(&self, key: &Key, code: &SentCode, now: i64) -> Result<bool, Error> {
        let operation = Operation::new();
        let request = self
            .client
            .update_item()
            .set_key(Some(key.attributes()))
            .update_expression(
                "SET verified_at = if_not_exists(verified_at, :now), spent_by = :operation REMOVE code",
            )
            .condition_expression(format!("code.#hash = :hash AND code.ends_at > :now AND {HAS_TRIES}"))
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":hash", text(&code.hash))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":most", number(limits::OTP_TRIES.into()))
            .expression_attribute_values(":operation", operation.value())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.update(request).await? {
            Ok(_) => Ok(true),
            // By this very try, when its answer was lost; there may be a new code by now.
            Err(found) => Ok(parse::<LinkedPhone>(found)?
                .and_then(|found| found.spent_by)
                .is_some_and(|spent_by| spent_by == operation.0)),
        }
    }

    /// Counts a wrong try at the code that was read. Where none is left, or the code is no longer the one, it
    /// counts nothing: the guess is told apart from no other.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn count_wrong_code(&self, key: &Key, code: &SentCode, now: i64) -> Result<(), Error> {
        let operation = Operation::new();
        let request = self
            .client
            .update_item()
            .set_key(Some(key.attributes()))
            .update_expression("ADD tries :one SET tries_until = if_not_exists(tries_until, :until)")
            .condition_expression(format!(
                "code.#hash = :hash AND code.ends_at > :now AND ({HAS_TRIES} OR contains(tries, :operation))"
            ))
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":hash", text(&code.hash))
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":most", number(limits::OTP_TRIES.into()))
            .expression_attribute_values(":until", number(now + limits::OTP_HOUR))
            .expression_attribute_values(":one", one(&operation))
            .expression_attribute_values(":operation", operation.value());
        self.update(request).await.map(|_| ())
    }

    /// Takes a number away, with its code and its tries; whether there was one.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn reset_phone(&self, key: &Key) -> Result<bool, Error> {
        let request = self.client.delete_item().set_key(Some(key.attributes()));
        Ok(self.delete(request.return_values(ReturnValue::AllOld)).await?.is_some())
    }
}
