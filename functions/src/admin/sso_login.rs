//! `POST /v1/admin/auth/sso/login`: signs in an admin who is back from their identity provider.
//!
//! Only the provider knows who comes, so this takes more steps than a login: read what the request names,
//! take the state for this call, ask the provider, read whose its answer is, and spend the state together
//! with opening the session. A provider that does not answer leaves the state as it was; whatever it
//! refuses uses it up.

use std::time::Duration;

use shared::api_key::PresentedKey;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity::{self, canonical};
use shared::log::Level;
use shared::oidc::client_secrets::ClientSecrets;
use shared::oidc::id_token::Person;
use shared::oidc::{Providers, Refusal, Returned};
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::api_key::ApiKey;
use shared::store::enterprise::{Enterprise, Sso};
use shared::store::identity::Identity;
use shared::store::session::{Holder, Session};
use shared::store::sso::{Link, State};
use shared::store::user::User;
use shared::store::{Key, Operation, Store, TransactWriteItem, parse};
use shared::token::issue::Issuer;
use tokio::time::timeout;

/// The longest state or nonce that is read, in characters; ours have 43.
const MAX_RANDOM: usize = 128;
/// The longest authorization code that is read, in characters.
const MAX_CODE: usize = 4096;

/// How long all calls to the provider may take together, so that the state can be let go within the
/// call's deadline.
const PROVIDER_PATIENCE: Duration = Duration::from_secs(6);

/// How often an account is looked at that changes between reading it and opening the session.
const ATTEMPTS: u32 = 3;

struct Request {
    state: Private,
    nonce: Private,
    email: Private,
    /// Absent when the provider said no.
    code: Option<Private>,
    /// The `iss` of the provider's answer, where the application passes it on (RFC 9207).
    issuer: Option<Private>,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        let email = body.private("email", identity::MAX_CHARS)?;
        identity::check_email("email", email.expose())?;
        Ok(Self {
            state: body.private("state", MAX_RANDOM)?,
            nonce: body.private("nonce", MAX_RANDOM)?,
            email,
            code: if body.flag_or_text("error")? { None } else { Some(body.private("code", MAX_CODE)?) },
            issuer: body.optional_private("iss", MAX_CODE)?,
        })
    }
}

/// A sign-in whose state this call holds.
struct Held<'a> {
    call: &'a Call,
    key: &'a PresentedKey,
    enterprise: &'a Enterprise,
    sso: &'a Sso,
    state_key: &'a Key,
    operation: &'a Operation,
}

/// Somebody whom the provider has sent.
struct Arrival<'a> {
    sso: &'a Sso,
    ent: &'a str,
    person: Person,
    /// Who has that address here.
    by_email: Option<Identity>,
}

/// Whose session it is going to be.
struct Account {
    holder: Holder,
    /// What there is to write besides.
    writes: Vec<TransactWriteItem>,
    /// What that makes, for the log: a `link` to the account, or a `user`.
    made: Option<&'static str>,
}

/// The endpoint.
#[derive(Debug)]
pub struct SsoLogin {
    store: Store,
    issuer: Issuer,
    providers: Providers,
    client_secrets: ClientSecrets,
}

impl Endpoint for SsoLogin {
    const NAME: &'static str = "admin-sso-login";
    const EVENT: &'static str = "sign_in";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v1/admin/auth/sso/login";
    const SURFACE: Surface = Surface::Admin;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self {
            store: Store::new(environment),
            issuer: Issuer::new(environment).await?,
            providers: Providers::new(environment),
            client_secrets: ClientSecrets::new(environment),
        })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        call.notes.add(|about| about.detail = Some("sso"));
        let (ent, now) = (key.enterprise.as_str(), call.now);
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let request = key.gate(parsed, &self.store, Self::SURFACE, now).await?;
        let state_key = State::key(ent, &request.state);
        let email = canonical(request.email.expose());
        let keys =
            [&ApiKey::key(ent, &key.id), &Enterprise::key(ent), &state_key, &Identity::key(ent, &email)];
        let [api_key, enterprise, state, by_email] = self.store.read(keys).await?;
        let (_, enterprise) = key.admit([api_key, enterprise], Self::SURFACE, now)?;
        let sso = enterprise.sso.as_ref().ok_or(Failure::NotAllowed("Single sign-on is not enabled"))?;
        let state = parse::<State>(state)?.ok_or_else(|| refused(call, "state"))?;
        let verifier = state.open(&key, sso, [&request.state, &request.nonce], now);
        let verifier = verifier.ok_or_else(|| refused(call, "state"))?;
        let by_email = parse::<Identity>(by_email)?;
        let operation = Operation::new();
        if !self.store.hold_sso(&state_key, &operation, now).await? {
            return Err(refused(call, "state"));
        }
        let held = Held {
            call,
            key: &key,
            enterprise: &enterprise,
            sso,
            state_key: &state_key,
            operation: &operation,
        };
        let outcome = self.sign_in(&held, &request, &verifier, by_email).await;
        match &outcome {
            Ok(_) => {}
            // Nobody could be asked: it can be tried again.
            Err(Failure::Internal(_)) => {
                if let Err(failed) = self.store.release_sso(&state_key, &operation).await {
                    call.log(Level::Warn, "release", &failed);
                }
            }
            Err(_) => self.store.end_sso(&state_key, &operation).await?,
        }
        outcome
    }
}

impl SsoLogin {
    /// Asks the provider who has come, and opens their session.
    async fn sign_in(
        &self,
        held: &Held<'_>,
        request: &Request,
        verifier: &Private,
        by_email: Option<Identity>,
    ) -> Result<Reply, Failure> {
        let Held { call, key, enterprise, sso, .. } = held;
        let (ent, now) = (enterprise.id.as_str(), call.now);
        let person = self.identify(held, request, verifier).await?;
        let seconds = enterprise.settings.refresh_seconds(false);
        let mut arrival = Arrival { sso, ent, person, by_email };
        for _ in 0..ATTEMPTS {
            let Account { holder, mut writes, made } =
                self.account_of(&arrival).await?.ok_or_else(|| refused(call, "not_an_admin"))?;
            let session = Session::new(&holder, key, Self::SURFACE, now, seconds);
            writes.insert(0, self.store.spending_sso(held.state_key, held.operation));
            writes.push(self.store.opening_session(ent, &session)?);
            match self.store.transact(writes).await? {
                Ok(()) => {
                    call.notes.add(|about| {
                        about.user = Some(holder.user.clone());
                        about.session = Some(session.id.clone());
                        about.object = made;
                        about.object_id = made.map(|_| holder.user.clone());
                    });
                    let tokens = self.issuer.both(ent, &session, &holder.roles, now)?;
                    return Ok(Reply::success(Self::SURFACE, tokens));
                }
                // Another call has taken the state since.
                Err(cancelled) if cancelled.failed[0] => return Err(refused(call, "state")),
                // The account was tied or changed since it was read: it is looked at again.
                Err(_) => {
                    let name = Identity::key(ent, &canonical(request.email.expose()));
                    let [by_email] = self.store.read([&name]).await?;
                    arrival.by_email = parse(by_email)?;
                }
            }
        }
        call.notes.add(|about| {
            about.object = Some("user");
            about.object_id = arrival.by_email.as_ref().map(|identity| identity.user.clone());
        });
        Err(refused(call, "tied_to_another_subject"))
    }

    /// Who has come: what the provider says, held against what the application does.
    async fn identify(
        &self,
        held: &Held<'_>,
        request: &Request,
        verifier: &Private,
    ) -> Result<Person, Failure> {
        let Held { call, enterprise, sso, .. } = held;
        if request.issuer.as_ref().is_some_and(|issuer| issuer.expose() != sso.issuer) {
            return Err(refused(call, "iss_of_another_provider"));
        }
        let code = request.code.as_ref().ok_or_else(|| refused(call, "provider_error"))?;
        let client_secret = self.client_secrets.get(&enterprise.id, sso, call.now).await?;
        let returned = Returned { code, verifier, nonce: &request.nonce, client_secret: &client_secret };
        let answer = timeout(PROVIDER_PATIENCE, self.providers.identify(sso, returned, call.now)).await;
        match answer.map_err(|_| Failure::Internal("identity provider: took too long in all".into()))? {
            Ok(person) if person.has_address(&canonical(request.email.expose())) => Ok(person),
            Ok(_) => Err(refused(call, "email_of_another")),
            Err(Refusal::Refused(reason)) => Err(refused(call, reason)),
            Err(Refusal::Unavailable(cause)) => Err(Failure::Internal(cause)),
        }
    }

    /// Whose account it is: by the provider's `sub`, and where that has not been seen yet by the e-mail
    /// address.
    async fn account_of(&self, arrival: &Arrival<'_>) -> Result<Option<Account>, Failure> {
        let Arrival { sso, ent, person, by_email } = arrival;
        let [link] = self.store.read([&Link::key(ent, &sso.issuer, person)]).await?;
        let Some(Link { user }) = parse::<Link>(link)? else { return self.link(arrival) };
        let known = match by_email {
            Some(identity) if identity.user == user => Some(identity.clone()),
            // They have another address at the provider than here.
            _ => self.by_user(ent, &user).await?,
        };
        Ok(known.filter(may_sign_in).map(|identity| Account::of(&identity, None, Vec::new())))
    }

    async fn by_user(&self, ent: &str, user: &str) -> Result<Option<Identity>, Failure> {
        let [found] = self.store.read([&User::key(ent, user)]).await?;
        let Some(found) = parse::<User>(found)? else { return Ok(None) };
        let name = Identity::key(ent, &canonical(found.username.expose()));
        let [identity] = self.store.read([&name]).await?;
        Ok(parse::<Identity>(identity)?.filter(|identity| identity.user == user))
    }

    /// Ties a `sub` that has not been seen to the account of that address, or to a new one.
    fn link(&self, arrival: &Arrival<'_>) -> Result<Option<Account>, Failure> {
        let Arrival { sso, ent, person, by_email } = arrival;
        let mut account = match by_email {
            Some(identity) if may_sign_in(identity) => {
                // As it was read: the account is not disabled, nor the address somebody else's, since.
                let address = canonical(person.email.expose());
                let unchanged = self.store.requiring_name(ent, &address, identity);
                Account::of(identity, Some("link"), vec![unchanged])
            }
            None if sso.provisions(person.email.expose()) => self.provision(ent, person)?,
            _ => return Ok(None),
        };
        account.writes.extend(self.store.linking(ent, &account.holder.user, &sso.issuer, person)?);
        Ok(Some(account))
    }

    /// Just-in-time provisioning: a new account of an admin.
    fn provision(&self, ent: &str, person: &Person) -> Result<Account, Failure> {
        let identity = Identity {
            user: crypto::new_id(),
            username: person.email.clone(),
            email: Some(person.email.clone()),
            password_hash: None,
            provisioned_hash: None,
            client_secret_hash: None,
            epoch: 0,
            roles: vec!["admin".to_owned()],
            surfaces: vec![Surface::Admin.name().to_owned()],
            disabled: false,
            self_registered: false,
        };
        let writes = self.store.creating_person(ent, &identity)?;
        Ok(Account::of(&identity, Some("user"), writes))
    }
}

impl Account {
    fn of(identity: &Identity, made: Option<&'static str>, writes: Vec<TransactWriteItem>) -> Self {
        let holder = Holder {
            user: identity.user.clone(),
            epoch: identity.epoch,
            roles: identity.roles.clone(),
            amr: vec!["sso".to_owned()],
            not_after: None,
            vouching: None,
            approving_key: None,
        };
        Self { holder, writes, made }
    }
}

fn may_sign_in(identity: &Identity) -> bool {
    identity.may_use(Surface::Admin.name())
}

/// A refusal, with its reason for the log.
fn refused(call: &Call, reason: &'static str) -> Failure {
    call.notes.add(|about| about.reason = Some(reason));
    Failure::Credentials
}
