//! `GET /.well-known/jwks.json`: the public keys with which anybody can verify tokens (RFC 7517).

use std::sync::Arc;

use serde_json::json;
use shared::cache::Cached;
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::Store;
use shared::token::keys::{self, KeySet};

/// Seconds for which a client may keep the answer.
const MAX_AGE: u32 = 300;

/// The endpoint.
#[derive(Debug)]
pub struct Jwks {
    keys: Arc<Cached<KeySet>>,
}

impl Endpoint for Jwks {
    const NAME: &'static str = "jwks";
    const EVENT: &'static str = "key_set";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/.well-known/jwks.json";
    /// Of its errors.
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { keys: keys::public(&Store::new(environment)).await? })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let keys = self.keys.get(call.now);
        Ok(Reply::public_document(&json!({ "keys": keys.jwks.keys }), MAX_AGE))
    }
}
