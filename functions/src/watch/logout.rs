//! `POST /v2/watch/auth/logout`: ends a session, and so both of its tokens.

use serde_json::json;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::Store;
use shared::store::session::Session;
use shared::token::verify::Verifier;
use shared::token::{self, keys};

enum Request {
    Access(Private),
    Refresh(Private),
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        if let Some(token) = body.optional_private("token", token::MAX_CHARS)? {
            return Ok(Self::Access(token));
        }
        if let Some(token) = body.optional_private("refresh_token", token::MAX_CHARS)? {
            return Ok(Self::Refresh(token));
        }
        Err(Invalid::new("token", "missing, and so is refresh_token"))
    }
}

/// The endpoint.
#[derive(Debug)]
pub struct Logout {
    store: Store,
    verifier: Verifier,
}

impl Endpoint for Logout {
    const NAME: &'static str = "watch-logout";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/logout";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let store = Store::new(environment);
        let verifier = Verifier::new(keys::public(&store).await?, &environment.public_url, Surface::Watch);
        Ok(Self { store, verifier })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        key.check(&self.store, Surface::Watch, call.now).await?;
        // Of any age: signing out must work after the token has expired, and twice.
        let (ent, client_id, user, session) = match Request::parse(&call.body()?)? {
            Request::Access(token) => {
                let claims = self.verifier.access_of_any_age(&token, call.now).await?;
                (claims.ent, claims.client_id, claims.sub, claims.sid)
            }
            Request::Refresh(token) => {
                let claims = self.verifier.refresh_of_any_age(&token, call.now).await?;
                (claims.ent, claims.client_id, claims.sub, claims.sid)
            }
        };
        if (&ent, &client_id) != (&key.enterprise, &key.id) {
            return Err(Failure::Token);
        }
        self.store.end_session(&Session::key(&ent, &user, &session), call.now).await?;
        Ok(Reply::success(Surface::Watch, json!({})))
    }
}
