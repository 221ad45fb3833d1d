//! `POST /v2/watch/auth/login/qr`: a person lets a TV sign in as them, or refuses it. With a user's
//! token, or with the API key and the person's credentials: then it is login and approval in one.

use serde_json::json;
use shared::api_key::PresentedKey;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::login_code::LoginCode;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::{Call, Caller};
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::pairing::{Answering, Pairing};
use shared::store::session::{ApprovingKey, Holder, Live, Vouching};
use shared::store::{Store, parse};
use shared::token::keys;
use shared::token::verify::Verifier;

use crate::credential::Credential;
use crate::gate::Gate;
use crate::pairing::{Guesses, parse_code};
use crate::sign_in::SignIn;

/// What a person says; `true` when it is not said.
fn parse_approve(body: &Object) -> Result<bool, Invalid> {
    body.flag_or("approve", true)
}

/// The body beside a user's token.
struct TokenRequest {
    code: Option<LoginCode>,
    approve: bool,
}

impl TokenRequest {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        Ok(Self { code: parse_code(body)?, approve: parse_approve(body)? })
    }
}

/// The body beside an API key.
struct CredentialsRequest {
    code: Option<LoginCode>,
    approve: bool,
    credential: Credential,
}

impl CredentialsRequest {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        let (code, approve) = (parse_code(body)?, parse_approve(body)?);
        Ok(Self { code, approve, credential: Credential::parse(body)? })
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct QrApprove {
    sign_in: SignIn,
    verifier: Verifier,
}

impl Endpoint for QrApprove {
    const NAME: &'static str = "watch-qr-approve";
    const EVENT: &'static str = "qr_answer";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/login/qr";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let store = Store::new(environment);
        let (sign_in, keys) = tokio::try_join!(SignIn::new(environment), keys::public(&store))?;
        Ok(Self { sign_in, verifier: Verifier::new(keys, &environment.public_url, &[Self::SURFACE]) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let pairing = match call.caller()? {
            Caller::User(token) => self.by_token(call, &token).await?,
            // Boxed, as in SignIn::verify.
            Caller::Key(key) => Box::pin(self.by_credentials(call, &key)).await?,
        };
        Ok(Reply::success(Self::SURFACE, json!({ "device": pairing.device })))
    }
}

impl QrApprove {
    /// One read of everything, then the answer: one conditional write.
    async fn by_token(&self, call: &Call, token: &Private) -> Result<Pairing, Failure> {
        let store = &self.sign_in.store;
        let claims = self.verifier.access(token, call.now).await?;
        claims.note(&call.notes);
        let [session, user, api_key] = claims.live_keys();
        let TokenRequest { code, approve } = match call.body().and_then(|body| TokenRequest::parse(&body)) {
            Ok(request) => request,
            Err(invalid) => {
                // Only whoever has a living session learns what is wrong with the body.
                Live::parse(store.read([&session, &user, &api_key]).await?, call.now)?;
                return Err(invalid.into());
            }
        };
        let guesses = Guesses::of(call);
        let pairing = Pairing::key(code.as_ref());
        let keys = [&session, &user, &api_key, &pairing, &guesses.counter.key];
        let [session, user, api_key, pairing, counted] = store.read(keys).await?;
        let live = Live::parse([session, user, api_key], call.now)?;
        let pairing = parse::<Pairing>(pairing)?.filter(|pairing| pairing.enterprise == claims.ent);
        let (code, pairing) = guesses.judge(store, counted.as_ref(), code.zip(pairing)).await?;
        let holder = Holder {
            user: live.user.id,
            epoch: live.user.epoch,
            roles: live.user.roles,
            amr: live.session.amr,
            not_after: None,
            vouching: Some(Vouching { session: live.session.id, expires_at: live.session.expires_at }),
            approving_key: Some(ApprovingKey { id: live.session.api_key, hash: live.session.api_key_hash }),
        };
        let answering = answering(approve, &holder);
        if store.answer(&code, &claims.ent, answering, call.now).await? {
            note(call, approve);
            Ok(pairing)
        } else {
            Err(Failure::Credentials)
        }
    }

    /// One read for key and code, so that a wrong code costs no person a try; then as a login, with the
    /// answer in its transaction.
    async fn by_credentials(&self, call: &Call, key: &PresentedKey) -> Result<Pairing, Failure> {
        let (store, ent) = (&self.sign_in.store, key.enterprise.as_str());
        let parsed = call.body().and_then(|body| CredentialsRequest::parse(&body));
        let CredentialsRequest { code, approve, credential } =
            key.gate(parsed, store, Self::SURFACE, call.now).await?;
        let guesses = Guesses::of(call);
        let (api_key, enterprise) = (ApiKey::key(ent, &key.id), Enterprise::key(ent));
        let pairing = Pairing::key(code.as_ref());
        let keys = [&api_key, &enterprise, &pairing, &guesses.counter.key];
        let [api_key, enterprise, pairing, counted] = store.read(keys).await?;
        let (_, enterprise) = key.admit([api_key, enterprise], Self::SURFACE, call.now)?;
        self.sign_in.require_enabled(&credential, &enterprise)?;
        let pairing = parse::<Pairing>(pairing)?.filter(|pairing| pairing.enterprise == ent);
        let (code, pairing) = guesses.judge(store, counted.as_ref(), code.zip(pairing)).await?;
        if !pairing.is_open(call.now) {
            return Err(Failure::Credentials);
        }
        let mut verified = self.sign_in.verify(call, Gate::Passed(&enterprise), credential).await?;
        verified.holder.approving_key = Some(ApprovingKey { id: key.id.clone(), hash: key.hash() });
        let answering = answering(approve, &verified.holder);
        let writes = vec![store.answering(&code, ent, answering, call.now)?];
        self.sign_in.complete(call, verified, writes, Failure::Credentials).await?;
        note(call, approve);
        Ok(pairing)
    }
}

fn note(call: &Call, approve: bool) {
    call.notes.add(|about| about.detail = Some(if approve { "approved" } else { "refused" }));
}

fn answering(approve: bool, holder: &Holder) -> Answering<'_> {
    if approve { Answering::Approve(holder) } else { Answering::Refuse }
}
