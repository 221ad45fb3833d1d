//! `POST /v2/watch/auth/login`: signs a viewer in, by password or by PIN. How a credential is
//! checked, and what a try costs, stands in `sign_in.rs`.

use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::token::issue::Issuer;

use crate::credential::Credential;
use crate::sign_in::SignIn;

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
    const EVENT: &'static str = "sign_in";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/login";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let (issuer, sign_in) = tokio::try_join!(Issuer::new(environment), SignIn::new(environment))?;
        Ok(Self { sign_in, issuer })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let gated = key.gate(parsed, &self.sign_in.store, Self::SURFACE, call.now).await?;
        self.sign_in.open_session(call, &key, gated.credential, gated.persist, &self.issuer).await
    }
}
