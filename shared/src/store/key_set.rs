//! The public half of the signing keys, for functions that only verify.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};

use super::{Error, Key, Store, describe, item, parse, text};

#[derive(Serialize, Deserialize)]
struct Item {
    /// The JWK set (RFC 7517) as JSON text.
    jwks: String,
}

fn key() -> Key {
    Key::new("KEYS", "KEYS")
}

impl Store {
    /// The published keys; none before the first set was made.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer, or the item is damaged.
    pub async fn published_keys(&self) -> Result<Option<JwkSet>, Error> {
        let [found] = self.read([&key()]).await?;
        parse::<Item>(found)?
            .map(|item| serde_json::from_str(&item.jwks))
            .transpose()
            .map_err(|_| Error("the published keys are damaged".into()))
    }

    /// Publishes `new` in the place of `old`. `false` when something else than `old` is published.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn publish_keys(&self, old: Option<&JwkSet>, new: &JwkSet) -> Result<bool, Error> {
        let json = |set: &JwkSet| {
            serde_json::to_string(set).map_err(|_| Error("a key set does not serialise".into()))
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(&key(), &Item { jwks: json(new)? })?));
        // `jwks = :new` lets a put that is sent again after a lost answer find itself.
        let put = match old {
            None => put.condition_expression("attribute_not_exists(pk) OR jwks = :new"),
            Some(old) => put
                .condition_expression("jwks = :old OR jwks = :new")
                .expression_attribute_values(":old", text(json(old)?)),
        };
        match put.expression_attribute_values(":new", text(json(new)?)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(Error(describe("PutItem", &error))),
        }
    }
}
