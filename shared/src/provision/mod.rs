//! Bringing a deployment to what a provisioning document says. Running it again changes nothing.
//!
//! What the document does not name is left as it is: the document is no list of everything.

mod check;
pub mod document;
mod pins;
mod users;

use std::fmt;

use aws_sdk_secretsmanager::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api_key;
use crate::config::Environment;
use crate::crypto;
use crate::failure::Failure;
use crate::oidc::client_secrets;
use crate::private::Private;
use crate::secrets::{self, Version, Written};
use crate::store::api_key::ApiKey;
use crate::store::domain::Domain;
use crate::store::enterprise::Enterprise;
use crate::store::screener::Screener;
use crate::store::sms_ceiling::SmsCeiling;
use crate::store::{Key, Store, parse};
use document::{Document, EnterpriseEntry};

/// One line of what was done, as `created user ana`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Created(String),
    /// It differed.
    Updated(String),
    /// It was as the document says.
    Unchanged(String),
    /// Worth an operator's attention.
    Warning(String),
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created(what) => write!(out, "created   {what}"),
            Self::Updated(what) => write!(out, "updated   {what}"),
            Self::Unchanged(what) => write!(out, "unchanged {what}"),
            Self::Warning(what) => write!(out, "warning   {what}"),
        }
    }
}

/// What was done, and the keys that were made and will never be shown again.
#[derive(Debug, Default)]
pub struct Report {
    /// In the document's order.
    pub changes: Vec<Change>,
    /// API key ids with their whole keys.
    pub new_keys: Vec<(String, Private)>,
}

impl Report {
    /// The report for an operator's eyes, with the new keys.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let changes = self.changes.iter().map(ToString::to_string);
        let keys = self
            .new_keys
            .iter()
            .map(|(id, key)| format!("new key   {id}: {} (shown this once)", key.expose()));
        changes.chain(keys).collect()
    }
}

/// Brings what `environment` names to what `document` says, and makes the pepper where there is none.
/// What differs is written item by item; a run that was cut off is finished by the next one. `report`
/// tells what was done, whatever the outcome.
///
/// # Errors
/// [`Failure::Internal`] with a text for the operator, when AWS does not answer, a name is taken by
/// somebody else, or something changed between read and write.
pub async fn run(environment: &Environment, document: &Document, report: &mut Report) -> Result<(), Failure> {
    let store = Store::new(environment);
    // Before anything is made: a wrong table must not leave keys behind.
    store.published_keys().await?;
    let client = Client::new(&environment.aws);
    let pepper = secrets::ensure(&client, &environment.pepper_secret, secrets::new_pepper()).await?;
    let pepper = secrets::parse_pepper(&pepper)?;
    let provisioner = Provisioner { store: &store, pepper: &pepper, client: &client, environment };
    provisioner.apply(document, report).await
}

struct Provisioner<'a> {
    store: &'a Store,
    pepper: &'a [u8],
    client: &'a Client,
    environment: &'a Environment,
}

impl Provisioner<'_> {
    async fn apply(&self, document: &Document, report: &mut Report) -> Result<(), Failure> {
        for entry in &document.enterprises {
            self.release_domains(entry, report).await?;
        }
        for entry in &document.enterprises {
            // An enterprise with a host name of another one would send its people's codes there.
            self.require_domains(entry).await?;
            // Before the enterprise, so that nobody is sent to a provider without it.
            self.sso(entry, report).await?;
            let (key, what) = (Enterprise::first(&entry.id), format!("enterprise {}", entry.id));
            let (stored, is_whole) = self.store.read_copies(&key).await?;
            let (found, wanted) = (parse::<Enterprise>(stored.clone())?, entry.enterprise());
            report.changes.push(match &found {
                Some(found) if *found == wanted && is_whole => Change::Unchanged(what),
                _ => {
                    let written = self.store.swap_copies(&key, stored.as_ref(), &wanted).await?;
                    outcome(written, found.is_some(), what)?
                }
            });
            self.claim_domains(entry, report).await?;
            for key in &entry.api_keys {
                self.api_key(&entry.id, key, report).await?;
            }
            for user in &entry.users {
                self.user(&entry.id, user, report).await?;
            }
            for pin in &entry.pins {
                self.pin(&entry.id, pin, report).await?;
            }
            for screener in &entry.screeners {
                let key = Screener::key(&entry.id, &screener.key);
                let what = format!("screener {}/{}", entry.id, screener.key);
                self.bring(&key, &screener.screener(), what, report).await?;
            }
        }
        if let Some(sms) = &document.sms {
            let what = "limits on text messages".to_owned();
            self.bring(&SmsCeiling::key(), &sms.ceiling(), what, report).await?;
        }
        Ok(())
    }

    /// Gives up the host names that an enterprise had and the document takes from it. First of all, so that another
    /// one can have them, wherever it stands in the document.
    async fn release_domains(&self, entry: &EnterpriseEntry, report: &mut Report) -> Result<(), Failure> {
        let [stored] = self.store.read([&Enterprise::first(&entry.id)]).await?;
        let before = parse::<Enterprise>(stored)?.map(|found| found.domains).unwrap_or_default();
        for host in before.iter().map(|host| host.to_ascii_lowercase()) {
            if !entry.domains.contains(&host)
                && self.store.delete_copies(&Domain::first(&host), &entry.id).await?
            {
                report.changes.push(Change::Updated(format!("domain {host}: is no longer {}'s", entry.id)));
            }
        }
        Ok(())
    }

    /// Refuses a host name that is another enterprise's.
    async fn require_domains(&self, entry: &EnterpriseEntry) -> Result<(), Failure> {
        for host in &entry.domains {
            let [stored] = self.store.read([&Domain::first(host)]).await?;
            if parse::<Domain>(stored)?.is_some_and(|found| found.enterprise != entry.id) {
                let what = format!("domain {host} of {}: is another enterprise's", entry.id);
                return Err(Failure::Internal(what));
            }
        }
        Ok(())
    }

    /// Claims an enterprise's host names. After the enterprise is written: what it has claimed it knows, whenever
    /// a run is cut off.
    async fn claim_domains(&self, entry: &EnterpriseEntry, report: &mut Report) -> Result<(), Failure> {
        let wanted = Domain { enterprise: entry.id.clone() };
        for host in &entry.domains {
            let key = Domain::first(host);
            let (stored, is_whole) = self.store.read_copies(&key).await?;
            let what = format!("domain {host} of {}", entry.id);
            let found = parse::<Domain>(stored.clone())?;
            report.changes.push(match &found {
                Some(found) if *found == wanted && is_whole => Change::Unchanged(what),
                Some(found) if *found != wanted => {
                    return Err(Failure::Internal(format!("{what}: is another enterprise's")));
                }
                _ => {
                    let written = self.store.swap_copies(&key, stored.as_ref(), &wanted).await?;
                    outcome(written, found.is_some(), what)?
                }
            });
        }
        Ok(())
    }

    /// Brings an item to what is wanted of it.
    async fn bring<T: PartialEq + Serialize + DeserializeOwned>(
        &self,
        key: &Key,
        wanted: &T,
        what: String,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let [stored] = self.store.read([key]).await?;
        let found = parse::<T>(stored.clone())?;
        report.changes.push(match &found {
            Some(found) if found == wanted => Change::Unchanged(what),
            _ => outcome(self.store.swap(key, stored.as_ref(), wanted).await?, found.is_some(), what)?,
        });
        Ok(())
    }

    /// Keeps the client secret for single sign-on, and warns of what lets nobody in.
    async fn sso(&self, entry: &EnterpriseEntry, report: &mut Report) -> Result<(), Failure> {
        let mut warn = |what: &str| {
            report.changes.push(Change::Warning(format!("enterprise {}: {what}", entry.id)));
        };
        let Some(sso) = &entry.sso else {
            if entry.settings.sso_only {
                warn("sso_only without sso lets no admin in");
            }
            return Ok(());
        };
        if sso.jit && sso.email_domains.is_empty() {
            warn("sso.jit lets nobody in without sso.email_domains");
        }
        let id = client_secrets::name(&self.environment.sso_secrets, &entry.id);
        let Some(secret) = &sso.client_secret else {
            let current = Version::Labelled(secrets::CURRENT);
            let kept = secrets::read_version(self.client, &id, current).await?;
            if !kept.is_some_and(|kept| client_secrets::is_for(&kept, &sso.wanted())) {
                warn("sso has no client_secret for this provider yet, and lets nobody in without it");
            }
            return Ok(());
        };
        let (what, text) =
            (format!("SSO client secret of {}", entry.id), client_secrets::text(&sso.wanted(), secret));
        report.changes.push(match secrets::write(self.client, &id, &text).await? {
            Written::Created => Change::Created(what),
            Written::Updated => Change::Updated(what),
            Written::Unchanged => Change::Unchanged(what),
        });
        Ok(())
    }

    async fn api_key(
        &self,
        enterprise: &str,
        entry: &document::ApiKeyEntry,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let (stored, is_whole) = self.store.read_copies(&ApiKey::first(enterprise, &entry.id)).await?;
        let found = parse::<ApiKey>(stored.clone())?;
        let new_key = match (&entry.key, &found) {
            (None, None) => Some(api_key::generate(enterprise, &entry.id)),
            _ => None,
        };
        let hash = match (new_key.as_ref().or(entry.key.as_ref()), &found) {
            (Some(key), _) => crypto::sha256_hex(key.expose().as_bytes()),
            (None, found) => found.as_ref().map(|found| found.hash.clone()).unwrap_or_default(),
        };
        let mut wanted = entry.api_key(hash);
        // An owner's emergency is not undone by a document of before.
        wanted.hotlisted = found.as_ref().map(|found| found.hotlisted.clone()).unwrap_or_default();
        let what = format!("API key {}/{}", enterprise, entry.id);
        // Before it is written: a key that is there and that nobody was told could not be had any more.
        let is_new = new_key.is_some();
        report.new_keys.extend(new_key.map(|key| (entry.id.clone(), key)));
        report.changes.push(match &found {
            Some(found) if *found == wanted && is_whole => Change::Unchanged(what),
            _ => {
                let written = self
                    .store
                    .swap_copies(&ApiKey::first(enterprise, &wanted.id), stored.as_ref(), &wanted)
                    .await?;
                if is_new && !written {
                    // Somebody else's is there.
                    report.new_keys.pop();
                }
                outcome(written, found.is_some(), what)?
            }
        });
        if wanted.hotlisted.contains(&wanted.hash) {
            let what = format!("API key {enterprise}/{}: is hotlisted; give it a new key", entry.id);
            report.changes.push(Change::Warning(what));
        }
        Ok(())
    }
}

/// The line for a write that found (or did not find) what was read before it.
fn outcome(written: bool, existed: bool, what: String) -> Result<Change, Failure> {
    match (written, existed) {
        (false, _) => Err(Failure::Internal(format!("{what} changed meanwhile; run it again"))),
        (true, false) => Ok(Change::Created(what)),
        (true, true) => Ok(Change::Updated(what)),
    }
}
