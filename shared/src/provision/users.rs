//! People of a provisioning document.

use super::document::UserEntry;
use super::{Change, Provisioner, Report, outcome};
use crate::crypto;
use crate::failure::Failure;
use crate::identity::canonical;
use crate::password::{self, Match};
use crate::private::Private;
use crate::store::TransactWriteItem;
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
            Some(found) => self.update_user(enterprise, entry, &found, what, report).await?,
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
        let identity = new_person(entry).await?;
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
        report: &mut Report,
    ) -> Result<Change, Failure> {
        if found.self_registered {
            return self.take_over(enterprise, entry, found, what).await;
        }
        let kept = Password::kept(entry, found).await?;
        let keeps_password = kept.is_some();
        let password = match kept {
            Some(kept) => kept,
            None => Password::new(entry).await?,
        };
        if password.is_their_own {
            let problem = "the person has chosen another password since; the document's is not set again";
            report.changes.push(Change::Warning(format!("{what}: {problem}")));
        }
        let (given, stored) = (entry.client_secret.as_ref(), found.client_secret_hash.as_ref());
        let keeps_secret = match given {
            None => true,
            Some(given) => is_hash_of(stored, given).await?,
        };
        let ends_secret = !keeps_secret && stored.is_some();
        let client_secret = if keeps_secret { stored.cloned() } else { hash_of(given).await? };
        // Another password or secret, a role or a surface less, and being disabled end all sessions.
        let loses = |old: &[String], new: &[String]| old.iter().any(|name| !new.contains(name));
        let loses_right = loses(&found.surfaces, &entry.surfaces) || loses(&found.roles, &entry.roles);
        let ends_sessions =
            !keeps_password || ends_secret || loses_right || (entry.disabled && !found.disabled);
        let epoch = found.epoch + i64::from(ends_sessions);
        let mut identity = wanted(entry, found.user.clone(), password, client_secret, epoch);
        if entry.email.is_none() {
            identity.email.clone_from(&found.email);
        }
        if identity == *found {
            return Ok(Change::Unchanged(what));
        }
        let replacing = self.store.replacing_user(enterprise, &User::of(found), &User::of(&identity))?;
        self.rename(enterprise, found, &identity, vec![replacing], what).await
    }

    /// Puts somebody new in the place of a person who signed up under this name by themselves, and is not the one
    /// whom the operator means. Nothing of theirs is kept: neither password nor address nor sessions, nor what
    /// hangs on their id, as a phone does.
    async fn take_over(
        &self,
        enterprise: &str,
        entry: &UserEntry,
        found: &Identity,
        what: String,
    ) -> Result<Change, Failure> {
        if entry.password.is_none() && entry.password_hash.is_none() {
            let problem = "signed up by themselves; give a password to take the account over";
            return Err(Failure::Internal(format!("{what} {problem}")));
        }
        let identity = new_person(entry).await?;
        let stranger = User::of(found);
        let gone = User { epoch: stranger.epoch + 1, disabled: true, ..stranger.clone() };
        let writes = vec![
            self.store.creating_user(enterprise, &User::of(&identity))?,
            self.store.replacing_user(enterprise, &stranger, &gone)?,
        ];
        self.rename(enterprise, found, &identity, writes, what).await
    }

    /// Carries out `writes`, and gives the names that `found` had to `identity`, as far as it has them.
    async fn rename(
        &self,
        enterprise: &str,
        found: &Identity,
        identity: &Identity,
        mut writes: Vec<TransactWriteItem>,
        what: String,
    ) -> Result<Change, Failure> {
        let (old, new) = (found.names(), identity.names());
        for name in &new {
            writes.push(if old.contains(name) {
                self.store.replacing_name(enterprise, name, &found.user, identity)?
            } else {
                self.store.claiming_name(enterprise, name, identity)?
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

/// A person's password.
struct Password {
    hash: Option<String>,
    /// See [`Identity::provisioned_hash`].
    provisioned_hash: Option<String>,
    /// Whether the document gives one that the person has replaced.
    is_their_own: bool,
}

impl Password {
    /// The document's.
    async fn new(entry: &UserEntry) -> Result<Self, Failure> {
        let provisioned_hash = hash_of(entry.password.as_ref()).await?;
        let hash = provisioned_hash.clone().or_else(|| entry.password_hash.clone());
        Ok(Self { hash, provisioned_hash, is_their_own: false })
    }

    /// What is there, where it stays: where the document says nothing, or the same as it has now, or as it had
    /// before the person chose one of their own.
    async fn kept(entry: &UserEntry, found: &Identity) -> Result<Option<Self>, Failure> {
        let (hash, provisioned_hash) = (found.password_hash.clone(), found.provisioned_hash.clone());
        let Some(given) = &entry.password else {
            // An imported hash is only for the first time: a login replaces it with a stronger one.
            let brings_first = entry.password_hash.is_some() && hash.is_none();
            return Ok((!brings_first).then_some(Self { hash, provisioned_hash, is_their_own: false }));
        };
        if is_hash_of(provisioned_hash.as_ref(), given).await? {
            // Another text can be a hash of the same: a login has made a stronger one.
            let is_their_own = hash != provisioned_hash && !is_hash_of(hash.as_ref(), given).await?;
            return Ok(Some(Self { hash, provisioned_hash, is_their_own }));
        }
        let is_current = is_hash_of(hash.as_ref(), given).await?;
        Ok(is_current.then(|| Self { provisioned_hash: hash.clone(), hash, is_their_own: false }))
    }
}

/// Whether `stored` is there and a hash of `given`.
async fn is_hash_of(stored: Option<&String>, given: &Private) -> Result<bool, Failure> {
    match stored {
        None => Ok(false),
        Some(stored) => Ok(password::verify(Some(stored.clone()), given.clone()).await? != Match::No),
    }
}

async fn hash_of(secret: Option<&Private>) -> Result<Option<String>, Failure> {
    match secret {
        Some(secret) => password::hash(secret.clone()).await.map(Some),
        None => Ok(None),
    }
}

/// Somebody who is not there yet.
async fn new_person(entry: &UserEntry) -> Result<Identity, Failure> {
    let (password, secret) = (Password::new(entry).await?, hash_of(entry.client_secret.as_ref()).await?);
    Ok(wanted(entry, crypto::new_id(), password, secret, 0))
}

fn wanted(
    entry: &UserEntry,
    user: String,
    password: Password,
    client_secret_hash: Option<String>,
    epoch: i64,
) -> Identity {
    Identity {
        user,
        username: entry.username.clone(),
        email: entry.email.clone(),
        password_hash: password.hash,
        provisioned_hash: password.provisioned_hash,
        client_secret_hash,
        epoch,
        roles: entry.roles.clone(),
        surfaces: entry.surfaces.clone(),
        disabled: entry.disabled,
        self_registered: false,
    }
}
