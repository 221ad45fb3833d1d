//! Writes: one item on its condition, or several in a transaction. Each finds itself when it is sent again after a
//! lost answer, and is made again when it meets another call's transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use serde::Serialize;

use super::{ATTEMPTS, Attributes, Error, Key, Store, item, write};
use crate::aws::{describe, pause};
use crate::crypto;

/// A transaction that was cancelled because conditions failed.
#[derive(Debug)]
pub struct Cancelled {
    /// For each write, in order, whether its own condition failed.
    pub failed: Vec<bool>,
    /// For each write, the item on which that happened, where the write asks for it.
    pub found: Vec<Option<Attributes>>,
}

impl Store {
    /// Sends an update until it does not meet a transaction. Gives the attributes that the request asks
    /// for. The inner error is a condition that failed, with the item where the request asks for it.
    pub(super) async fn update(
        &self,
        request: UpdateItemFluentBuilder,
    ) -> Result<Result<Option<Attributes>, Option<Attributes>>, Error> {
        for attempt in 0..ATTEMPTS {
            let error = match request.clone().table_name(&self.table).send().await {
                Ok(answer) => return Ok(Ok(answer.attributes)),
                Err(error) => error,
            };
            if error.code().is_some_and(is_passing) {
                pause(attempt).await;
                continue;
            }
            return match error {
                SdkError::ServiceError(service) => match service.into_err() {
                    UpdateItemError::ConditionalCheckFailedException(failed) => Ok(Err(failed.item)),
                    other => {
                        Err(Error::new(format!("UpdateItem refused: {}", other.code().unwrap_or("no code"))))
                    }
                },
                other => Err(Error::new(describe("UpdateItem", &other))),
            };
        }
        Err(Error::crowded("UpdateItem kept meeting transactions"))
    }

    /// Sends a deletion until it does not meet a transaction. Gives the item that was deleted, where the request asks
    /// for it; one whose condition fails stays.
    pub(super) async fn delete(&self, request: DeleteItemFluentBuilder) -> Result<Option<Attributes>, Error> {
        for attempt in 0..ATTEMPTS {
            let error = match request.clone().table_name(&self.table).send().await {
                Ok(answer) => return Ok(answer.attributes),
                Err(error) => error,
            };
            if error.code().is_some_and(is_passing) {
                pause(attempt).await;
                continue;
            }
            return match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(Error::new(describe("DeleteItem", &error))),
            };
        }
        Err(Error::crowded("DeleteItem kept meeting transactions"))
    }

    /// Puts `new` where `old` is, attribute for attribute as it was read and with none of `new`'s that
    /// it had not, or where nothing is. `false` when something else is there.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn swap(
        &self,
        key: &Key,
        old: Option<&Attributes>,
        new: &impl Serialize,
    ) -> Result<bool, Error> {
        Ok(self.transact(vec![self.swapping(key, old, new)?]).await?.is_ok())
    }

    /// [`Store::swap`] as a write of a transaction.
    pub(super) fn swapping(
        &self,
        key: &Key,
        old: Option<&Attributes>,
        new: &impl Serialize,
    ) -> Result<TransactWriteItem, Error> {
        let new = item(key, new)?;
        let put = Put::builder().table_name(&self.table);
        let Some(old) = old else {
            return Ok(write!(put, put.set_item(Some(new)).condition_expression("attribute_not_exists(pk)")));
        };
        let (is_old, mut names, values) = all_equal(old);
        let mut terms = vec![is_old];
        for (index, name) in new.keys().filter(|name| !old.contains_key(*name)).enumerate() {
            terms.push(format!("attribute_not_exists(#absent{index})"));
            names.insert(format!("#absent{index}"), name.clone());
        }
        let put = put.condition_expression(terms.join(" AND ")).set_expression_attribute_names(Some(names));
        Ok(write!(put, put.set_item(Some(new)).set_expression_attribute_values(Some(values))))
    }

    /// Puts one item on its condition. Sent again after a lost answer, it finds what it put and is content.
    async fn put(&self, put: &Put) -> Result<Result<(), Cancelled>, Error> {
        for attempt in 0..ATTEMPTS {
            let request = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(put.item().clone()))
                .set_condition_expression(put.condition_expression().map(ToOwned::to_owned))
                .set_expression_attribute_names(put.expression_attribute_names().cloned())
                .set_expression_attribute_values(put.expression_attribute_values().cloned())
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let Err(error) = request.send().await else { return Ok(Ok(())) };
            if error.code().is_some_and(is_passing) {
                pause(attempt).await;
                continue;
            }
            return match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(match &failed.item {
                    Some(found) if found == put.item() => Ok(()),
                    found => Err(Cancelled { failed: vec![true], found: vec![found.clone()] }),
                }),
                _ => Err(Error::new(describe("PutItem", &error))),
            };
        }
        Err(Error::crowded("PutItem kept meeting transactions"))
    }

    /// Carries out all writes or none. Meeting another transaction on an item is not a refusal:
    /// the transaction is made again. A put alone is no transaction, which would cost twice as much.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer; a failed condition is the inner [`Cancelled`].
    pub async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Result<(), Cancelled>, Error> {
        if let [TransactWriteItem { put: Some(put), .. }] = &*writes {
            return self.put(put).await;
        }
        let outcome = self.transact_within(ATTEMPTS, writes).await?;
        outcome.ok_or_else(|| Error::crowded("TransactWriteItems kept meeting other transactions"))
    }

    /// As [`Store::transact`], with so many attempts; `None` when each met another transaction.
    pub(super) async fn transact_within(
        &self,
        attempts: u32,
        writes: Vec<TransactWriteItem>,
    ) -> Result<Option<Result<(), Cancelled>>, Error> {
        // Sent again after a lost answer, by the SDK or below, the token finds the first outcome.
        let token = crypto::new_id();
        for attempt in 0..attempts {
            let request = self.client.transact_write_items().client_request_token(&token);
            let answer = request.set_transact_items(Some(writes.clone())).send().await;
            let Err(error) = answer else { return Ok(Some(Ok(()))) };
            match reasons(&error) {
                Some(reasons) if reasons.iter().any(has_failed) => {
                    let failed = reasons.iter().map(has_failed).collect();
                    let found = reasons.iter().map(|reason| reason.item().cloned()).collect();
                    return Ok(Some(Err(Cancelled { failed, found })));
                }
                Some(reasons)
                    if reasons.iter().all(|reason| code(reason) == "None" || is_passing(code(reason))) => {}
                Some(reasons) => {
                    let codes: Vec<_> = reasons.iter().map(code).collect();
                    return Err(Error::new(format!("TransactWriteItems cancelled: {}", codes.join(" "))));
                }
                None if error.code().is_some_and(is_passing) => {}
                None => return Err(Error::new(describe("TransactWriteItems", &error))),
            }
            pause(attempt).await;
        }
        Ok(None)
    }
}

/// Whether an error says no more than that another transaction, or too much traffic, was in the way.
fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "TransactionConflict"
            | "TransactionConflictException"
            | "TransactionInProgressException"
            | "ThrottlingError"
            | "ProvisionedThroughputExceeded"
    )
}

/// A cancelled transaction's reason for each write; `None` for any other error.
fn reasons<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<&[CancellationReason]> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            Some(cancelled.cancellation_reasons())
        }
        _ => None,
    }
}

fn code(reason: &CancellationReason) -> &str {
    reason.code().unwrap_or("None")
}

fn has_failed(reason: &CancellationReason) -> bool {
    code(reason) == "ConditionalCheckFailed"
}

/// The condition that an item has all these attributes, with its placeholders.
fn all_equal(item: &Attributes) -> (String, HashMap<String, String>, Attributes) {
    let (mut terms, mut names, mut values) = (Vec::new(), HashMap::new(), HashMap::new());
    for (index, (name, value)) in item.iter().enumerate() {
        terms.push(format!("#old{index} = :old{index}"));
        names.insert(format!("#old{index}"), name.clone());
        values.insert(format!(":old{index}"), value.clone());
    }
    (terms.join(" AND "), names, values)
}
