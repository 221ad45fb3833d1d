//! `POST /v2/watch/auth/login`: signs a viewer in, by password or by PIN. How a credential is
//! checked, and what a try costs, stands in `sign_in.rs`.

use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::session::Session;
use shared::token::issue::Issuer;

use crate::sign_in::{Credential, Gate, SignIn};

struct Request {
    credential: Credential,
    persist: bool,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        Ok(Self { credential: Credential::parse(body)?, persist: body.flag("persist")? })
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct Login {
    sign_in: SignIn,
    issuer: Issuer,
}

impl Endpoint for Login {
    const NAME: &'static str = "watch-login";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/login";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let (issuer, sign_in) =
            tokio::try_join!(Issuer::new(environment), SignIn::new(environment, Self::NAME))?;
        Ok(Self { sign_in, issuer })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let store = &self.sign_in.store;
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let Request { credential, persist } = key.gate(parsed, store, Surface::Watch, call.now).await?;
        let verified = self.sign_in.verify(call, Gate::Key(&key), credential).await?;
        let holder = verified.holder.clone();
        let seconds = verified.enterprise.settings.refresh_seconds(persist);
        let session = Session::new(&holder, &key.id, Surface::Watch, call.now, seconds);
        let opening = vec![store.opening_session(&key.enterprise, &session)?];
        let otherwise = Failure::Internal("a new session's id was taken".into());
        self.sign_in.complete(call, verified, opening, otherwise).await?;
        let tokens = self.issuer.both(&key.enterprise, &session, &holder.roles, call.now)?;
        Ok(Reply::success(Surface::Watch, tokens))
    }
}
