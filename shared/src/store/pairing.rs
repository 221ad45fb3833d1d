//! Pairings: a TV that shows a login code and waits for a phone to answer it (RFC 8628).
//!
//! One item for each code. Asking, answering, polling and handing out are each one conditional
//! write. The key is the code alone, since the page that a phone opens knows nothing else: the
//! enterprise is in the item, and every write of whoever answers has it as a condition.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use serde::{Deserialize, Serialize};

use super::api_key::ApiKey;
use super::session::{ApprovingKey, Holder, Session};
use super::{Attributes, Error, Key, Operation, Store, attribute, number, parse, text, write};
use crate::crypto;
use crate::device::Device;
use crate::login_code::LoginCode;
use crate::private::{Private, exposed_if_any};

/// Seconds for which a code works.
pub const LIFETIME: i64 = 300;

/// Seconds for which a TV whose answer was lost gets its session again.
pub const HAND_OUT_GRACE: i64 = 30;

/// Seconds for which a pairing outlives its code before TTL may remove it, so that a TV that comes
/// late is not taken for somebody who guesses.
const KEPT: i64 = 60 * 60;

/// What a person said about a TV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It may sign in as them.
    Approved,
    /// It may not.
    Refused,
}

impl Answer {
    fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Refused => "refused",
        }
    }
}

/// A code and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// Whose enterprise.
    pub enterprise: String,
    /// The API key that asked, and that the session will belong to.
    pub api_key: String,
    /// What asked.
    pub device: Device,
    /// SHA-256 of the device's `udid`, in hex.
    pub udid_hash: String,
    /// SHA-256 of the device's secret, in hex, where its API key gives out one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_code_hash: Option<String>,
    /// Seconds that the device was told to wait between two polls.
    pub polling_interval: i64,
    /// Seconds that its session is going to live.
    pub session_seconds: i64,
    /// Epoch seconds at which the code stops working.
    pub ends_at: i64,
    /// Epoch seconds for TTL.
    pub expires_at: i64,
    /// Epoch seconds of the last poll that was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled_at: Option<i64>,
    /// Who signed in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
    /// What that person is called, when they did so on the page.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "exposed_if_any")]
    pub holder_name: Option<Private>,
    /// SHA-256 of the token of the browser in which they did, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser_hash: Option<String>,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The session that the device was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Epoch seconds at which it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_at: Option<i64>,
}

impl Pairing {
    /// The key of the item that `code` names; for what cannot be a code, of an item that never is, so
    /// that it goes the same way as a code that is wrong.
    #[must_use]
    pub fn key(code: Option<&LoginCode>) -> Key {
        Key::new(format!("QR#{}", code.map_or("-", LoginCode::as_str)), "QR")
    }

    /// When TTL may remove a pairing that is made at `now`.
    #[must_use]
    pub fn kept_until(now: i64) -> i64 {
        now + LIFETIME + KEPT
    }

    /// Whether somebody can still answer at `now`.
    #[must_use]
    pub fn is_open(&self, now: i64) -> bool {
        self.answer.is_none() && now < self.ends_at
    }

    /// Whether it is the device `udid` that asked.
    #[must_use]
    pub fn has_udid(&self, udid: &str) -> bool {
        crypto::equal(crypto::sha256_hex(udid.as_bytes()).as_bytes(), self.udid_hash.as_bytes())
    }

    /// Whether `device_code` is the device's secret, where it has one.
    #[must_use]
    pub fn accepts_device_code(&self, device_code: Option<&str>) -> bool {
        let Some(wanted) = &self.device_code_hash else { return true };
        let given = crypto::sha256_hex(device_code.unwrap_or_default().as_bytes());
        crypto::equal(given.as_bytes(), wanted.as_bytes())
    }

    /// Seconds after a poll from which on the next one is taken: one less than the device was told,
    /// for a clock that ticks otherwise.
    #[must_use]
    pub fn shortest_wait(&self) -> i64 {
        self.polling_interval - 1
    }

    /// Epoch seconds from which on a poll is taken.
    #[must_use]
    pub fn next_poll(&self) -> i64 {
        self.polled_at.map_or(0, |at| at + self.shortest_wait())
    }
}

/// An answer to a code, to be written.
#[derive(Clone, Copy, Debug)]
pub enum Answering<'a> {
    /// The TV may sign in as this person.
    Approve(&'a Holder),
    /// It may sign in as whoever did so last, provided that it was in the browser with this hash.
    ApproveFrom(&'a str),
    /// It may not.
    Refuse,
}

/// What became of a poll for an answer that is there.
#[derive(Debug)]
pub enum HandOut {
    /// The session is the device's.
    Now,
    /// Another poll was taken a moment ago, and may have got the session.
    TooSoon,
    /// Whoever approved may not sign in any more.
    HolderGone,
}

/// The update expression, condition and values of an answer.
fn answer_expressions(
    answering: Answering<'_>,
    enterprise: &str,
    now: i64,
) -> Result<(String, String, Attributes), Error> {
    let answer = match answering {
        Answering::Approve(_) | Answering::ApproveFrom(_) => Answer::Approved,
        Answering::Refuse => Answer::Refused,
    };
    let mut update = "SET answer = :answer, answer_operation = :operation".to_owned();
    let mut condition = "ends_at > :now AND enterprise = :enterprise \
                         AND (attribute_not_exists(answer) OR answer_operation = :operation)"
        .to_owned();
    let mut values = Attributes::from([
        (":answer".to_owned(), text(answer.name())),
        (":now".to_owned(), number(now)),
        (":enterprise".to_owned(), text(enterprise)),
        (":operation".to_owned(), Operation::new().value()),
    ]);
    match answering {
        Answering::Approve(holder) => {
            update.push_str(", holder = :holder");
            values.insert(":holder".to_owned(), attribute(holder)?);
        }
        Answering::ApproveFrom(browser_hash) => {
            condition.push_str(" AND browser_hash = :browser");
            values.insert(":browser".to_owned(), text(browser_hash));
        }
        Answering::Refuse => {}
    }
    Ok((update, condition, values))
}

impl Store {
    /// Writes a new pairing; `false` where the code is taken.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn write_pairing(&self, code: &LoginCode, pairing: &Pairing) -> Result<bool, Error> {
        self.swap(&Pairing::key(Some(code)), None, pairing).await
    }

    /// Answers a code of `enterprise` that nobody has answered and that works at `now`; `false` when
    /// that is not so. Of many at once exactly one is `true`.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn answer(
        &self,
        code: &LoginCode,
        enterprise: &str,
        answering: Answering<'_>,
        now: i64,
    ) -> Result<bool, Error> {
        let (update, condition, values) = answer_expressions(answering, enterprise, now)?;
        let request = self
            .client
            .update_item()
            .set_key(Some(Pairing::key(Some(code)).attributes()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values));
        Ok(self.update(request).await?.is_ok())
    }

    /// [`Store::answer`] as a write of a transaction.
    ///
    /// # Errors
    /// When the holder does not serialise.
    pub fn answering(
        &self,
        code: &LoginCode,
        enterprise: &str,
        answering: Answering<'_>,
        now: i64,
    ) -> Result<TransactWriteItem, Error> {
        let (update, condition, values) = answer_expressions(answering, enterprise, now)?;
        Ok(write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(Pairing::key(Some(code)).attributes()))
                .update_expression(update)
                .condition_expression(condition)
                .set_expression_attribute_values(Some(values))
        ))
    }

    /// Notes who has signed in in which browser, before they are asked for their answer, as a write
    /// of a transaction. It fails when the code is answered or does not work any more.
    ///
    /// # Errors
    /// When the holder does not serialise.
    pub fn noting_holder(
        &self,
        code: &LoginCode,
        enterprise: &str,
        (holder, name): (&Holder, &Private),
        browser_hash: &str,
        now: i64,
    ) -> Result<TransactWriteItem, Error> {
        Ok(write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(Pairing::key(Some(code)).attributes()))
                .update_expression("SET holder = :holder, holder_name = :name, browser_hash = :browser")
                .condition_expression(
                    "ends_at > :now AND enterprise = :enterprise AND attribute_not_exists(answer)"
                )
                .expression_attribute_values(":holder", attribute(holder)?)
                .expression_attribute_values(":name", text(name.expose()))
                .expression_attribute_values(":enterprise", text(enterprise))
                .expression_attribute_values(":browser", text(browser_hash))
                .expression_attribute_values(":now", number(now))
        ))
    }

    /// Notes a poll; `false` when another one was taken too short a time ago.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn poll(&self, code: &LoginCode, pairing: &Pairing, now: i64) -> Result<bool, Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(Pairing::key(Some(code)).attributes()))
            .update_expression("SET polled_at = :now, poll_operation = :operation")
            .condition_expression(
                "ends_at > :now AND (attribute_not_exists(polled_at) OR polled_at <= :before \
                 OR poll_operation = :operation)",
            )
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":before", number(now - pairing.shortest_wait()))
            .expression_attribute_values(":operation", Operation::new().value());
        Ok(self.update(request).await?.is_ok())
    }

    /// Whether the key that approved `session` still works. It is read and not a part of the transaction, in which all
    /// TVs of an application would meet at one item: who ends it between the two is as late as after both.
    async fn still_approves(
        &self,
        approving: &ApprovingKey,
        enterprise: &str,
        session: &Session,
        now: i64,
    ) -> Result<bool, Error> {
        if approving.id == session.api_key {
            // The TV's own has been looked at with this call, and is another one where it was replaced since.
            return Ok(approving.hash == session.api_key_hash);
        }
        let [key] = self.read([&ApiKey::key(enterprise, &approving.id)]).await?;
        Ok(parse::<ApiKey>(key)?.is_some_and(|key| key.hash == approving.hash && key.is_live(now)))
    }

    /// Opens `session` for the device of an approved pairing, once. Of many polls at once exactly
    /// one is [`HandOut::Now`].
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn hand_out(
        &self,
        code: &LoginCode,
        pairing: &Pairing,
        session: &Session,
        now: i64,
    ) -> Result<HandOut, Error> {
        let handing_out = write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(Pairing::key(Some(code)).attributes()))
                // A poll of before that is sent again would move the time of this one back.
                .update_expression(
                    "SET session_id = :session, handed_at = :now, polled_at = :now REMOVE poll_operation"
                )
                .condition_expression(
                    "answer = :approved AND attribute_not_exists(session_id) AND ends_at > :now \
                     AND (attribute_not_exists(polled_at) OR polled_at <= :before)",
                )
                .expression_attribute_values(":session", text(&session.id))
                .expression_attribute_values(":now", number(now))
                .expression_attribute_values(":approved", text(Answer::Approved.name()))
                .expression_attribute_values(":before", number(now - pairing.shortest_wait()))
        );
        let ent = pairing.enterprise.as_str();
        let mut writes = vec![
            handing_out,
            self.opening_session(ent, session)?,
            self.requiring_user(ent, &session.user, session.epoch),
        ];
        // Whoever ends the session that approved, or its API key, ends the approval too.
        let holder = pairing.holder.as_ref();
        if let Some(vouching) = holder.and_then(|holder| holder.vouching.as_ref()) {
            let key = Session::key(ent, &session.user, &vouching.session);
            writes.push(self.requiring_session(&key, now));
        }
        if let Some(approving) = holder.and_then(|holder| holder.approving_key.as_ref())
            && !self.still_approves(approving, ent, session, now).await?
        {
            return Ok(HandOut::HolderGone);
        }
        match self.transact(writes).await? {
            Ok(()) => Ok(HandOut::Now),
            Err(cancelled) if cancelled.failed[0] => Ok(HandOut::TooSoon),
            Err(cancelled) if cancelled.failed[1] => Err(Error::new("a new session's id was taken")),
            Err(_) => Ok(HandOut::HolderGone),
        }
    }
}
