//! What a test reads in the table, and does to it, beside the functions.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use shared::provision::document::Document;
use shared::provision::{self, Report};

use crate::App;

/// What is in the table, bytes too, in lower case.
pub struct TableText(String);

impl TableText {
    /// Whether this is there, in whatever case.
    pub fn contains(&self, text: &str) -> bool {
        self.0.contains(&text.to_lowercase())
    }
}

impl App {
    /// All items in the table.
    pub async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let client = aws_sdk_dynamodb::Client::new(&self.operator().aws);
        let pages = client.scan().table_name(&self.stack.place.table).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.expect("the table answers")
    }

    /// Everything in the table, as text.
    pub async fn table_text(&self) -> TableText {
        let items = self.items().await;
        let mut text = format!("{items:?}");
        for blob in items.iter().flat_map(HashMap::values).filter_map(|value| value.as_b().ok()) {
            text.push_str(&String::from_utf8_lossy(blob.as_ref()));
        }
        TableText(text.to_lowercase())
    }

    /// The forms of all partition keys in the table.
    pub async fn key_forms(&self) -> BTreeSet<String> {
        self.items().await.iter().map(|item| local::form(item["pk"].as_s().expect("a text"))).collect()
    }

    /// Takes attributes out of all items, as though an earlier version had written them.
    pub async fn forget_attributes(&self, names: &[&str]) {
        let client = aws_sdk_dynamodb::Client::new(&self.operator().aws);
        let table = &self.stack.place.table;
        for item in self.items().await {
            for name in names.iter().filter(|name| item.contains_key(**name)) {
                let key = ["pk", "sk"].map(|part| (part.to_owned(), item[part].clone()));
                let update = client.update_item().table_name(table).set_key(Some(key.into()));
                let update =
                    update.update_expression("REMOVE #name").expression_attribute_names("#name", *name);
                update.send().await.expect("the item changes");
            }
        }
    }

    /// Begins again with this document, for functions that have been called before: but for the keys, the table has
    /// nothing else.
    pub async fn begin_again(&self, document: &str) {
        let client = aws_sdk_dynamodb::Client::new(&self.operator().aws);
        let table = &self.stack.place.table;
        let items = self.items().await.into_iter();
        for item in items.filter(|item| item["pk"].as_s().is_ok_and(|pk| pk != "KEYS")) {
            let key = ["pk", "sk"].map(|part| (part.to_owned(), item[part].clone()));
            let delete = client.delete_item().table_name(table).set_key(Some(key.into()));
            delete.send().await.expect("the item goes");
        }
        let document = Document::parse(document).expect("the document is valid");
        provision::run(&self.operator(), &document, &mut Report::default())
            .await
            .expect("the document applies");
    }

    /// Empties the counters of all limits.
    pub async fn forget_tries(&self) {
        self.forget_attributes(&["operations"]).await;
    }
}
