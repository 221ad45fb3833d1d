//! `usher keys`: the signing keys.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::primitives::{DateTime, DateTimeFormat};
use shared::config::Environment;
use shared::failure::Failure;
use shared::secrets;
use shared::store::Store;
use shared::token::keys::{KeySecret, PUBLISHED_AFTER, Role};

/// How long a rotation may take: Secrets Manager begins one that fails anew, with pauses.
const PATIENCE: Duration = Duration::from_mins(2);

/// A line for each key: its `kid`, what it is for, and whether it is published. Nothing of the private
/// halves.
pub(crate) async fn show(environment: &Environment) -> Result<Vec<String>, Failure> {
    let client = Client::new(&environment.aws);
    let set = KeySecret::parse(&secrets::read(&client, &environment.keys_secret).await?)?;
    let published = Store::new(environment).published_keys().await?.unwrap_or_default();
    let is_published = |kid: &str| published.keys.iter().any(|key| key.common.key_id.as_deref() == Some(kid));
    let lines = set.roles().map(|(kid, role)| {
        let role = match role {
            Role::Signing => "signs".to_owned(),
            Role::Waiting => "signs after the next rotation".to_owned(),
            Role::Retired(at) => format!("verifies, until {} at least", date(at + PUBLISHED_AFTER)),
        };
        format!("{kid}  {role}{}", if is_published(kid) { "" } else { "; not published" })
    });
    Ok(lines.collect())
}

/// Rotates, and shows what that led to.
pub(crate) async fn rotate(environment: &Environment) -> Result<Vec<String>, Failure> {
    secrets::rotate(&Client::new(&environment.aws), &environment.keys_secret, PATIENCE).await?;
    show(environment).await
}

/// The day, as `2026-11-22`.
fn date(seconds: i64) -> String {
    let text = DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).unwrap_or_default();
    text.split('T').next().unwrap_or_default().to_owned()
}
