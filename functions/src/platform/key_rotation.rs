//! Makes the signing keys and rotates them, in the four steps of Secrets Manager.
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>
//!
//! Secrets Manager invokes it once for each step, and from the first one again when one failed. Each step
//! can be run twice, and the rotation given up after any of them: until the last one nothing but the
//! published set has changed, and that only by keys that nobody signs with.

use aws_sdk_secretsmanager::Client;
use serde::Deserialize;
use shared::audit::Notes;
use shared::config::Environment;
use shared::failure::Failure;
use shared::request::machine_now;
use shared::secrets::{self, CURRENT, PENDING, PREVIOUS, Version};
use shared::store::Store;
use shared::token::keys::{self, KeySecret};
use shared::triggered::Triggered;

/// What Secrets Manager sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    step: Step,
    secret_id: String,
    /// The id of the version that the rotation makes.
    client_request_token: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Step {
    /// Makes the new set, as a version that nobody reads yet.
    #[serde(rename = "createSecret")]
    Create,
    /// Publishes its public half.
    #[serde(rename = "setSecret")]
    Set,
    /// Looks whether everybody who verifies can have it.
    #[serde(rename = "testSecret")]
    Test,
    /// Lets it sign.
    #[serde(rename = "finishSecret")]
    Finish,
}

/// The function.
#[derive(Debug)]
pub struct KeyRotation {
    store: Store,
    client: Client,
    secret: String,
}

impl Triggered for KeyRotation {
    const NAME: &'static str = "key-rotation";
    const EVENT: &'static str = "key_rotation";
    type Event = Event;
    type Answer = ();

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self {
            store: Store::new(environment),
            client: Client::new(&environment.aws),
            secret: environment.keys_secret.clone(),
        })
    }

    async fn handle(&self, event: Event, notes: &Notes) -> Result<(), Failure> {
        let Event { step, secret_id, client_request_token: version } = event;
        notes.add(|about| {
            about.detail = Some(match step {
                Step::Create => "create",
                Step::Set => "set",
                Step::Test => "test",
                Step::Finish => "finish",
            });
            (about.object, about.object_id) = (Some("version"), Some(version.clone()));
        });
        if secret_id != self.secret {
            return Err(Failure::Internal("the secret is not that of the signing keys".into()));
        }
        let labels = secrets::labels(&self.client, &self.secret).await?;
        let (current, pending) = (labels.on(CURRENT), labels.on(PENDING));
        if current == Some(&version) {
            // It signs. A rotation that was cut off at its very end has left this.
            return if pending == current { self.clear_pending(&version).await } else { Ok(()) };
        }
        // A step that comes late, of a rotation that was given up, must not undo a later one.
        if pending.is_some_and(|pending| pending != version) {
            return Err(Failure::Internal("another rotation is under way".into()));
        }
        match step {
            Step::Create => self.create(current, &version).await,
            Step::Set => keys::publish(&self.store, &self.made(current, &version).await?).await,
            Step::Test => {
                // Alone, it tries the function out, when a schedule is set that does not begin at once: no
                // version has been made then.
                let set = match self.read(Version::Called(&version)).await? {
                    Some(made) => made,
                    None => self.read(Version::Labelled(CURRENT)).await?.unwrap_or_default(),
                };
                keys::require_published(&self.store, &set).await
            }
            Step::Finish => {
                // Once more: a key that signs and is not published would lock everybody out.
                keys::require_published(&self.store, &self.made(current, &version).await?).await?;
                secrets::make_current(&self.client, &self.secret, current, &version).await?;
                self.clear_pending(&version).await
            }
        }
    }
}

impl KeyRotation {
    async fn create(&self, current: Option<&str>, version: &str) -> Result<(), Failure> {
        if self.read(Version::Called(version)).await?.is_some() {
            return Ok(());
        }
        let mut set = match current {
            Some(current) => self.read(Version::Called(current)).await?,
            None => None,
        };
        // A set without keys is what the template makes, and makes again when its text is changed there:
        // the keys are in the version before, then.
        if set.as_ref().is_none_or(KeySecret::is_empty) {
            set = self.read(Version::Labelled(PREVIOUS)).await?;
        }
        let set = set.unwrap_or_default();
        if set.is_empty() && self.store.published_keys().await?.is_some() {
            // They are in an older version yet: new ones would end every session.
            return Err(Failure::Internal("the secret has lost the keys that are published".into()));
        }
        let next = set.rotated(current, machine_now())?;
        secrets::put_pending(&self.client, &self.secret, version, &next.to_text()).await
    }

    /// The set that the first step has made, for the place of the version that is there now. When that is
    /// another one by now, since somebody has changed the secret by hand, the rotation is given up.
    async fn made(&self, current: Option<&str>, version: &str) -> Result<KeySecret, Failure> {
        let made = self.read(Version::Called(version)).await?;
        let made =
            made.ok_or_else(|| Failure::Internal("the version of this rotation has not been made".into()))?;
        if made.may_replace(current) {
            return Ok(made);
        }
        self.clear_pending(version).await?;
        Err(Failure::Internal("the secret was changed during the rotation, which is given up".into()))
    }

    /// Takes the rotation's label off. Left there, it would stand in the way of the next one.
    async fn clear_pending(&self, version: &str) -> Result<(), Failure> {
        secrets::clear_pending(&self.client, &self.secret, version).await
    }

    async fn read(&self, version: Version<'_>) -> Result<Option<KeySecret>, Failure> {
        let text = secrets::read_version(&self.client, &self.secret, version).await?;
        text.map(|text| KeySecret::parse(&text)).transpose()
    }
}
