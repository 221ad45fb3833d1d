//! Our secrets at the enterprises' providers, each in a secret of its own.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_secretsmanager::Client;
use tokio::sync::Mutex;

use super::Refusal;
use crate::config::Environment;
use crate::private::Private;
use crate::secrets;

/// Seconds for which a client secret is kept.
const KEPT: i64 = 60;

/// The name of the secret that holds an enterprise's client secret.
#[must_use]
pub fn name(environment: &Environment, enterprise: &str) -> String {
    format!("{}/{enterprise}", environment.sso_secrets)
}

/// The client secrets, as a warm function keeps them.
pub struct ClientSecrets {
    client: Client,
    environment: Environment,
    /// By enterprise, with the epoch seconds at which each was read.
    kept: Mutex<HashMap<String, (i64, Private)>>,
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
        Self { client, environment: environment.clone(), kept: Mutex::default() }
    }

    /// An enterprise's client secret.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when it is not there, or Secrets Manager does not answer.
    pub async fn get(&self, enterprise: &str, now: i64) -> Result<Private, Refusal> {
        let kept = self.kept.lock().await.get(enterprise).cloned();
        if let Some((_, secret)) = kept.filter(|(read_at, _)| now - read_at < KEPT) {
            return Ok(secret);
        }
        let text = secrets::read(&self.client, &name(&self.environment, enterprise)).await;
        let secret = Private::from(text.map_err(|failure| Refusal::Unavailable(failure.to_string()))?);
        self.kept.lock().await.insert(enterprise.to_owned(), (now, secret.clone()));
        Ok(secret)
    }
}
