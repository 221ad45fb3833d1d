//! What has been used of a limit, as the table has it: a test sets it and need not use up hundreds.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::limits::{Budget, Counter};
use shared::store::phone::{LinkedPhone, Subject};
use shared::store::{Key, Store};

use crate::App;
use crate::costs::LINK;

/// The counters and budgets of a stack.
pub struct Tries {
    client: Client,
    table: String,
}

impl Tries {
    /// Those of `app`.
    pub fn of(app: &App) -> Self {
        Self { client: Client::new(&app.operator().aws), table: app.stack.place.table.clone() }
    }

    /// Leaves so many of a counter's tries.
    pub async fn leave(&self, counter: &Counter, left: usize) {
        let used = u64::from(counter.max).saturating_sub(left as u64);
        // Any operations do: they only have to differ.
        let operations = (0..used).map(|number| Blob::new(number.to_be_bytes())).collect::<Vec<_>>();
        // There are no empty sets.
        if operations.is_empty() {
            let delete = self.client.delete_item().table_name(&self.table);
            let [pk, sk] = key(&counter.key);
            delete.key("pk", pk).key("sk", sk).send().await.expect("the counter goes");
        } else {
            self.put(&counter.key, "operations", AttributeValue::Bs(operations)).await;
        }
    }

    /// How many of a counter's tries are used.
    pub async fn used(&self, counter: &Counter) -> usize {
        let [pk, sk] = key(&counter.key);
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.key("pk", pk).key("sk", sk).send().await.expect("the table answers");
        let operations = answer.item.and_then(|mut item| item.remove("operations"));
        operations.map_or(0, |operations| operations.as_bs().expect("a set").len())
    }

    /// Leaves so many of a budget's shares.
    pub async fn leave_shares(&self, budget: &Budget, left: usize) {
        let left = i64::try_from(left).expect("a few");
        let used = AttributeValue::N((budget.max - left * budget.amount).to_string());
        self.put(&budget.key, "used", used).await;
    }

    async fn put(&self, at: &Key, name: &str, value: AttributeValue) {
        let put = self.client.put_item().table_name(&self.table);
        let [pk, sk] = key(at);
        put.item("pk", pk).item("sk", sk).item(name, value).send().await.expect("the item is written");
    }
}

fn key(key: &Key) -> [AttributeValue; 2] {
    [&key.pk, &key.sk].map(|part| AttributeValue::S(part.clone()))
}

/// How many wrong codes the phone of the link [`LINK`] has in the table.
pub async fn wrong_codes(app: &App) -> usize {
    let key = LinkedPhone::key("acme", LINK, &Subject::Link);
    let [phone] = Store::new(&app.operator()).read([&key]).await.expect("the table answers");
    let phone = phone.expect("a phone is linked");
    phone.get("tries").map_or(0, |tries| tries.as_bs().expect("a set").len())
}
