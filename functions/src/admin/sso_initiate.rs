//! `POST /v1/admin/auth/sso/initiate`: sends an admin to their enterprise's identity provider. Who they are
//! is for the provider to say: the address that they give is not looked up.

use serde::Serialize;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity;
use shared::limits;
use shared::oidc::{AuthorizationRequest, Providers};
use shared::private::{Private, exposed};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::Store;
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::sso::State;

use crate::counted::Counted;

fn check(body: &Object) -> Result<(), Invalid> {
    let username = body.private("username", identity::MAX_CHARS)?;
    identity::check_email("username", username.expose())
}

#[derive(Serialize)]
struct Sent {
    #[serde(serialize_with = "exposed")]
    state: Private,
    #[serde(serialize_with = "exposed")]
    nonce: Private,
    redirect: String,
}

/// The endpoint.
#[derive(Debug)]
pub struct SsoInitiate {
    store: Store,
    providers: Providers,
}

impl Endpoint for SsoInitiate {
    const NAME: &'static str = "admin-sso-initiate";
    const EVENT: &'static str = "sso_initiate";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v1/admin/auth/sso/initiate";
    const SURFACE: Surface = Surface::Admin;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), providers: Providers::new(environment) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let (ent, now) = (key.enterprise.as_str(), call.now);
        let parsed = call.body().and_then(|body| check(&body));
        key.gate(parsed, &self.store, Self::SURFACE, now).await?;
        let by_source = limits::SSO_SOURCE.counter(ent, &call.source, now);
        let keys = [&ApiKey::key(ent, &key.id), &Enterprise::key(ent), &by_source.key];
        let [api_key, enterprise, counted] = self.store.read(keys).await?;
        let (_, enterprise) = key.admit([api_key, enterprise], Self::SURFACE, now)?;
        let sso = enterprise.sso.ok_or(Failure::NotAllowed("Single sign-on is not enabled"))?;
        let counting = Counted::new(call, &self.store, &by_source);
        // Without a write, for whoever goes on all the same.
        if by_source.is_used_up(counted.as_ref())
            || !counting.unless_we_fail(Box::pin(counting.take())).await?
        {
            return Err(by_source.refusal(now));
        }

        let request = AuthorizationRequest::new();
        // A provider that does not answer is not asked for ever: that try counts.
        let redirect = self.providers.authorization_url(&sso, &request, now).await?;
        let state = State::new(&key, &sso, &request, now);
        if !counting.unless_we_fail(Box::pin(self.store.begin_sso(ent, &request.state, &state))).await? {
            return Err(Failure::Internal("a new state was taken".into()));
        }
        let AuthorizationRequest { state, nonce, .. } = request;
        Ok(Reply::success(Self::SURFACE, Sent { state, nonce, redirect }))
    }
}
