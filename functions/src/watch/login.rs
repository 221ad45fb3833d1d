//! `POST /v2/watch/auth/login`: signs a viewer in, by password or by PIN.
//!
//! Two steps to the table. First, side by side: read the API key, the enterprise and the
//! credential, and reserve a try with each limit. Then, after the comparison, one transaction: open
//! the session and free the tries, or count the failure everywhere. A thousand guesses at once
//! reserve a thousand tries, and those beyond the limit are never compared. Only with a key that a
//! warm function has not seen yet is the try reserved after the read, so that nobody can use up
//! other people's tries with keys that are made up.

use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};
use serde::Serialize;
use shared::api_key::{PresentedKey, SeenKeys};
use shared::body::{Invalid, Object};
use shared::cache::Cached;
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity::{self, canonical};
use shared::limits::{self, Counter};
use shared::password::{self, Match};
use shared::pin;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::secrets;
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::identity::Identity;
use shared::store::pin::Pin;
use shared::store::session::Session;
use shared::store::{Attributes, Key, Operation, Store, parse};
use shared::token::issue::Issuer;

struct Request {
    method: Method,
    persist: bool,
}

enum Method {
    Password { username: Private, password: Private },
    Pin(Private),
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        let kind = body.text("type", 16)?;
        let persist = body.flag("persist")?;
        let credentials = body.object("credentials")?;
        let method = match kind.as_str() {
            "password" => Method::Password {
                username: credentials.private("username", identity::MAX_CHARS)?,
                password: credentials.private("password", password::MAX_CHARS)?,
            },
            "pin" => Method::Pin(credentials.private("pin", pin::MAX_CHARS)?),
            _ => return Err(Invalid::new("type", "must be \"password\" or \"pin\"")),
        };
        Ok(Self { method, persist })
    }
}

#[derive(Serialize)]
struct Response {
    token: String,
    refresh_token: String,
}

/// The endpoint.
#[derive(Debug)]
pub struct Login {
    store: Store,
    issuer: Issuer,
    pepper: Arc<Cached<Vec<u8>>>,
    seen_keys: SeenKeys,
}

impl Endpoint for Login {
    const NAME: &'static str = "watch-login";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/login";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let (issuer, pepper) = tokio::try_join!(Issuer::new(environment), secrets::pepper(environment))?;
        Ok(Self { store: Store::new(environment), issuer, pepper, seen_keys: SeenKeys::default() })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let request = key.gate(parsed, &self.store, Surface::Watch, call.now).await?;
        let attempt = Attempt { call, key, persist: request.persist, operation: Operation::new() };
        match request.method {
            Method::Password { username, password } => {
                Box::pin(self.by_password(attempt, &username, password)).await
            }
            Method::Pin(pin) => self.by_pin(attempt, &pin).await,
        }
    }
}

/// What the two ways of signing in have in common.
struct Attempt<'a> {
    call: &'a Call,
    key: PresentedKey,
    persist: bool,
    /// Under which the attempt is counted.
    operation: Operation,
}

/// Whom the credential belongs to.
struct Holder {
    user: String,
    epoch: i64,
    roles: Vec<String>,
    amr: &'static str,
}

impl Attempt<'_> {
    /// Checks key, surface and method, in that order, by the first two of the items that were read.
    fn authorize(&self, items: &[Option<Attributes>], method: &str) -> Result<Enterprise, Failure> {
        self.key.authorize(parse(items[0].clone())?, Surface::Watch, self.call.now)?;
        let enterprise = parse::<Enterprise>(items[1].clone())?.ok_or(Failure::ApiKey)?;
        if enterprise.settings.has_watch_method(method) {
            Ok(enterprise)
        } else {
            Err(Failure::NotAllowed("This way of signing in is not enabled"))
        }
    }

    fn session(&self, holder: &Holder, enterprise: &Enterprise) -> Session {
        Session {
            id: crypto::new_id(),
            user: holder.user.clone(),
            api_key: self.key.id.clone(),
            surface: Surface::Watch.name().to_owned(),
            epoch: holder.epoch,
            amr: vec![holder.amr.to_owned()],
            refresh_jti: crypto::new_id(),
            previous_jti: None,
            rotated_at: None,
            sealed_successor: None,
            created_at: self.call.now,
            expires_at: self.call.now + enterprise.settings.refresh_seconds(self.persist),
            ended_at: None,
        }
    }
}

impl Login {
    /// The first step: reads what the attempt needs and reserves a try with each of `counters`.
    /// Gives the enterprise and the credential's item, if there is one.
    ///
    /// What is refused here, before the comparison, uses nothing up: neither a person's tries, when
    /// the address has none left or the table fails, nor the address's, when the person is locked.
    async fn reserve(
        &self,
        attempt: &Attempt<'_>,
        method: &str,
        credential: &Key,
        by_enterprise: &Counter,
        counters: &[&Counter],
    ) -> Result<(Enterprise, Option<Attributes>), Failure> {
        let (ent, now) = (attempt.key.enterprise.as_str(), attempt.call.now);
        let keys =
            [&ApiKey::key(ent, &attempt.key.id), &Enterprise::key(ent), credential, &by_enterprise.key];
        let read_before = if self.seen_keys.contains(&attempt.key) {
            None
        } else {
            let items = self.store.read(keys).await?;
            attempt.authorize(&items, method)?;
            self.seen_keys.insert(&attempt.key);
            Some(items)
        };
        let mut taken = vec![true; counters.len()];
        let take = try_join_all(counters.iter().map(|counter| self.store.take(counter, &attempt.operation)));
        let outcome = async {
            let (items, have_room) = match read_before {
                Some(items) => (items, take.await?),
                None => tokio::try_join!(self.store.read(keys), take)?,
            };
            taken.clone_from(&have_room);
            let enterprise = attempt.authorize(&items, method)?;
            let [_, _, credential, failures] = items;
            if by_enterprise.is_used_up(failures.as_ref()) {
                return Err(by_enterprise.refusal(now));
            }
            match have_room.iter().position(|has_room| !has_room) {
                Some(index) => Err(counters[index].refusal(now)),
                None => Ok((enterprise, credential)),
            }
        };
        match outcome.await {
            Ok(read) => Ok(read),
            Err(refusal) => {
                if matches!(refusal, Failure::ApiKey) {
                    self.seen_keys.remove(&attempt.key);
                }
                let taken =
                    counters.iter().zip(taken).filter_map(|(counter, taken)| taken.then_some(*counter));
                self.give_back(attempt, &taken.collect::<Vec<_>>()).await;
                Err(refusal)
            }
        }
    }

    /// Gives reserved tries back, as far as the table answers.
    async fn give_back(&self, attempt: &Attempt<'_>, counters: &[&Counter]) {
        let given = counters.iter().map(|counter| self.store.give_back(counter, &attempt.operation));
        for failed in join_all(given).await.into_iter().filter_map(Result::err) {
            tracing::warn!(target: "usher", function = Self::NAME, request_id = attempt.call.request_id, cause = %failed, "give back");
        }
    }

    async fn by_password(
        &self,
        attempt: Attempt<'_>,
        username: &Private,
        password: Private,
    ) -> Result<Reply, Failure> {
        let (ent, now) = (attempt.key.enterprise.as_str(), attempt.call.now);
        let name = canonical(username.expose());
        let by_name = limits::LOGIN_ACCOUNT.counter(ent, &name, now);
        let by_source = limits::LOGIN_SOURCE.counter(ent, &attempt.call.source, now);
        let by_enterprise = limits::LOGIN_ENTERPRISE.counter(ent, "", now);
        let credential = Identity::key(ent, &name);
        let counters = [&by_name, &by_source];
        let (enterprise, found) =
            self.reserve(&attempt, "password", &credential, &by_enterprise, &counters).await?;

        let found = parse::<Identity>(found)?;
        let stored_hash = found.as_ref().and_then(|identity| identity.password_hash.clone());
        let compared = password::verify(stored_hash, password.clone()).await?;
        // Tries under the user name and under the e-mail address count together: each attempt is
        // counted under the name that was given before the comparison, and under the other one
        // after it. A name that nobody has gets a made-up other one, so that it costs the same.
        let other_name =
            found.as_ref().and_then(|identity| identity.names().into_iter().find(|other| *other != name));
        let other_name = other_name.unwrap_or_else(|| format!("{name}\0"));
        let by_other_name = limits::LOGIN_ACCOUNT.counter(ent, &other_name, now);
        let Some(identity) = found.filter(|found| compared != Match::No && found.may_use("watch")) else {
            let [name_has_room, enterprise_has_room] =
                Box::pin(self.store.take_both([&by_other_name, &by_enterprise], &attempt.operation)).await?;
            return Err(match (name_has_room, enterprise_has_room) {
                (true, true) => Failure::Credentials,
                (false, _) => by_other_name.refusal(now),
                (true, false) => by_enterprise.refusal(now),
            });
        };

        let holder = Holder {
            user: identity.user.clone(),
            epoch: identity.epoch,
            roles: identity.roles.clone(),
            amr: "pwd",
        };
        let session = attempt.session(&holder, &enterprise);
        let writes = vec![
            self.store.clearing_unless_used_up(&by_other_name),
            self.store.clearing(&by_name),
            self.store.giving_back(&by_source, &attempt.operation),
            self.store.opening_session(ent, &session)?,
        ];
        match self.store.transact(writes).await {
            Ok(Ok(())) => {}
            Ok(Err(cancelled)) if cancelled.failed[0] => return Err(by_other_name.refusal(now)),
            Ok(Err(_)) => return Err(Failure::Internal("a new session's id was taken".into())),
            Err(error) => {
                self.give_back(&attempt, &counters).await;
                return Err(error.into());
            }
        }
        if compared == Match::Outdated
            && let Err(failure) = self.rehash(ent, &identity, password).await
        {
            // The person is signed in; the next login tries again.
            tracing::warn!(target: "usher", function = Self::NAME, request_id = attempt.call.request_id, cause = %failure, "rehash");
        }
        self.welcome(ent, &session, &holder, now)
    }

    /// Puts a hash of today's strength in the place of a weaker one, unless another login or a new
    /// password was faster.
    async fn rehash(&self, enterprise: &str, identity: &Identity, password: Private) -> Result<(), Failure> {
        let new = password::hash(password).await?;
        let old = identity.password_hash.as_deref().unwrap_or_default();
        let names = identity.names();
        let writes = names.iter().map(|name| self.store.rehashing(enterprise, name, old, &new));
        let _ = self.store.transact(writes.collect()).await?;
        Ok(())
    }

    async fn by_pin(&self, attempt: Attempt<'_>, pin: &Private) -> Result<Reply, Failure> {
        let (ent, now) = (attempt.key.enterprise.as_str(), attempt.call.now);
        let credential = Pin::key(ent, &pin::lookup_hash(&self.pepper.get(now), ent, pin));
        let by_source = limits::PIN_SOURCE.counter(ent, &attempt.call.source, now);
        let by_enterprise = limits::PIN_ENTERPRISE.counter(ent, "", now);
        let (enterprise, found) =
            self.reserve(&attempt, "pin", &credential, &by_enterprise, &[&by_source]).await?;

        let Some(pin) = parse::<Pin>(found)?.filter(|pin| pin.is_live(now)) else {
            let has_room = self.store.take(&by_enterprise, &attempt.operation).await?;
            return Err(if has_room { Failure::Credentials } else { by_enterprise.refusal(now) });
        };
        let holder =
            Holder { user: pin.user, epoch: pin.epoch, roles: vec!["viewer".to_owned()], amr: "pin" };
        let session = attempt.session(&holder, &enterprise);
        let writes = vec![
            self.store.giving_back(&by_source, &attempt.operation),
            self.store.opening_session(ent, &session)?,
        ];
        match self.store.transact(writes).await? {
            Ok(()) => self.welcome(ent, &session, &holder, now),
            Err(_) => Err(Failure::Internal("a new session's id was taken".into())),
        }
    }

    fn welcome(
        &self,
        enterprise: &str,
        session: &Session,
        holder: &Holder,
        now: i64,
    ) -> Result<Reply, Failure> {
        let token = self.issuer.access(enterprise, session, &holder.roles, now)?;
        let refresh_token = self.issuer.refresh(enterprise, session, &session.refresh_jti, now)?;
        Ok(Reply::success(Surface::Watch, Response { token, refresh_token }))
    }
}
