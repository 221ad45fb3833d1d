//! Counters of limits.
//!
//! A counter is a set of operation ids. Adding the same id twice changes nothing and taking it out
//! twice changes nothing, so an update that is sent again after a lost answer counts once, and the
//! limit is one condition on the set's size.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, ReturnValue, TransactWriteItem, Update};

use super::{Attributes, Error, Operation, Store, number, write};
use crate::failure::Failure;
use crate::limits::Counter;

/// Seconds for which a counter outlives its window before TTL may remove it.
const KEPT: i64 = 60 * 60;

const TAKE: &str = "ADD operations :one SET expires_at = :expires_at";
const ROOM: &str =
    "attribute_not_exists(operations) OR size(operations) < :max OR contains(operations, :operation)";

/// What became of a try that was to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// It is counted, and no other one is.
    Alone,
    /// It is counted beside others.
    Beside,
    /// The counter is used up.
    Refused,
}

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

impl Counter {
    /// The values of [`TAKE`] and [`ROOM`].
    fn taking_values(&self, operation: &Operation) -> Attributes {
        let values = [
            (":one", one(operation)),
            (":operation", operation.value()),
            (":max", number(self.max.into())),
            (":expires_at", number(self.ends_at + KEPT)),
        ];
        values.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

pub(super) fn one(operation: &Operation) -> AttributeValue {
    AttributeValue::Bs(vec![Blob::new(operation.0)])
}

impl Store {
    /// Counts `operation`, unless the counter is used up. `false` when it is.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn take(&self, counter: &Counter, operation: &Operation) -> Result<bool, Error> {
        Ok(self.reserve(counter, operation).await? != Try::Refused)
    }

    /// As [`Store::take`], and tells whether it is the only one.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn reserve(&self, counter: &Counter, operation: &Operation) -> Result<Try, Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(counter.key.attributes()))
            .update_expression(TAKE)
            .condition_expression(ROOM)
            .set_expression_attribute_values(Some(counter.taking_values(operation)))
            .return_values(ReturnValue::UpdatedNew);
        Ok(match self.update(request).await? {
            Ok(left) => match left.as_ref().and_then(|item| item.get("operations")) {
                Some(AttributeValue::Bs(set)) if set.len() == 1 => Try::Alone,
                _ => Try::Beside,
            },
            Err(_) => Try::Refused,
        })
    }

    /// Whether the counter has room at this moment: a check that is in line with every [`Store::take`],
    /// as a read is not.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn has_room(&self, counter: &Counter) -> Result<bool, Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(counter.key.attributes()))
            .update_expression("SET expires_at = :expires_at")
            .condition_expression("attribute_not_exists(operations) OR size(operations) < :max")
            .expression_attribute_values(":max", number(counter.max.into()))
            .expression_attribute_values(":expires_at", number(counter.ends_at + KEPT));
        Ok(self.update(request).await?.is_ok())
    }

    /// [`Store::take`] as a write of a transaction.
    #[must_use]
    pub fn taking(&self, counter: &Counter, operation: &Operation) -> TransactWriteItem {
        write!(
            update,
            Update::builder()
                .table_name(&self.table)
                .set_key(Some(counter.key.attributes()))
                .update_expression(TAKE)
                .condition_expression(ROOM)
                .set_expression_attribute_values(Some(counter.taking_values(operation)))
        )
    }

    /// Counts `operation` in two counters with one call; the one that has no room, and the first where
    /// neither has. Where one of them is busy in other transactions, with two calls instead: a crowd must not
    /// get around the count. When either has no room, the other one may or may not have counted.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn take_both<'a>(
        &self,
        counters: [&'a Counter; 2],
        operation: &Operation,
    ) -> Result<Option<&'a Counter>, Error> {
        let writes = counters.map(|counter| self.taking(counter, operation));
        let has_room = match self.transact_within(1, writes.into()).await? {
            Some(Ok(())) => [true, true],
            Some(Err(cancelled)) => [!cancelled.failed[0], !cancelled.failed[1]],
            None => {
                let [first, second] = counters;
                tokio::try_join!(self.take(first, operation), self.take(second, operation))?.into()
            }
        };
        Ok(counters.into_iter().zip(has_room).find_map(|(counter, has_room)| (!has_room).then_some(counter)))
    }

    /// Takes `operation` out of the count again.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn give_back(&self, counter: &Counter, operation: &Operation) -> Result<(), Error> {
        let request = self
            .client
            .update_item()
            .set_key(Some(counter.key.attributes()))
            .update_expression("DELETE operations :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", one(operation));
        self.update(request).await.map(|_| ())
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
