//! `POST /v1/admin/auth/refresh`: a new access token for a living session.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::token::issue::Issuer;

use crate::sessions::Sessions;

/// The endpoint.
#[derive(Debug)]
pub struct Refresh {
    sessions: Sessions,
    issuer: Issuer,
}

impl Endpoint for Refresh {
    const NAME: &'static str = "admin-refresh";
    const EVENT: &'static str = "token_refresh";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v1/admin/auth/refresh";
    const SURFACE: Surface = Surface::Admin;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let issuer = Issuer::new(environment).await?;
        Ok(Self { sessions: Sessions::beside(&issuer, environment, Self::SURFACE), issuer })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        self.sessions.renew(call, &self.issuer).await
    }
}
