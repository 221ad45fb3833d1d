//! Our secrets at the enterprises' providers, each in a secret of its own.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_secretsmanager::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::config::Environment;
use crate::failure::Failure;
use crate::private::{Private, exposed};
use crate::secrets;
use crate::store::enterprise::Sso;

/// Seconds for which a client secret is kept.
const KEPT: i64 = 60;

/// The name of the secret that holds an enterprise's client secret; for `prefix` see
/// [`Environment::sso_secrets`].
#[must_use]
pub fn name(prefix: &str, enterprise: &str) -> String {
    format!("{prefix}/{enterprise}")
}

/// A secret's JSON. It says whose it is, so that it is never sent to a provider that has taken the place of
/// another.
#[derive(Clone, Serialize, Deserialize)]
struct ClientSecret {
    issuer: String,
    client_id: String,
    #[serde(rename = "client_secret", serialize_with = "exposed")]
    text: Private,
}

impl ClientSecret {
    fn is_for(&self, sso: &Sso) -> bool {
        (&self.issuer, &self.client_id) == (&sso.issuer, &sso.client_id)
    }
}

/// The text of the secret that holds `client_secret`.
///
/// # Panics
/// Never: strings serialise.
#[must_use]
pub fn text(sso: &Sso, client_secret: &Private) -> Private {
    let secret = ClientSecret {
        issuer: sso.issuer.clone(),
        client_id: sso.client_id.clone(),
        text: client_secret.clone(),
    };
    serde_json::to_string(&secret).expect("strings serialise").into()
}

/// Whether a secret's text holds the client secret for this provider.
#[must_use]
pub fn is_for(text: &str, sso: &Sso) -> bool {
    serde_json::from_str::<ClientSecret>(text).is_ok_and(|secret| secret.is_for(sso))
}

/// The client secrets, as a warm function keeps them.
pub struct ClientSecrets {
    client: Client,
    prefix: String,
    /// By enterprise, with the epoch seconds at which each was read.
    kept: Mutex<HashMap<String, (i64, ClientSecret)>>,
}

impl fmt::Debug for ClientSecrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClientSecrets")
    }
}

impl ClientSecrets {
    /// Those that `environment` names.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        let client = Client::new(&environment.aws);
        Self { client, prefix: environment.sso_secrets.clone(), kept: Mutex::default() }
    }

    /// An enterprise's client secret at its provider.
    ///
    /// # Errors
    /// [`Failure::Internal`] when there is none for this provider, or Secrets Manager does not answer.
    pub async fn get(&self, enterprise: &str, sso: &Sso, now: i64) -> Result<Private, Failure> {
        let kept = self.kept.lock().await.get(enterprise).cloned();
        if let Some((_, secret)) = kept.filter(|(read_at, kept)| now - read_at < KEPT && kept.is_for(sso)) {
            return Ok(secret.text);
        }
        let text = secrets::read(&self.client, &name(&self.prefix, enterprise)).await?;
        let secret = serde_json::from_str::<ClientSecret>(&text).ok().filter(|secret| secret.is_for(sso));
        let secret =
            secret.ok_or_else(|| Failure::Internal("the client secret is for another provider".into()))?;
        self.kept.lock().await.insert(enterprise.to_owned(), (now, secret.clone()));
        Ok(secret.text)
    }
}
