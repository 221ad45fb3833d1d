//! `GET /v2/watch/auth/session`: whose token this is, and whether its session lives. One read.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;

use crate::sessions::Sessions;

/// The endpoint.
#[derive(Debug)]
pub struct Session(Sessions);

impl Endpoint for Session {
    const NAME: &'static str = "watch-session";
    const EVENT: &'static str = "session_check";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/v2/watch/auth/session";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Sessions::new(environment, Self::SURFACE).await.map(Self)
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        self.0.show(call).await
    }
}
