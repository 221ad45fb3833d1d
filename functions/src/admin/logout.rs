//! `POST /v1/admin/auth/logout`: ends a session, and so both of its tokens.

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
    const NAME: &'static str = "admin-logout";
    const EVENT: &'static str = "sign_out";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v1/admin/auth/logout";
    const SURFACE: Surface = Surface::Admin;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Sessions::new(environment, Self::SURFACE).await.map(Self)
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        self.0.end(call).await
    }
}
