//! `GET /v2/watch/auth/session`: whose token this is, and whether its session lives. One read.

use serde_json::json;
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::Store;
use shared::store::session::Live;
use shared::token::keys;
use shared::token::verify::Verifier;

/// The endpoint.
#[derive(Debug)]
pub struct Session {
    store: Store,
    verifier: Verifier,
}

impl Endpoint for Session {
    const NAME: &'static str = "watch-session";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/v2/watch/auth/session";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let store = Store::new(environment);
        let verifier = Verifier::new(keys::public(&store).await?, &environment.public_url, Surface::Watch);
        Ok(Self { store, verifier })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let claims = self.verifier.access(&call.user_token()?, call.now).await?;
        let keys = Live::keys(&claims.ent, &claims.sub, &claims.sid, &claims.client_id);
        let live = Live::parse(self.store.read(keys.each_ref()).await?, call.now)?;
        Ok(Reply::success(
            Surface::Watch,
            json!({
                "user": { "id": live.user.id, "username": live.user.username, "email": live.user.email },
                "enterprise": claims.ent,
                "session": live.session.id,
                "expires_at": live.session.expires_at,
            }),
        ))
    }
}
