//! `POST /v2/watch/auth/token/refresh`: a new access token for a living session.
//!
//! One read. Where the API key asks for rotation, one conditional write more: the refresh token is
//! spent for its successor, which is kept in the session, sealed with the spent one. Whoever sends
//! the spent one again within ten seconds gets that same successor; afterwards its use ends the
//! session (RFC 9700 §4.14).

use serde::Serialize;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::session::{Live, Session, Spent};
use shared::store::{Store, parse};
use shared::token::issue::Issuer;
use shared::token::verify::Verifier;
use shared::token::{self, RefreshClaims};

struct Request {
    refresh_token: Private,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        Ok(Self { refresh_token: body.private("refresh_token", token::MAX_CHARS)? })
    }
}

#[derive(Serialize)]
struct Response {
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// The endpoint.
#[derive(Debug)]
pub struct TokenRefresh {
    store: Store,
    issuer: Issuer,
    verifier: Verifier,
}

impl Endpoint for TokenRefresh {
    const NAME: &'static str = "watch-token-refresh";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/token/refresh";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let issuer = Issuer::new(environment).await?;
        let verifier = Verifier::new(issuer.keys(), &environment.public_url, Surface::Watch);
        Ok(Self { store: Store::new(environment), issuer, verifier })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let read = self.read_token(call).await;
        let (token, claims) = key.gate(read, &self.store, Surface::Watch, call.now).await?;
        // The session's items are read under the presented key's enterprise and id: a token of
        // another one does not match what comes back.
        let keys = Live::keys(&key.enterprise, &claims.sub, &claims.sid, &key.id);
        let found = self.store.read(keys.each_ref()).await?;
        key.authorize(parse(found[2].clone())?, Surface::Watch, call.now)?;
        if (&claims.ent, &claims.client_id) != (&key.enterprise, &key.id) {
            return Err(Failure::Token);
        }
        let live = Live::parse(found, call.now)?;
        let refresh_token = self.spend(call, &live, &claims, &token).await?;
        let token = self.issuer.access(&claims.ent, &live.session, &live.user.roles, call.now)?;
        Ok(Reply::success(Surface::Watch, Response { token, refresh_token }))
    }
}

impl TokenRefresh {
    async fn read_token(&self, call: &Call) -> Result<(Private, RefreshClaims), Failure> {
        let token = Request::parse(&call.body()?)?.refresh_token;
        let claims = self.verifier.refresh(&token, call.now).await?;
        Ok((token, claims))
    }

    /// Judges the refresh token by the session, and gives its successor where there is one.
    async fn spend(
        &self,
        call: &Call,
        live: &Live,
        claims: &RefreshClaims,
        token: &Private,
    ) -> Result<Option<String>, Failure> {
        let (ent, session) = (&claims.ent, &live.session);
        let session_key = Session::key(ent, &session.user, &session.id);
        let is_current = claims.jti == session.refresh_jti;
        let spent = match (is_current, live.api_key.refresh_rotation) {
            (true, false) => return Ok(None),
            (true, true) => {
                let jti = crypto::new_id();
                let successor = self.issuer.refresh(ent, session, &jti, call.now)?;
                let sealed = crypto::seal_once(token.expose(), &successor);
                match self.store.rotate(&session_key, &claims.jti, &jti, sealed, call.now).await? {
                    Spent::Now => return Ok(Some(successor)),
                    other => other,
                }
            }
            (false, _) => session.clone().already_spent(&claims.jti, call.now),
        };
        match spent {
            Spent::Before(sealed) => {
                let successor = crypto::open_sealed(token.expose(), &sealed);
                successor.map(Some).ok_or(Failure::Token)
            }
            Spent::Reused => {
                self.store.end_session(&session_key, call.now).await?;
                Err(Failure::Token)
            }
            Spent::Now | Spent::Gone => Err(Failure::Token),
        }
    }
}
