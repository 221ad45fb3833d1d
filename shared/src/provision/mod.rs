//! Bringing a deployment to what a provisioning document says. Running it again changes nothing.
//!
//! What the document does not name is left as it is: the document is no list of everything.

pub mod document;
mod pins;
mod users;

use std::fmt;

use crate::api_key;
use crate::crypto;
use crate::failure::Failure;
use crate::private::Private;
use crate::store::api_key::ApiKey;
use crate::store::enterprise::Enterprise;
use crate::store::{Store, parse};
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

/// Applies a checked document.
#[derive(Debug)]
pub struct Provisioner<'a> {
    /// The table.
    pub store: &'a Store,
    /// The pepper, for PINs.
    pub pepper: &'a [u8],
}

impl Provisioner<'_> {
    /// Writes what differs, item by item; a run that was cut off is finished by the next one.
    ///
    /// # Errors
    /// [`Failure::Internal`] with a text for the operator, when the table does not answer, a name
    /// is taken by somebody else, or something changed between read and write.
    pub async fn apply(&self, document: &Document) -> Result<Report, Failure> {
        let mut report = Report::default();
        for entry in &document.enterprises {
            self.enterprise(entry, &mut report).await?;
            for key in &entry.api_keys {
                self.api_key(&entry.id, key, &mut report).await?;
            }
            for user in &entry.users {
                self.user(&entry.id, user, &mut report).await?;
            }
            for pin in &entry.pins {
                self.pin(&entry.id, pin, &mut report).await?;
            }
            if !entry.screeners.is_empty() {
                let what = format!("enterprise {}: screeners are not used yet", entry.id);
                report.changes.push(Change::Warning(what));
            }
        }
        Ok(report)
    }

    async fn enterprise(&self, entry: &EnterpriseEntry, report: &mut Report) -> Result<(), Failure> {
        let wanted = entry.enterprise();
        let [stored] = self.store.read([&Enterprise::key(&entry.id)]).await?;
        let found = parse::<Enterprise>(stored.clone())?;
        let what = format!("enterprise {}", entry.id);
        report.changes.push(match &found {
            Some(found) if *found == wanted => Change::Unchanged(what),
            _ => {
                let written = self.store.write_enterprise(stored.as_ref(), &wanted).await?;
                outcome(written, found.is_some(), what)?
            }
        });
        Ok(())
    }

    async fn api_key(
        &self,
        enterprise: &str,
        entry: &document::ApiKeyEntry,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let [stored] = self.store.read([&ApiKey::key(enterprise, &entry.id)]).await?;
        let found = parse::<ApiKey>(stored.clone())?;
        let hash = match (&entry.key, &found) {
            (Some(key), _) => crypto::sha256_hex(key.expose().as_bytes()),
            (None, Some(found)) => found.hash.clone(),
            (None, None) => {
                let key = api_key::generate(enterprise, &entry.id);
                let hash = crypto::sha256_hex(key.expose().as_bytes());
                report.new_keys.push((entry.id.clone(), key));
                hash
            }
        };
        let wanted = entry.api_key(hash);
        let what = format!("API key {}/{}", enterprise, entry.id);
        report.changes.push(match &found {
            Some(found) if *found == wanted => Change::Unchanged(what),
            _ => {
                let written = self.store.write_api_key(enterprise, stored.as_ref(), &wanted).await?;
                outcome(written, found.is_some(), what)?
            }
        });
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
