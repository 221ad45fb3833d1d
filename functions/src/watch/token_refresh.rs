//! `POST /v2/watch/auth/token/refresh`: a new access token for a living session.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::token::issue::Issuer;

use crate::sessions::Sessions;

/// The endpoint.
#[derive(Debug)]
pub struct TokenRefresh {
    sessions: Sessions,
    issuer: Issuer,
}

impl Endpoint for TokenRefresh {
    const NAME: &'static str = "watch-token-refresh";
    const EVENT: &'static str = "token_refresh";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/token/refresh";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let issuer = Issuer::new(environment).await?;
        Ok(Self { sessions: Sessions::beside(&issuer, environment, Self::SURFACE), issuer })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        self.sessions.renew(call, &self.issuer).await
    }
}
