//! Secrets Manager: reading, first writing and rotating secrets; and the pepper.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::aws::describe;
use crate::cache::Cached;
use crate::config::Environment;
use crate::crypto;
use crate::failure::Failure;
use crate::private::Private;

/// The first and the longest pause between two looks at a rotation.
const POLL: [Duration; 2] = [Duration::from_millis(5), Duration::from_secs(1)];

/// The label of the version that [`read`] gives.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version before that.
pub const PREVIOUS: &str = "AWSPREVIOUS";
/// The label of a version that a rotation is making.
pub const PENDING: &str = "AWSPENDING";

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

/// One version of a secret.
#[derive(Clone, Copy, Debug)]
pub enum Version<'a> {
    /// By its label.
    Labelled(&'a str),
    /// By its id, which is the `ClientRequestToken` that it was written under.
    Called(&'a str),
}

/// Reads a version's text; `None` when there is no such version, or it has no text yet.
///
/// # Errors
/// [`Failure::Internal`] when Secrets Manager does not answer.
pub async fn read_version(
    client: &Client,
    id: &str,
    version: Version<'_>,
) -> Result<Option<String>, Failure> {
    let request = client.get_secret_value().secret_id(id);
    let request = match version {
        Version::Labelled(stage) => request.version_stage(stage),
        Version::Called(version) => request.version_id(version),
    };
    match request.send().await {
        Ok(answer) => Ok(answer.secret_string),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(Failure::Internal(describe("GetSecretValue", &error))),
    }
}

/// Writes the version called `version` and labels it [`PENDING`]. Written again with the same text, it is
/// content.
///
/// # Errors
/// [`Failure::Internal`] when the version is there with another text, or Secrets Manager does not answer.
pub async fn put_pending(client: &Client, id: &str, version: &str, text: &str) -> Result<(), Failure> {
    let put = client.put_secret_value().secret_id(id).client_request_token(version);
    let put = put.secret_string(text).version_stages(PENDING).send().await;
    put.map(|_| ()).map_err(|error| Failure::Internal(describe("PutSecretValue", &error)))
}

/// Which version has which label.
#[derive(Debug)]
pub struct Labels(HashMap<String, String>);

impl Labels {
    /// The id of the version that has a label.
    #[must_use]
    pub fn on(&self, label: &str) -> Option<&str> {
        self.0.get(label).map(String::as_str)
    }
}

/// Reads the labels of a secret's versions; a label is on one version at most.
///
/// # Errors
/// [`Failure::Internal`] when there is no such secret, or Secrets Manager does not answer.
pub async fn labels(client: &Client, id: &str) -> Result<Labels, Failure> {
    let answer = client.describe_secret().secret_id(id).send().await;
    let answer = answer.map_err(|error| Failure::Internal(describe("DescribeSecret", &error)))?;
    let versions = answer.version_ids_to_stages.unwrap_or_default().into_iter();
    let labels =
        versions.flat_map(|(version, labels)| labels.into_iter().map(move |label| (label, version.clone())));
    Ok(Labels(labels.collect()))
}

/// Moves the label [`CURRENT`] from one version to another.
///
/// # Errors
/// [`Failure::Internal`] when it is not where it is said to be, or Secrets Manager does not answer.
pub async fn make_current(client: &Client, id: &str, from: Option<&str>, to: &str) -> Result<(), Failure> {
    let moving = client.update_secret_version_stage().secret_id(id).version_stage(CURRENT);
    let moving = moving.set_remove_from_version_id(from.map(ToOwned::to_owned)).move_to_version_id(to);
    let moved = moving.send().await;
    moved.map(|_| ()).map_err(|error| Failure::Internal(describe("UpdateSecretVersionStage", &error)))
}

/// Takes the label [`PENDING`] off a version, if it is there.
///
/// # Errors
/// [`Failure::Internal`] when Secrets Manager does not answer.
pub async fn clear_pending(client: &Client, id: &str, version: &str) -> Result<(), Failure> {
    let clearing = client.update_secret_version_stage().secret_id(id).version_stage(PENDING);
    match clearing.remove_from_version_id(version).send().await {
        Ok(_) => Ok(()),
        // It has gone by itself, or by this call, whose answer was lost.
        Err(error) if error.code() == Some("InvalidParameterException") => Ok(()),
        Err(error) => Err(Failure::Internal(describe("UpdateSecretVersionStage", &error))),
    }
}

/// Has a secret rotated by its rotation function, and waits until that has finished.
///
/// # Errors
/// [`Failure::Internal`] when the secret has no rotation function, an earlier rotation is still under way,
/// this one has not finished within `patience`, or Secrets Manager does not answer.
pub async fn rotate(client: &Client, id: &str, patience: Duration) -> Result<(), Failure> {
    let begun = client.rotate_secret().secret_id(id).send().await;
    let begun = begun.map_err(|error| Failure::Internal(describe("RotateSecret", &error)))?;
    let finished = async {
        let [mut pause, longest] = POLL;
        while labels(client, id).await?.on(CURRENT) != begun.version_id.as_deref() {
            sleep(pause).await;
            pause = longest.min(pause * 2);
        }
        Ok(())
    };
    let late = "the rotation has not finished; the log of key-rotation says why";
    timeout(patience, finished).await.unwrap_or_else(|_| Err(Failure::Internal(late.into())))
}

/// Writes the first version of a secret that has none and gives back what holds afterwards: `text`,
/// or what was there already. Two callers at once agree, since both write under one version id. The secret
/// itself must be there: one that is made up by mistake would be a secret that nobody reads.
///
/// # Errors
/// [`Failure::Internal`] when there is no such secret, or Secrets Manager does not answer.
pub async fn ensure(client: &Client, id: &str, text: String) -> Result<String, Failure> {
    // Secrets Manager takes one content per ClientRequestToken and refuses a second one.
    const FIRST_VERSION: &str = "usher-first-version-00000000000000";
    if let Some(there) = read_version(client, id, Version::Labelled(CURRENT)).await? {
        return Ok(there);
    }
    let put =
        client.put_secret_value().secret_id(id).client_request_token(FIRST_VERSION).secret_string(&text);
    match put.send().await {
        Ok(_) => Ok(text),
        Err(error) if error.code() == Some("ResourceExistsException") => read(client, id).await,
        Err(error) => Err(Failure::Internal(describe("PutSecretValue", &error))),
    }
}

/// What became of a secret that was to have a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// There was no such secret.
    Created,
    /// It had another text.
    Updated,
    /// It had this one.
    Unchanged,
}

/// Brings a secret to `text`, and makes it where there is none.
///
/// # Errors
/// [`Failure::Internal`] when Secrets Manager does not answer.
pub async fn write(client: &Client, id: &str, text: &Private) -> Result<Written, Failure> {
    let made = client.create_secret().name(id).secret_string(text.expose()).send().await;
    match made {
        Ok(_) => return Ok(Written::Created),
        Err(error) if error.code() == Some("ResourceExistsException") => {}
        Err(error) => return Err(Failure::Internal(describe("CreateSecret", &error))),
    }
    let current = read_version(client, id, Version::Labelled(CURRENT)).await?;
    if current.as_deref() == Some(text.expose()) {
        return Ok(Written::Unchanged);
    }
    let put = client.put_secret_value().secret_id(id).secret_string(text.expose()).send().await;
    put.map(|_| Written::Updated).map_err(|error| Failure::Internal(describe("PutSecretValue", &error)))
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
