//! Signing a person in by password or by PIN: what the login and the answer to a TV have in common.
//!
//! Two steps to the table. First, side by side: read the API key, the enterprise and the credential,
//! and reserve a try with each limit. Then, after the comparison: do what the caller wants done with it
//! and free the tries, or count the failure everywhere. A thousand guesses at once
//! reserve a thousand tries, and those beyond the limit are never compared. A right credential that met no
//! other try leaves its own where it is: that is one of ten, and saves most logins two writes of three. Only with a key that a
//! warm function has not seen yet is the try reserved after the read, so that nobody can use up
//! other people's tries with keys that are made up.

mod reserve;

use std::sync::Arc;

use futures_util::future::{join, join_all};
use shared::api_key::{PresentedKey, SeenKeys, is_id};
use shared::cache::Cached;
use shared::config::Environment;
use shared::failure::{Failure, Surface};
use shared::identity::canonical;
use shared::limits::{self, Counter};
use shared::log::Level;
use shared::password::{self, Match};
use shared::pin;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::secrets;
use shared::store::counter::Try;
use shared::store::enterprise::Enterprise;
use shared::store::identity::{Identity, Secret};
use shared::store::pin::Pin;
use shared::store::session::{Holder, Session};
use shared::store::{Operation, Store, TransactWriteItem, parse};
use shared::token::issue::Issuer;

use crate::credential::{Credential, require_method};
use crate::gate::Gate;
use crate::own_limits::OwnLimits;
use reserve::{Attempt, Reserved};

/// Somebody whose credential is right, before that has had any effect.
#[must_use = "their tries stay taken until SignIn::complete"]
pub(crate) struct Verified {
    pub(crate) enterprise: Enterprise,
    pub(crate) holder: Holder,
    /// The user name, or the PIN's label.
    pub(crate) name: Private,
    /// The tries that were reserved for it.
    taken: Vec<Counter>,
    /// Counters with other tries in them, which stay: only the own one is given back.
    busy: Vec<Counter>,
    /// The counters under the person's two names, where there were other tries in the one of the name that
    /// was given, and a right password frees them. The other one must not be used up.
    busy_names: Option<[Counter; 2]>,
    /// A secret whose hash is weaker than today's.
    outdated: Option<(Identity, Secret, Private)>,
    operation: Operation,
}

/// Signs people in on one surface.
#[derive(Debug)]
pub(crate) struct SignIn {
    pub(crate) store: Store,
    surface: Surface,
    /// Absent where nobody signs in by PIN.
    pepper: Option<Arc<Cached<Vec<u8>>>>,
    seen_keys: SeenKeys,
    /// Which of an enterprise's counters to look at is asked before the enterprise is there.
    own_limits: OwnLimits,
}

impl SignIn {
    /// On the Watch surface, by password or PIN.
    pub(crate) async fn new(environment: &Environment) -> Result<Self, Failure> {
        let pepper = Some(secrets::pepper(environment).await?);
        Ok(Self { pepper, ..Self::without_pins(environment, Surface::Watch) })
    }

    /// By password alone, and without a right to the pepper.
    pub(crate) fn without_pins(environment: &Environment, surface: Surface) -> Self {
        let (store, seen_keys, own_limits) =
            (Store::new(environment), SeenKeys::default(), OwnLimits::default());
        Self { store, surface, pepper: None, seen_keys, own_limits }
    }

    /// Refuses a credential of a kind that the enterprise has not enabled.
    pub(crate) fn require_enabled(
        &self,
        credential: &Credential,
        enterprise: &Enterprise,
    ) -> Result<(), Failure> {
        require_method(self.surface, credential.method(), enterprise)
    }

    /// Signs somebody in with an API key: checks the credential and opens a session, which lives for
    /// the enterprise's maximum when that is asked for.
    pub(crate) async fn open_session(
        &self,
        call: &Call,
        key: &PresentedKey,
        credential: Credential,
        extended: bool,
        issuer: &Issuer,
    ) -> Result<Reply, Failure> {
        let verified = self.verify(call, Gate::Key(key), credential).await?;
        let holder = verified.holder.clone();
        let seconds = verified.enterprise.settings.refresh_seconds(extended);
        let session = Session::new(&holder, key, self.surface, call.now, seconds);
        let opening = vec![self.store.opening_session(&key.enterprise, &session)?];
        let otherwise = Failure::Internal("a new session's id was taken".into());
        self.complete(call, verified, opening, otherwise).await?;
        call.notes.add(|about| about.session = Some(session.id.clone()));
        let tokens = issuer.both(&key.enterprise, &session, &holder.roles, call.now)?;
        Ok(Reply::success(self.surface, tokens))
    }

    /// Checks a credential, with a try reserved for it.
    pub(crate) async fn verify(
        &self,
        call: &Call,
        gate: Gate<'_>,
        credential: Credential,
    ) -> Result<Verified, Failure> {
        let (surface, method) = (self.surface, credential.method());
        call.notes.add(|about| {
            about.enterprise = Some(gate.enterprise().to_owned()).filter(|id| is_id(id));
            about.detail = Some(method);
        });
        let attempt = Attempt { call, gate, surface, method, operation: Operation::new() };
        match credential {
            // Boxed: the state of all that it waits for is large.
            Credential::Password { username, password } => {
                Box::pin(self.by_secret(attempt, &username, password, Secret::Password)).await
            }
            Credential::ClientSecret { username, secret } => {
                Box::pin(self.by_secret(attempt, &username, secret, Secret::Client)).await
            }
            Credential::Pin(pin) => self.by_pin(attempt, &pin).await,
        }
    }

    /// Carries out `writes` for somebody who was verified, and frees their tries, in one transaction.
    /// When one of `writes` is refused, nothing is done, the tries are given back, and the call fails
    /// with `otherwise`.
    pub(crate) async fn complete(
        &self,
        call: &Call,
        verified: Verified,
        writes: Vec<TransactWriteItem>,
        otherwise: Failure,
    ) -> Result<(), Failure> {
        let Verified { enterprise, taken, busy, busy_names, outdated, operation, .. } = verified;
        let mut all = Vec::new();
        if let Some([by_name, by_other_name]) = &busy_names {
            all.push(self.store.clearing_unless_used_up(by_other_name));
            all.push(self.store.clearing(by_name));
        }
        all.extend(writes);
        // A right credential is nobody's try, whatever becomes of the rest.
        let done = join(self.store.transact(all), self.give_back(call, &operation, &busy));
        match done.await.0 {
            Ok(Ok(())) => {}
            Ok(Err(cancelled)) => {
                self.give_back(call, &operation, &taken).await;
                let used_up = busy_names.filter(|_| cancelled.failed[0]);
                return Err(used_up.map_or(otherwise, |[_, by_other_name]| by_other_name.refusal(call.now)));
            }
            Err(error) => {
                self.give_back(call, &operation, &taken).await;
                return Err(error.into());
            }
        }
        if let Some((identity, secret, given)) = outdated
            && let Err(failure) = self.rehash(&enterprise.id, &identity, secret, given).await
        {
            // The person is signed in; the next login tries again.
            call.log(Level::Warn, "rehash", &failure);
        }
        Ok(())
    }

    /// Gives reserved tries back, as far as the table answers.
    async fn give_back(
        &self,
        call: &Call,
        operation: &Operation,
        counters: impl IntoIterator<Item = &Counter>,
    ) {
        let given = counters.into_iter().map(|counter| self.store.give_back(counter, operation));
        for failed in join_all(given).await.into_iter().filter_map(Result::err) {
            call.log(Level::Warn, "give back", &failed);
        }
    }

    /// By a password, or by what stands in its place and is hashed as one.
    async fn by_secret(
        &self,
        attempt: Attempt<'_>,
        username: &Private,
        given: Private,
        secret: Secret,
    ) -> Result<Verified, Failure> {
        let (ent, now) = (attempt.gate.enterprise(), attempt.call.now);
        let name = canonical(username.expose());
        let by_name = limits::LOGIN_ACCOUNT.counter(ent, &name, now);
        let by_source = limits::LOGIN_SOURCE.counter(ent, &attempt.call.source, now);
        let credential = Identity::key(ent, &name);
        let reserved = self.reserve(&attempt, &credential, &[&by_name, &by_source]).await?;
        let Reserved { enterprise, found, by_enterprise, tries } = reserved;

        let found = parse::<Identity>(found)?;
        attempt.call.notes.add(|about| about.user = found.as_ref().map(|found| found.user.clone()));
        let stored_hash = found.as_ref().and_then(|identity| secret.hash_of(identity)).cloned();
        let compared = password::verify(stored_hash, given.clone()).await?;
        // Tries under the user name and under the e-mail address count together: each attempt is
        // counted under the name that was given before the comparison, and under the other one
        // after it. A name that nobody has gets a made-up other one, so that it costs the same.
        let other_name =
            found.as_ref().and_then(|identity| identity.names().into_iter().find(|other| *other != name));
        let other_name = other_name.unwrap_or_else(|| format!("{name}\0"));
        let by_other_name = limits::LOGIN_ACCOUNT.counter(ent, &other_name, now);
        let Some(identity) =
            found.filter(|found| compared != Match::No && found.may_use(self.surface.name()))
        else {
            let counters = [&by_other_name, &by_enterprise];
            let used_up = Box::pin(self.store.take_both(counters, &attempt.operation)).await?;
            return Err(used_up.map_or(Failure::Credentials, |counter| counter.refusal(now)));
        };
        // A machine's secret frees nobody else's tries: they may be guesses at the person's password.
        let frees = secret == Secret::Password;
        let stays = [(tries[0], !frees, &by_name), (tries[1], true, &by_source)];
        let busy = stays.into_iter().filter(|(tried, stays, _)| *tried == Try::Beside && *stays);
        Ok(Verified {
            enterprise,
            holder: Holder {
                user: identity.user.clone(),
                epoch: identity.epoch,
                roles: identity.roles.clone(),
                amr: vec!["pwd".to_owned()],
                not_after: None,
                vouching: None,
                approving_key: None,
            },
            name: identity.username.clone(),
            busy: busy.map(|(.., counter)| counter.clone()).collect(),
            busy_names: (tries[0] == Try::Beside && frees).then(|| [by_name.clone(), by_other_name]),
            taken: vec![by_name, by_source],
            outdated: (compared == Match::Outdated).then_some((identity, secret, given)),
            operation: attempt.operation,
        })
    }

    async fn by_pin(&self, attempt: Attempt<'_>, pin: &Private) -> Result<Verified, Failure> {
        let (ent, now) = (attempt.gate.enterprise(), attempt.call.now);
        let pepper = self.pepper.as_ref().ok_or(Failure::NotAllowed("PINs are not enabled"))?.get(now);
        let credential = Pin::key(ent, &pin::lookup_hash(&pepper, ent, pin));
        let by_source = limits::PIN_SOURCE.counter(ent, &attempt.call.source, now);
        let reserved = self.reserve(&attempt, &credential, &[&by_source]).await?;
        let Reserved { enterprise, found, by_enterprise, tries } = reserved;

        let Some(pin) = parse::<Pin>(found)?.filter(|pin| pin.is_live(now)) else {
            let has_room = self.store.take(&by_enterprise, &attempt.operation).await?;
            return Err(if has_room { Failure::Credentials } else { by_enterprise.refusal(now) });
        };
        attempt.call.notes.add(|about| about.user = Some(pin.user.clone()));
        Ok(Verified {
            enterprise,
            holder: Holder {
                user: pin.user,
                epoch: pin.epoch,
                roles: vec!["viewer".to_owned()],
                amr: vec!["pin".to_owned()],
                not_after: pin.not_after,
                vouching: None,
                approving_key: None,
            },
            name: pin.label.into(),
            busy: (tries[0] == Try::Beside).then(|| by_source.clone()).into_iter().collect(),
            busy_names: None,
            taken: vec![by_source],
            outdated: None,
            operation: attempt.operation,
        })
    }

    /// Puts a hash of today's strength in the place of a weaker one, unless another login or a new
    /// secret was faster.
    async fn rehash(
        &self,
        enterprise: &str,
        identity: &Identity,
        secret: Secret,
        given: Private,
    ) -> Result<(), Failure> {
        let new = password::hash(given).await?;
        let old = secret.hash_of(identity).map(String::as_str).unwrap_or_default();
        let names = identity.names();
        let writes = names.iter().map(|name| self.store.rehashing(enterprise, name, secret, [old, &new]));
        let _ = self.store.transact(writes.collect()).await?;
        Ok(())
    }
}
