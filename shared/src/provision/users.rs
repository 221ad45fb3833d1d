//! People of a provisioning document.

use super::document::UserEntry;
use super::{Change, Provisioner, Report, outcome};
use crate::crypto;
use crate::failure::Failure;
use crate::identity::canonical;
use crate::password::{self, Match};
use crate::store::identity::Identity;
use crate::store::parse;
use crate::store::user::User;

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
        let hash = new_hash(entry).await?;
        let identity = wanted(entry, crypto::new_id(), hash, 0);
        let mut writes = vec![self.store.creating_user(enterprise, &User::of(&identity))?];
        for name in identity.names() {
            writes.push(self.store.claiming_name(enterprise, &name, &identity)?);
        }
        match self.store.transact(writes).await? {
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
        let hash = if keeps_password { found.password_hash.clone() } else { new_hash(entry).await? };
        // A new password, a role or a surface less, and being disabled end all sessions.
        let loses = |old: &[String], new: &[String]| old.iter().any(|name| !new.contains(name));
        let loses_right = loses(&found.surfaces, &entry.surfaces) || loses(&found.roles, &entry.roles);
        let ends_sessions = !keeps_password || loses_right || (entry.disabled && !found.disabled);
        let epoch = found.epoch + i64::from(ends_sessions);
        let mut identity = wanted(entry, found.user.clone(), hash, epoch);
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
    if entry.client_secret.is_some() {
        report.changes.push(Change::Warning(format!("{what}: client_secret is not used yet")));
    }
}

async fn keeps_password(entry: &UserEntry, found: &Identity) -> Result<bool, Failure> {
    match (&entry.password, &entry.password_hash, &found.password_hash) {
        (Some(password), _, Some(hash)) => {
            Ok(password::verify(Some(hash.clone()), password.clone()).await? != Match::No)
        }
        // An imported hash is only for the first time: a login replaces it with a stronger one.
        (None, _, Some(_)) | (None, None, None) => Ok(true),
        (Some(_), _, None) | (None, Some(_), None) => Ok(false),
    }
}

async fn new_hash(entry: &UserEntry) -> Result<Option<String>, Failure> {
    match &entry.password {
        Some(password) => password::hash(password.clone()).await.map(Some),
        None => Ok(entry.password_hash.clone()),
    }
}

fn wanted(entry: &UserEntry, user: String, password_hash: Option<String>, epoch: i64) -> Identity {
    Identity {
        user,
        username: entry.username.clone(),
        email: entry.email.clone(),
        password_hash,
        epoch,
        roles: entry.roles.clone(),
        surfaces: entry.surfaces.clone(),
        disabled: entry.disabled,
        self_registered: false,
    }
}
