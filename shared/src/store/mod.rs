//! The one `DynamoDB` table, one file per kind of item.
//!
//! Every state change is one conditional write or one transaction; a write that is sent again
//! after its answer was lost finds itself (`ClientRequestToken`, or an operation id in the item).

pub mod api_key;
pub mod budget;
pub mod copies;
pub mod counter;
pub mod domain;
pub mod enterprise;
pub mod identity;
pub mod key_set;
pub mod opaque_session;
pub mod pairing;
pub mod phone;
pub mod pin;
pub mod reset;
pub mod screener;
pub mod session;
pub mod sms_ceiling;
pub mod sso;
pub mod table;
pub mod texted;
pub mod user;

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
pub use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws::{describe, pause};
use crate::config::Environment;
use crate::crypto;

/// An item as `DynamoDB` gives it.
pub type Attributes = HashMap<String, AttributeValue>;

/// How often a call is made again that met another call's transaction, or came back unfinished.
const ATTEMPTS: u32 = 6;

/// Why the table could not be read or written. Holds the operation and the error's name, never an
/// item.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// An item's primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    /// A key of two parts.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    fn attributes(&self) -> Attributes {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk.clone())),
            ("sk".to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }

    fn names(&self, item: &Attributes) -> bool {
        let is = |name: &str, text: &str| matches!(item.get(name), Some(AttributeValue::S(value)) if value == text);
        is("pk", &self.pk) && is("sk", &self.sk)
    }
}

/// Names one attempt at a change, so that the attempt finds its own trace when it is made again.
#[derive(Clone, Debug)]
pub struct Operation([u8; 8]);

impl Operation {
    /// A new operation.
    #[must_use]
    pub fn new() -> Self {
        Self(crypto::random())
    }
}

impl Operation {
    fn value(&self) -> AttributeValue {
        AttributeValue::B(Blob::new(self.0))
    }

    /// A number that is random and always the same for this operation.
    pub(crate) fn number(&self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

impl Default for Operation {
    fn default() -> Self {
        Self::new()
    }
}

/// A transaction that was cancelled because conditions failed.
#[derive(Debug)]
pub struct Cancelled {
    /// For each write, in order, whether its own condition failed.
    pub failed: Vec<bool>,
    /// For each write, the item on which that happened, where the write asks for it.
    pub found: Vec<Option<Attributes>>,
}

/// The table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    /// The table that `environment` names.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        Self { client: Client::new(&environment.aws), table: environment.table.clone() }
    }

    /// Reads up to 100 items in one strongly consistent call. The answer has the keys' order,
    /// with `None` for what is not there. The keys must differ.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer, or not in full.
    pub async fn read<const N: usize>(&self, keys: [&Key; N]) -> Result<[Option<Attributes>; N], Error> {
        let items = self.fetch(&keys).await?;
        Ok(keys.map(|key| items.iter().find(|item| key.names(item)).cloned()))
    }

    /// [`Store::read`] where the number of keys is not known beforehand.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_all(&self, keys: &[&Key]) -> Result<Vec<Option<Attributes>>, Error> {
        let items = self.fetch(keys).await?;
        Ok(keys.iter().map(|key| items.iter().find(|item| key.names(item)).cloned()).collect())
    }

    async fn fetch(&self, keys: &[&Key]) -> Result<Vec<Attributes>, Error> {
        if let [key] = keys {
            Ok(self.get(key).await?.into_iter().collect())
        } else {
            self.batch_get(keys).await
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Attributes>, Error> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = request.set_key(Some(key.attributes())).send().await;
        let answer = answer.map_err(|error| Error(describe("GetItem", &error)))?;
        Ok(answer.item)
    }

    async fn batch_get(&self, keys: &[&Key]) -> Result<Vec<Attributes>, Error> {
        let wanted = keys.iter().fold(KeysAndAttributes::builder().consistent_read(true), |wanted, key| {
            wanted.keys(key.attributes())
        });
        let wanted = wanted.build().map_err(|_| Error("BatchGetItem has no keys".into()))?;
        let mut pending = HashMap::from([(self.table.clone(), wanted)]);
        let mut items = Vec::new();
        for attempt in 0..ATTEMPTS {
            let request = self.client.batch_get_item().set_request_items(Some(pending));
            let answer = request.send().await;
            let answer = answer.map_err(|error| Error(describe("BatchGetItem", &error)))?;
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            pending = answer.unprocessed_keys.unwrap_or_default();
            if pending.is_empty() {
                return Ok(items);
            }
            pause(attempt).await;
        }
        Err(Error("BatchGetItem left keys unprocessed".into()))
    }

    /// Sends an update until it does not meet a transaction. Gives the attributes that the request asks
    /// for. The inner error is a condition that failed, with the item where the request asks for it.
    async fn update(
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
                    other => Err(Error(format!("UpdateItem refused: {}", other.code().unwrap_or("no code")))),
                },
                other => Err(Error(describe("UpdateItem", &other))),
            };
        }
        Err(Error("UpdateItem kept meeting transactions".into()))
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
    fn swapping(
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
                _ => Err(Error(describe("PutItem", &error))),
            };
        }
        Err(Error("PutItem kept meeting transactions".into()))
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
        outcome.ok_or_else(|| Error("TransactWriteItems kept meeting other transactions".into()))
    }

    /// As [`Store::transact`], with so many attempts; `None` when each met another transaction.
    async fn transact_within(
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
                    return Err(Error(format!("TransactWriteItems cancelled: {}", codes.join(" "))));
                }
                None if error.code().is_some_and(is_passing) => {}
                None => return Err(Error(describe("TransactWriteItems", &error))),
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

/// An item's attributes: `value`'s fields and the key.
fn item<T: Serialize>(key: &Key, value: &T) -> Result<Attributes, Error> {
    let mut attributes: Attributes = serde_dynamo::to_item(value)
        .map_err(|error| Error(format!("an item does not serialise: {error}")))?;
    attributes.extend(key.attributes());
    Ok(attributes)
}

/// A part of an item, as a map.
fn attribute(value: &impl Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|error| Error(format!("a part of an item does not serialise: {error}")))
}

/// Reads an item into its type.
///
/// # Errors
/// When the item lacks an attribute or has another type in it.
pub fn parse<T: DeserializeOwned>(attributes: Option<Attributes>) -> Result<Option<T>, Error> {
    attributes
        .map(serde_dynamo::from_item)
        .transpose()
        // serde_dynamo's text can quote a value.
        .map_err(|_| Error(format!("an item is not a {}", std::any::type_name::<T>())))
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

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A write in a transaction, from a finished builder of the SDK.
macro_rules! write {
    ($kind:ident, $builder:expr) => {
        aws_sdk_dynamodb::types::TransactWriteItem::builder()
            .$kind($builder.build().expect("key, table and expression are set"))
            .build()
    };
}
use write;
