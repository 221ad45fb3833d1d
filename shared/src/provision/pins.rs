//! PINs of a provisioning document.

use super::document::PinEntry;
use super::{Change, Provisioner, Report, outcome};
use crate::crypto;
use crate::failure::Failure;
use crate::pin;
use crate::store::parse;
use crate::store::pin::Pin;
use crate::store::user::User;

/// A PIN of fewer letters and digits is within reach of guessing.
const SAFE_CHARS: usize = 8;

impl Provisioner<'_> {
    pub(super) async fn pin(
        &self,
        enterprise: &str,
        entry: &PinEntry,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let what = format!("PIN {enterprise}/{}", entry.label);
        if pin::canonical(entry.pin.expose()).chars().count() < SAFE_CHARS {
            report.changes.push(Change::Warning(format!("{what}: shorter than {SAFE_CHARS} characters")));
        }
        let lookup_hash = pin::lookup_hash(self.pepper, enterprise, &entry.pin);
        let [found] = self.store.read([&Pin::key(enterprise, &lookup_hash)]).await?;
        let found = parse::<Pin>(found)?;
        let is_complete = match &found {
            Some(found) => {
                let [holder] = self.store.read([&User::key(enterprise, &found.user)]).await?;
                // One of an earlier version does not know its PIN, and could not be hotlisted.
                parse::<User>(holder)?.is_some_and(|holder| holder.pin.is_some())
            }
            None => false,
        };
        let change = match &found {
            Some(found) if is_complete && is_same(found, entry) => Change::Unchanged(what),
            _ => {
                let written = self.write_pin(enterprise, &lookup_hash, entry, found.as_ref()).await?;
                outcome(written, found.is_some(), what)?
            }
        };
        report.changes.push(change);
        Ok(())
    }

    async fn write_pin(
        &self,
        enterprise: &str,
        lookup_hash: &str,
        entry: &PinEntry,
        found: Option<&Pin>,
    ) -> Result<bool, Failure> {
        let pin = Pin {
            user: found.map_or_else(|| format!("pin-{}", crypto::new_id()), |found| found.user.clone()),
            label: entry.label.clone(),
            // Any change ends the holder's sessions: their end or their permission may have moved.
            epoch: found.map_or(0, |found| found.epoch + 1),
            not_after: entry.expires_at,
            disabled: entry.disabled,
        };
        let holder_of = |pin: &Pin| User {
            id: pin.user.clone(),
            username: pin.label.as_str().into(),
            email: None,
            epoch: pin.epoch,
            roles: vec!["viewer".to_owned()],
            disabled: pin.disabled,
            pin: Some(lookup_hash.to_owned()),
        };
        let holder = holder_of(&pin);
        let writes = vec![
            match found.map(holder_of) {
                None => self.store.creating_user(enterprise, &holder)?,
                Some(read) => self.store.replacing_user(enterprise, &read, &holder)?,
            },
            self.store.writing_pin(enterprise, lookup_hash, &pin)?,
        ];
        Ok(self.store.transact(writes).await?.is_ok())
    }
}

fn is_same(found: &Pin, entry: &PinEntry) -> bool {
    found.label == entry.label && found.not_after == entry.expires_at && found.disabled == entry.disabled
}
