//! People of a provisioning document.

use super::document::UserEntry;
use super::{Change, Provisioner, Report, outcome};
use crate::crypto;
use crate::failure::Failure;
use crate::identity::canonical;
use crate::password::{self, Match};
use crate::private::Private;
use crate::store::identity::Identity;
use crate::store::parse;
use crate::store::user::User;

/// A machine's secret of fewer characters is within reach of guessing.
const SAFE_SECRET: usize = 20;

impl Provisioner<'_> {
    pub(super) async fn user(
        &self,
        enterprise: &str,
        entry: &UserEntry,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let what = format!("user {enterprise}/{}", entry.username.expose());
        warn(enterprise, entry, &what, report);
        let name = canonical(entry.username.expose());
        let [found] = self.store.read([&Identity::key(enterprise, &name)]).await?;
        let change = match parse::<Identity>(found)? {
            None => self.create_user(enterprise, entry, what).await?,
            Some(found) => self.update_user(enterprise, entry, &found, what).await?,
        };
        report.changes.push(change);
        Ok(())
    }

    async fn create_user(
        &self,
        enterprise: &str,
        entry: &UserEntry,
        what: String,
    ) -> Result<Change, Failure> {
        let hashes = Hashes {
            password: new_hash(entry).await?,
            client_secret: hash_of(entry.client_secret.as_ref()).await?,
        };
        let identity = wanted(entry, crypto::new_id(), hashes, 0);
        match self.store.transact(self.store.creating_person(enterprise, &identity)?).await? {
            Ok(()) => Ok(Change::Created(what)),
            Err(_) => Err(Failure::Internal(format!("{what}: user name or e-mail is somebody else's"))),
        }
    }

    async fn update_user(
        &self,
        enterprise: &str,
        entry: &UserEntry,
        found: &Identity,
        what: String,
    ) -> Result<Change, Failure> {
        // Somebody who signed up under this name is not the one whom the operator means: nothing of
        // theirs is kept, neither password nor address nor sessions.
        let is_stranger = found.self_registered;
        if is_stranger && entry.password.is_none() && entry.password_hash.is_none() {
            let problem = "signed up by themselves; give a password to take the account over";
            return Err(Failure::Internal(format!("{what} {problem}")));
        }
        let keeps_password = !is_stranger && keeps_password(entry, found).await?;
        let password = if keeps_password { found.password_hash.clone() } else { new_hash(entry).await? };
        let keeps_secret =
            !is_stranger && keeps(entry.client_secret.as_ref(), found.client_secret_hash.as_ref()).await?;
        let ends_secret = !keeps_secret && found.client_secret_hash.is_some();
        let client_secret = if keeps_secret {
            found.client_secret_hash.clone()
        } else {
            hash_of(entry.client_secret.as_ref()).await?
        };
        // Another password or secret, a role or a surface less, and being disabled end all sessions.
        let loses = |old: &[String], new: &[String]| old.iter().any(|name| !new.contains(name));
        let loses_right = loses(&found.surfaces, &entry.surfaces) || loses(&found.roles, &entry.roles);
        let ends_sessions =
            !keeps_password || ends_secret || loses_right || (entry.disabled && !found.disabled);
        let epoch = found.epoch + i64::from(ends_sessions);
        let mut identity = wanted(entry, found.user.clone(), Hashes { password, client_secret }, epoch);
        if entry.email.is_none() && !is_stranger {
            identity.email.clone_from(&found.email);
        }
        if identity == *found {
            return Ok(Change::Unchanged(what));
        }
        // The user's epoch is the condition that nothing changed since the read: every change of
        // a password raises it.
        let mut writes = vec![self.store.replacing_user(enterprise, &User::of(&identity), found.epoch)?];
        let (old, new) = (found.names(), identity.names());
        for name in &new {
            writes.push(if old.contains(name) {
                self.store.replacing_name(enterprise, name, &identity)?
            } else {
                self.store.claiming_name(enterprise, name, &identity)?
            });
        }
        for name in old.iter().filter(|name| !new.contains(name)) {
            writes.push(self.store.releasing_name(enterprise, name, &found.user));
        }
        outcome(self.store.transact(writes).await?.is_ok(), true, what)
    }
}

fn warn(enterprise: &str, entry: &UserEntry, what: &str, report: &mut Report) {
    if let Some(password) = &entry.password {
        let context = [entry.username.expose(), enterprise];
        if let Err(problem) = password::check("password", password, password::MIN_CHARS, &context) {
            report.changes.push(Change::Warning(format!("{what}: {problem}")));
        }
    }
    if let Some(secret) = &entry.client_secret {
        if secret.expose().chars().count() < SAFE_SECRET {
            report.changes.push(Change::Warning(format!(
                "{what}: client_secret is shorter than {SAFE_SECRET} characters"
            )));
        }
        if !entry.surfaces.iter().any(|surface| surface == "vidizmo") {
            report
                .changes
                .push(Change::Warning(format!("{what}: client_secret is of no use without vidizmo")));
        }
    }
}

/// Whether the password that is there stays.
async fn keeps_password(entry: &UserEntry, found: &Identity) -> Result<bool, Failure> {
    // An imported hash is only for the first time: a login replaces it with a stronger one.
    let brings_first = entry.password_hash.is_some() && found.password_hash.is_none();
    Ok(!brings_first && keeps(entry.password.as_ref(), found.password_hash.as_ref()).await?)
}

/// Whether what is there stays: where the document says nothing, or the same.
async fn keeps(given: Option<&Private>, stored: Option<&String>) -> Result<bool, Failure> {
    match (given, stored) {
        (None, _) => Ok(true),
        (Some(_), None) => Ok(false),
        (Some(given), Some(stored)) => {
            Ok(password::verify(Some(stored.clone()), given.clone()).await? != Match::No)
        }
    }
}

async fn hash_of(secret: Option<&Private>) -> Result<Option<String>, Failure> {
    match secret {
        Some(secret) => password::hash(secret.clone()).await.map(Some),
        None => Ok(None),
    }
}

async fn new_hash(entry: &UserEntry) -> Result<Option<String>, Failure> {
    Ok(hash_of(entry.password.as_ref()).await?.or_else(|| entry.password_hash.clone()))
}

/// What somebody can prove themselves with.
struct Hashes {
    password: Option<String>,
    client_secret: Option<String>,
}

fn wanted(entry: &UserEntry, user: String, hashes: Hashes, epoch: i64) -> Identity {
    Identity {
        user,
        username: entry.username.clone(),
        email: entry.email.clone(),
        password_hash: hashes.password,
        client_secret_hash: hashes.client_secret,
        epoch,
        roles: entry.roles.clone(),
        surfaces: entry.surfaces.clone(),
        disabled: entry.disabled,
        self_registered: false,
    }
}
