//! Counters of limits.
//!
//! A counter is a set of operation ids. Adding the same id twice changes nothing and taking it out
//! twice changes nothing, so an update that is sent again after a lost answer counts once, and the
//! limit is one condition on the set's size.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update};

use super::{ATTEMPTS, Attributes, Error, Operation, Store, describe, is_passing, number, pause, write};
use crate::failure::Failure;
use crate::limits::Counter;

/// Seconds for which a counter outlives its window before TTL may remove it.
const KEPT: i64 = 60 * 60;

const ROOM: &str =
    "attribute_not_exists(operations) OR size(operations) < :max OR contains(operations, :operation)";

impl Counter {
    /// The refusal that a used-up counter gives at `now`.
    #[must_use]
    pub fn refusal(&self, now: i64) -> Failure {
        Failure::RateLimited { retry_after: (self.ends_at - now).max(1) }
    }

    /// Whether the counter's item, as it was read, is used up.
    #[must_use]
    pub fn is_used_up(&self, item: Option<&Attributes>) -> bool {
        let operations = item.and_then(|item| item.get("operations"));
        matches!(operations, Some(AttributeValue::Bs(set)) if set.len() >= self.max as usize)
    }
}

fn one(operation: &Operation) -> AttributeValue {
    AttributeValue::Bs(vec![Blob::new(operation.0)])
}

impl Store {
    /// Counts `operation`, unless the counter is used up. `false` when it is.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn take(&self, counter: &Counter, operation: &Operation) -> Result<bool, Error> {
        for attempt in 0..ATTEMPTS {
            let answer = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(counter.key.attributes()))
                .update_expression("ADD operations :one SET expires_at = :expires_at")
                .condition_expression(ROOM)
                .expression_attribute_values(":one", one(operation))
                .expression_attribute_values(":operation", AttributeValue::B(Blob::new(operation.0)))
                .expression_attribute_values(":max", number(counter.max.into()))
                .expression_attribute_values(":expires_at", number(counter.ends_at + KEPT))
                .send()
                .await;
            match answer {
                Ok(_) => return Ok(true),
                Err(error) if error.code() == Some("ConditionalCheckFailedException") => return Ok(false),
                Err(error) if error.code().is_some_and(is_passing) => pause(attempt).await,
                Err(error) => return Err(Error(describe("UpdateItem", &error))),
            }
        }
        Err(Error("UpdateItem kept meeting transactions".into()))
    }

    /// [`Store::take`] as a write of a transaction.
    #[must_use]
    pub fn taking(&self, counter: &Counter, operation: &Operation) -> TransactWriteItem {
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(counter.key.attributes()))
                .update_expression("ADD operations :one SET expires_at = :expires_at")
                .condition_expression(ROOM)
                .expression_attribute_values(":one", one(operation))
                .expression_attribute_values(":operation", AttributeValue::B(Blob::new(operation.0)))
                .expression_attribute_values(":max", number(counter.max.into()))
                .expression_attribute_values(":expires_at", number(counter.ends_at + KEPT))
        )
    }

    /// Takes `operation` out of the count again, as a write of a transaction.
    #[must_use]
    pub fn giving_back(&self, counter: &Counter, operation: &Operation) -> TransactWriteItem {
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(counter.key.attributes()))
                .update_expression("DELETE operations :one SET expires_at = :expires_at")
                .expression_attribute_values(":one", one(operation))
                .expression_attribute_values(":expires_at", number(counter.ends_at + KEPT))
        )
    }

    /// Starts a counter afresh, as a write of a transaction.
    #[must_use]
    pub fn clearing(&self, counter: &Counter) -> TransactWriteItem {
        write!(delete, Delete::builder().table_name(&self.table).set_key(Some(counter.key.attributes())))
    }

    /// Starts a counter afresh unless it is used up, as a write of a transaction.
    #[must_use]
    pub fn clearing_unless_used_up(&self, counter: &Counter) -> TransactWriteItem {
        write!(
            delete,
            Delete::builder()
                .table_name(&self.table)
                .set_key(Some(counter.key.attributes()))
                .condition_expression("attribute_not_exists(operations) OR size(operations) < :max")
                .expression_attribute_values(":max", number(counter.max.into()))
        )
    }
}
