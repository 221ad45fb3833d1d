//! The public half of the signing keys, for functions that only verify.

use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};

use super::{Error, Key, Store, parse};

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
            .map_err(|_| Error::new("the published keys are damaged"))
    }

    /// Publishes `new` in the place of what is there.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer, or what is there changed meanwhile.
    pub async fn publish_keys(&self, new: &JwkSet) -> Result<(), Error> {
        let jwks = serde_json::to_string(new).map_err(|_| Error::new("a key set does not serialise"))?;
        let [found] = self.read([&key()]).await?;
        if self.swap(&key(), found.as_ref(), &Item { jwks }).await? {
            Ok(())
        } else {
            Err(Error::new("the published keys changed meanwhile; run it again"))
        }
    }
}
