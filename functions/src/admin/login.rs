//! `POST /v1/admin/auth/login`: signs an admin in by password, where their enterprise does not have
//! them sign in through their identity provider only. How a password is checked, and what a try
//! costs, stands in `sign_in.rs`.

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
    extended_expiry: bool,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        Ok(Self {
            credential: Credential::parse_password(body)?,
            extended_expiry: body.flag("extended_expiry")?,
        })
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct Login {
    sign_in: SignIn,
    issuer: Issuer,
}

impl Endpoint for Login {
    const NAME: &'static str = "admin-login";
    const EVENT: &'static str = "sign_in";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v1/admin/auth/login";
    const SURFACE: Surface = Surface::Admin;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let issuer = Issuer::new(environment).await?;
        Ok(Self { sign_in: SignIn::without_pins(environment, Self::SURFACE), issuer })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let gated = key.gate(parsed, &self.sign_in.store, Self::SURFACE, call.now).await?;
        self.sign_in.open_session(call, &key, gated.credential, gated.extended_expiry, &self.issuer).await
    }
}
