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
mod writes;

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
pub use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws::{describe, pause};
use crate::config::Environment;
use crate::crypto;
pub use writes::Cancelled;

/// An item as `DynamoDB` gives it.
pub type Attributes = HashMap<String, AttributeValue>;

/// How often a call is made again that met another call's transaction, or came back unfinished.
const ATTEMPTS: u32 = 6;

/// Why the table could not be read or written. Holds the operation and the error's name, never an
/// item.
#[derive(Debug)]
pub struct Error {
    cause: String,
    /// See [`Error::is_crowded`].
    is_crowded: bool,
}

impl Error {
    fn new(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), is_crowded: false }
    }

    fn crowded(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), is_crowded: true }
    }

    /// Whether the table answers, but each attempt met another call's transaction: what many calls at once for the
    /// same item bring about.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.is_crowded
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.cause)
    }
}

/// An item's primary key. Its `Debug` says nothing: a login code's item is found by the code.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key")
    }
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
        let mut items = self.fetch(&keys).await?;
        Ok(keys.map(|key| take(&mut items, key)))
    }

    /// [`Store::read`] where the number of keys is not known beforehand.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_all(&self, keys: &[&Key]) -> Result<Vec<Option<Attributes>>, Error> {
        let mut items = self.fetch(keys).await?;
        Ok(keys.iter().map(|key| take(&mut items, key)).collect())
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
        let answer = answer.map_err(|error| Error::new(describe("GetItem", &error)))?;
        Ok(answer.item)
    }

    async fn batch_get(&self, keys: &[&Key]) -> Result<Vec<Attributes>, Error> {
        let wanted = keys.iter().fold(KeysAndAttributes::builder().consistent_read(true), |wanted, key| {
            wanted.keys(key.attributes())
        });
        let wanted = wanted.build().map_err(|_| Error::new("BatchGetItem has no keys"))?;
        let mut pending = HashMap::from([(self.table.clone(), wanted)]);
        let mut items = Vec::new();
        for attempt in 0..ATTEMPTS {
            let request = self.client.batch_get_item().set_request_items(Some(pending));
            let answer = request.send().await;
            let answer = answer.map_err(|error| Error::new(describe("BatchGetItem", &error)))?;
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            pending = answer.unprocessed_keys.unwrap_or_default();
            if pending.is_empty() {
                return Ok(items);
            }
            pause(attempt).await;
        }
        Err(Error::new("BatchGetItem left keys unprocessed"))
    }
}

/// The item of a key, taken out of those that came back in any order.
fn take(items: &mut Vec<Attributes>, key: &Key) -> Option<Attributes> {
    items.iter().position(|item| key.names(item)).map(|at| items.swap_remove(at))
}

/// An item's attributes: `value`'s fields and the key.
fn item<T: Serialize>(key: &Key, value: &T) -> Result<Attributes, Error> {
    let mut attributes: Attributes = serde_dynamo::to_item(value)
        .map_err(|error| Error::new(format!("an item does not serialise: {error}")))?;
    attributes.extend(key.attributes());
    Ok(attributes)
}

/// A part of an item, as a map.
fn attribute(value: &impl Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|error| Error::new(format!("a part of an item does not serialise: {error}")))
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
        .map_err(|_| Error::new(format!("an item is not a {}", std::any::type_name::<T>())))
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
