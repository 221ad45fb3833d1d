//! Secrets Manager: the signing keys and the pepper.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::aws::describe;
use crate::cache::Cached;
use crate::config::Environment;
use crate::crypto;
use crate::failure::Failure;

/// Reads a secret's current text.
///
/// # Errors
/// [`Failure::Internal`] when it is not there or Secrets Manager does not answer.
pub async fn read(client: &Client, id: &str) -> Result<String, Failure> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| Failure::Internal(describe("GetSecretValue", &error)))?;
    let text = answer.secret_string.ok_or_else(|| Failure::Internal("a secret has no text".into()))?;
    Ok(text)
}

/// Writes the first version of a secret that has none and gives back what holds afterwards: `text`,
/// or what was there already; and whether it was written. Two callers at once agree, since both
/// write under one version id. The secret itself must be there: one that is made up by mistake
/// would be a secret that nobody reads.
///
/// # Errors
/// [`Failure::Internal`] when there is no such secret, or Secrets Manager does not answer.
pub async fn ensure(client: &Client, id: &str, text: String) -> Result<(String, bool), Failure> {
    // Secrets Manager takes one content per ClientRequestToken and refuses a second one.
    const FIRST_VERSION: &str = "usher-first-version-00000000000000";
    match client.get_secret_value().secret_id(id).send().await {
        Ok(answer) => return Ok((answer.secret_string.unwrap_or_default(), false)),
        Err(error) if error.code() == Some("ResourceNotFoundException") => {}
        Err(error) => return Err(Failure::Internal(describe("GetSecretValue", &error))),
    }
    let put =
        client.put_secret_value().secret_id(id).client_request_token(FIRST_VERSION).secret_string(&text);
    match put.send().await {
        Ok(_) => Ok((text, true)),
        Err(error) if error.code() == Some("ResourceExistsException") => Ok((read(client, id).await?, false)),
        Err(error) => Err(Failure::Internal(describe("PutSecretValue", &error))),
    }
}

/// The second secret's JSON: `{"pepper":"<base64>"}`. Secrets Manager can make it by itself
/// (`GenerateSecretString`), so any text of at least 32 characters is taken.
#[derive(Serialize, Deserialize)]
struct PepperSecret {
    pepper: String,
}

/// A new pepper secret, with 256 random bits.
///
/// # Panics
/// Never: a string serialises.
#[must_use]
pub fn new_pepper() -> String {
    let pepper = BASE64.encode(&crypto::random::<32>());
    serde_json::to_string(&PepperSecret { pepper }).expect("a string serialises")
}

/// Reads a pepper out of its secret.
///
/// # Errors
/// [`Failure::Internal`] when the secret has another form or is too short.
pub fn parse_pepper(text: &str) -> Result<Vec<u8>, Failure> {
    match serde_json::from_str::<PepperSecret>(text) {
        Ok(secret) if secret.pepper.len() >= 32 => Ok(secret.pepper.into_bytes()),
        _ => Err(Failure::Internal("the pepper secret is malformed".into())),
    }
}

/// The pepper, fetched now and kept fresh.
///
/// # Errors
/// As [`read`] and [`parse_pepper`].
pub async fn pepper(environment: &Environment) -> Result<Arc<Cached<Vec<u8>>>, Failure> {
    let client = Client::new(&environment.aws);
    let id = environment.pepper_secret.clone();
    Cached::new(move || {
        let (client, id) = (client.clone(), id.clone());
        Box::pin(async move { parse_pepper(&read(&client, &id).await?) })
    })
    .await
}
