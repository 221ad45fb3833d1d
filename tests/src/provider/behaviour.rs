//! What the provider is told to do, and how it breaks the protocol.

use std::collections::HashMap;

use serde_json::{Value, json};

/// What signs the ID tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alg {
    /// The published key of this algorithm.
    ES256,
    /// The published key of this algorithm.
    RS256,
    /// The published key of this algorithm.
    PS256,
    /// The published key of this algorithm.
    EdDSA,
    /// The published key of an algorithm that is sound, and not on the client's list.
    ES384,
    /// Nothing: `alg` is `none`, and the signature empty.
    None,
    /// The client's secret, under the name of the published ES256 key.
    Hs256WithClientSecret,
    /// A key that is not published, under the name of the published ES256 key.
    ForeignKey,
    /// A key that is not published, under a name that is not either.
    ForeignKidUnknown,
    /// A key that is published for encryption.
    EncryptionKey,
}

/// How an endpoint fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It does not answer within a minute.
    Slow,
    /// The right answer with 1.5 MB more in it, of a length that is not told.
    Huge,
    /// Sent on to where the right answer is. [`Provider::calls`](super::Provider::calls) counts those that go there as `moved`.
    Redirect,
    /// The right answer with another HTTP status.
    Status(u16),
    /// A page of HTML.
    NotJson,
    /// The connection closes without an answer.
    Closed,
    /// The token endpoint does not take the client.
    InvalidClient,
}

/// What the provider does.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// What signs.
    pub alg: Alg,
    /// How clients may authenticate, as discovery tells it and the token endpoint holds them to. `None`:
    /// discovery does not tell, which stands for `client_secret_basic` (OpenID Connect Discovery 1.0, 3).
    pub auth_methods: Option<Vec<&'static str>>,
    /// Claims of the ID token that are different; null: left out.
    pub claims: Value,
    /// Fields of the discovery document that are different; null: left out.
    pub discovery: Value,
    /// What is given out in the place of an ID token, whatever it is.
    pub id_token: Option<String>,
    /// Public keys that are published beside its own.
    pub keys: Vec<Value>,
    /// Which of `discovery`, `jwks` and `token` fail.
    pub trouble: HashMap<&'static str, Trouble>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            alg: Alg::ES256,
            auth_methods: Some(vec!["client_secret_basic"]),
            claims: json!({}),
            discovery: json!({}),
            id_token: None,
            keys: Vec::new(),
            trouble: HashMap::new(),
        }
    }
}
