//! `POST /v2/watch/auth/logout`: ends a session, and so both of its tokens.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;

use crate::sessions::Sessions;

/// The endpoint.
#[derive(Debug)]
pub struct Logout(Sessions);

impl Endpoint for Logout {
    const NAME: &'static str = "watch-logout";
    const EVENT: &'static str = "sign_out";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/logout";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Sessions::new(environment, Self::SURFACE).await.map(Self)
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        self.0.end(call).await
    }
}
