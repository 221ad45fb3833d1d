//! `POST /api/v1/user/logout`: ends the session of a token.

use serde_json::json;
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::opaque_session::Standing;

use super::bearer::Bearers;

/// The endpoint.
#[derive(Debug)]
pub struct Logout(Bearers);

impl Endpoint for Logout {
    const NAME: &'static str = "vidizmo-logout";
    const EVENT: &'static str = "sign_out";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/api/v1/user/logout";
    const SURFACE: Surface = Surface::Vidizmo;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self(Bearers::new(environment)))
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        end(&self.0, call).await
    }
}

/// Ends the session, whichever of its tokens comes. Of one that is idle or was exchanged that is told to be over, as
/// on every call; it ends all the same, so that nobody goes on with it.
pub(super) async fn end(bearers: &Bearers, call: &Call) -> Result<Reply, Failure> {
    let (bearer, []) = bearers.read(call, |_| []).await?;
    if bearer.standing != Standing::Over {
        bearers.store.end_opaque(&bearer.token, call.now).await?;
    }
    match bearer.standing {
        Standing::Live => Ok(Reply::bare(&json!({}))),
        _ => Err(Failure::TokenOver),
    }
}
