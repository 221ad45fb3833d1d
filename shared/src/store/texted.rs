//! Numbers that were sent text messages, by whomever and for whatever: when each was sent its last five.
//!
//! Five times and no count, so that an hour is any hour, and the pause and the limit are one conditional write.

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use serde::Deserialize;

use super::{Attributes, Error, Key, Store, number, parse, write};
use crate::limits::SMS_PAUSE;

/// Seconds within which a number is sent no more than five.
const HOUR: i64 = 60 * 60;

/// Seconds for which it is remembered that a number was sent a message, before TTL may remove that.
const KEPT: i64 = 2 * HOUR;

/// When a number was sent its last five messages, in epoch seconds; the first one is the newest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Texted {
    sent1: i64,
    sent5: i64,
}

/// Why a number is sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Epoch seconds at which it may be again.
    pub until: i64,
    /// Whether it has had its five, and not only one a moment ago.
    pub had_five: bool,
}

impl Waiting {
    /// For a number whose item, where it is told, did not admit a message at `now`.
    ///
    /// # Errors
    /// When the item has another form.
    pub fn of(found: Option<Attributes>, now: i64) -> Result<Self, Error> {
        let Texted { sent1, sent5 } = parse(found)?.unwrap_or_default();
        let (cooled, hour_over) = (sent1 + SMS_PAUSE, sent5 + HOUR);
        Ok(if hour_over > now {
            Self { until: hour_over.max(cooled), had_five: true }
        } else {
            // A store that does not tell the item: it is no longer than this.
            Self { until: if cooled > now { cooled } else { now + SMS_PAUSE }, had_five: false }
        })
    }
}

fn key(number_hash: &str) -> Key {
    Key::new(format!("PHONE#{number_hash}"), "TEXTED")
}

impl Store {
    /// Notes that the number with this keyed hash is sent a message, as a write of a transaction. It fails, with
    /// the item for [`Waiting::of`], when the number was sent one a moment ago, or five within the hour.
    #[must_use]
    pub fn texting(&self, number_hash: &str, now: i64) -> TransactWriteItem {
        // Each right side is read before anything is set.
        const UPDATE: &str = "SET sent5 = if_not_exists(sent4, :never), sent4 = if_not_exists(sent3, :never), \
            sent3 = if_not_exists(sent2, :never), sent2 = if_not_exists(sent1, :never), sent1 = :now, \
            expires_at = :expires_at";
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(key(number_hash).attributes()))
                .update_expression(UPDATE)
                .condition_expression(
                    "attribute_not_exists(sent1) OR (sent1 <= :cooled AND sent5 <= :hour_ago)"
                )
                .expression_attribute_values(":never", number(0))
                .expression_attribute_values(":now", number(now))
                .expression_attribute_values(":cooled", number(now - SMS_PAUSE))
                .expression_attribute_values(":hour_ago", number(now - HOUR))
                .expression_attribute_values(":expires_at", number(now + KEPT))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        )
    }

    /// Forgets the last message again, as a write of a transaction. The oldest one that [`Store::texting`] forgot
    /// for it was more than an hour old.
    #[must_use]
    pub fn not_texting(&self, number_hash: &str) -> TransactWriteItem {
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(key(number_hash).attributes()))
                .update_expression(
                    "SET sent1 = sent2, sent2 = sent3, sent3 = sent4, sent4 = sent5, sent5 = :never"
                )
                .condition_expression("attribute_exists(sent1)")
                .expression_attribute_values(":never", number(0))
        )
    }
}
