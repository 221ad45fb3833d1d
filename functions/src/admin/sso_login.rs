//! `POST /v1/admin/auth/sso/login`: signs in an admin who is back from their identity provider.
//!
//! Only the provider knows who comes, so this takes more steps than a login: read what the request names,
//! take the state for this call, ask the provider, read whose its answer is, and spend the state together
//! with opening the session. A provider that does not answer leaves the state as it was; whatever it
//! refuses uses it up.

use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity::{self, canonical};
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

/// The longest state or nonce that is read, in characters; ours have 43.
const MAX_RANDOM: usize = 128;
/// The longest authorization code that is read, in characters.
const MAX_CODE: usize = 4096;

/// How often a first sight is looked at again that met another one of the same person.
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

/// Somebody whom the provider has sent.
struct Arrival<'a> {
    sso: &'a Sso,
    ent: &'a str,
    person: Person,
    /// Who has that address here.
    by_email: Option<Identity>,
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
            providers: Providers::default(),
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
        key.authorize(parse(api_key)?, Self::SURFACE, now)?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::ApiKey)?;
        let sso = enterprise.sso.as_ref().ok_or(Failure::NotAllowed("Single sign-on is not enabled"))?;
        let state = parse::<State>(state)?.ok_or(Failure::Credentials)?;
        let verifier = state.open(&key, sso, [&request.state, &request.nonce], now);
        let verifier = verifier.ok_or(Failure::Credentials)?;
        let operation = Operation::new();
        if !self.store.hold_sso(&state_key, &operation, now).await? {
            return Err(Failure::Credentials);
        }

        let person = match self.identify(ent, sso, &request, &verifier, now).await {
            Ok(person) if person.has_address(&email) => person,
            Ok(_) => return self.refuse(call, &state_key, "ID token: another e-mail address").await,
            Err(Refusal::Refused(why)) => return self.refuse(call, &state_key, why).await,
            Err(unavailable) => {
                self.store.release_sso(&state_key, &operation).await?;
                return Err(unavailable.into());
            }
        };
        let arrival = Arrival { sso, ent, person, by_email: parse(by_email)? };
        let session_seconds = enterprise.settings.refresh_seconds(false);
        for _ in 0..ATTEMPTS {
            let Some((holder, mut writes)) = self.recognise(&arrival).await? else {
                return self.refuse(call, &state_key, "nobody who may sign in").await;
            };
            let is_first_sight = !writes.is_empty();
            let session = Session::new(&holder, &key, Self::SURFACE, now, session_seconds);
            writes.insert(0, self.store.spending_sso(&state_key, &operation));
            writes.push(self.store.opening_session(ent, &session)?);
            match self.store.transact(writes).await? {
                Ok(()) => {
                    call.notes.add(|about| {
                        about.user = Some(holder.user.clone());
                        about.session = Some(session.id.clone());
                        if is_first_sight {
                            (about.object, about.object_id) = (Some("user"), Some(holder.user.clone()));
                        }
                    });
                    let tokens = self.issuer.both(ent, &session, &holder.roles, now)?;
                    return Ok(Reply::success(Self::SURFACE, tokens));
                }
                // Another call has taken the state meanwhile.
                Err(cancelled) if cancelled.failed[0] => return Err(Failure::Credentials),
                // Somebody was seen for the first time meanwhile: the same person, or another one of that
                // address.
                Err(_) => {}
            }
        }
        call.notes.add(|about| {
            about.object = Some("user");
            about.object_id = arrival.by_email.as_ref().map(|identity| identity.user.clone());
        });
        self.refuse(call, &state_key, "somebody else at the provider").await
    }
}

impl SsoLogin {
    async fn identify(
        &self,
        ent: &str,
        sso: &Sso,
        request: &Request,
        verifier: &Private,
        now: i64,
    ) -> Result<Person, Refusal> {
        if request.issuer.as_ref().is_some_and(|issuer| issuer.expose() != sso.issuer) {
            return Err(Refusal::Refused("the answer is another provider's"));
        }
        let code = request.code.as_ref().ok_or(Refusal::Refused("the provider answered with an error"))?;
        let client_secret = self.client_secrets.get(ent, now).await?;
        let returned = Returned { code, verifier, nonce: &request.nonce, client_secret: &client_secret };
        self.providers.identify(sso, returned, now).await
    }

    /// Uses the state up and refuses the call.
    async fn refuse(&self, call: &Call, state: &Key, why: &'static str) -> Result<Reply, Failure> {
        call.notes.add(|about| about.detail = Some(why));
        self.store.end_sso(state).await?;
        Err(Failure::Credentials)
    }

    /// Whose session it is going to be, and what else there is to write: by the provider's `sub`, and at
    /// first sight by the e-mail address.
    async fn recognise(
        &self,
        arrival: &Arrival<'_>,
    ) -> Result<Option<(Holder, Vec<TransactWriteItem>)>, Failure> {
        let Arrival { sso, ent, person, by_email } = arrival;
        let [link] = self.store.read([&Link::key(ent, &sso.issuer, person)]).await?;
        let Some(Link { user }) = parse::<Link>(link)? else { return self.first_sight(arrival) };
        let known = match by_email {
            Some(identity) if identity.user == user => Some(identity.clone()),
            // They have another address at the provider than here.
            _ => self.by_user(ent, &user).await?,
        };
        Ok(known.filter(may_sign_in).map(|identity| (holder(&identity), Vec::new())))
    }

    async fn by_user(&self, ent: &str, user: &str) -> Result<Option<Identity>, Failure> {
        let [found] = self.store.read([&User::key(ent, user)]).await?;
        let Some(found) = parse::<User>(found)? else { return Ok(None) };
        let name = Identity::key(ent, &canonical(found.username.expose()));
        let [identity] = self.store.read([&name]).await?;
        Ok(parse::<Identity>(identity)?.filter(|identity| identity.user == user))
    }

    fn first_sight(
        &self,
        arrival: &Arrival<'_>,
    ) -> Result<Option<(Holder, Vec<TransactWriteItem>)>, Failure> {
        let Arrival { sso, ent, person, by_email } = arrival;
        let (identity, mut writes) = match by_email {
            Some(identity) if may_sign_in(identity) => {
                // As they were read: not disabled, nor somebody else's account, since.
                (identity.clone(), vec![self.store.requiring_user(ent, &identity.user, identity.epoch)])
            }
            None if sso.provisions(person.email.expose()) => self.newcomer(ent, person)?,
            _ => return Ok(None),
        };
        writes.extend(self.store.linking(ent, &identity.user, &sso.issuer, person)?);
        Ok(Some((holder(&identity), writes)))
    }

    /// An admin whom nobody has entered before.
    fn newcomer(&self, ent: &str, person: &Person) -> Result<(Identity, Vec<TransactWriteItem>), Failure> {
        let identity = Identity {
            user: crypto::new_id(),
            username: person.email.clone(),
            email: Some(person.email.clone()),
            password_hash: None,
            epoch: 0,
            roles: vec!["admin".to_owned()],
            surfaces: vec!["admin".to_owned()],
            disabled: false,
            self_registered: false,
        };
        let mut writes = vec![self.store.creating_user(ent, &User::of(&identity))?];
        for name in identity.names() {
            writes.push(self.store.claiming_name(ent, &name, &identity)?);
        }
        Ok((identity, writes))
    }
}

fn may_sign_in(identity: &Identity) -> bool {
    identity.may_use(Surface::Admin.name())
}

fn holder(identity: &Identity) -> Holder {
    Holder {
        user: identity.user.clone(),
        epoch: identity.epoch,
        roles: identity.roles.clone(),
        amr: vec!["sso".to_owned()],
        vouching: None,
    }
}
