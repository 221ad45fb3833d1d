//! `GET /api/v1/user/logout`: as its `POST`, for clients that call it so.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;

use super::bearer::Bearers;
use super::logout;

/// The endpoint.
#[derive(Debug)]
pub struct LogoutGet(Bearers);

impl Endpoint for LogoutGet {
    const NAME: &'static str = "vidizmo-logout-get";
    const EVENT: &'static str = "sign_out";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/api/v1/user/logout";
    const SURFACE: Surface = Surface::Vidizmo;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self(Bearers::new(environment)))
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        logout::end(&self.0, call).await
    }
}
