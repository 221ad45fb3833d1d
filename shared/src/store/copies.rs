//! Items that every call of an enterprise reads, in copies.
//!
//! `DynamoDB` gives one item 3,000 strongly consistent reads a second, wherever it moves it
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>). An API key,
//! an enterprise and a host name are read by each call that comes with them, so there are [`COPIES`] of each, with
//! a partition key of its own; a call reads any one of them but the first. A change is made to the first one, on its
//! condition, and to all others with it.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use serde::Serialize;

use super::{Attributes, Error, Key, Store, item, text, write};
use crate::crypto;

/// How many there are: at 100,000 calls a second each but the first is read 2,130 times, of the 3,000 that it can. A
/// transaction changes them all, and takes a hundred writes at most.
pub const COPIES: u8 = 48;

impl Key {
    /// The copy with a number; the first one is the item itself.
    fn copy(&self, number: u8) -> Self {
        match number {
            0 => self.clone(),
            _ => Self::new(format!("{}#{}#{number}", self.pk, self.sk), "COPY"),
        }
    }

    /// Any one of the copies but the first, for a call that reads. The first one of an enterprise or of its API key
    /// lies under `ENT#<id>`, and a policy that lets a function read that with other items lets it read all that
    /// begins with it: docs/decisions/0026.
    pub(super) fn any_copy(&self) -> Self {
        let random = u16::from_be_bytes(crypto::random());
        self.copy((random % u16::from(COPIES - 1)).to_be_bytes()[1] + 1)
    }

    /// All copies; the first one is the item itself.
    #[must_use]
    pub fn copies(&self) -> Vec<Self> {
        (0..COPIES).map(|number| self.copy(number)).collect()
    }
}

impl Store {
    /// Reads all copies of an item, for a change: what the first one is, and whether the others are like it.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn read_copies(&self, first: &Key) -> Result<(Option<Attributes>, bool), Error> {
        let keys = first.copies();
        let mut found = self.read_all(&keys.iter().collect::<Vec<_>>()).await?;
        let bare = |item: &Option<Attributes>| {
            item.clone().map(|mut item| {
                item.remove("pk");
                item.remove("sk");
                item
            })
        };
        let of_first = bare(&found[0]);
        let is_same = found.iter().all(|copy| bare(copy) == of_first);
        Ok((found.swap_remove(0), is_same))
    }

    /// [`Store::swap`] for an item and all its copies. The first one decides.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn swap_copies(
        &self,
        first: &Key,
        old: Option<&Attributes>,
        new: &impl Serialize,
    ) -> Result<bool, Error> {
        let mut writes = vec![self.swapping(first, old, new)?];
        for copy in &first.copies()[1..] {
            let put = Put::builder().table_name(&self.table).set_item(Some(item(copy, new)?));
            writes.push(write!(put, put));
        }
        Ok(self.transact(writes).await?.is_ok())
    }

    /// Deletes an item of `enterprise`, and all its copies; `false` for another's, which is left alone.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn delete_copies(&self, first: &Key, enterprise: &str) -> Result<bool, Error> {
        let deleting = |copy: &Key| -> TransactWriteItem {
            let delete = Delete::builder()
                .table_name(&self.table)
                .set_key(Some(copy.attributes()))
                .condition_expression("attribute_not_exists(pk) OR enterprise = :enterprise")
                .expression_attribute_values(":enterprise", text(enterprise));
            write!(delete, delete)
        };
        Ok(self.transact(first.copies().iter().map(deleting).collect()).await?.is_ok())
    }
}
