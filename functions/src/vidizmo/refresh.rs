//! `POST /api/v1/user/refresh-access-token`: a new token for one that works, or that nobody has used for too long.
//!
//! One read, then one conditional write: the token is spent for its successor, which is kept in the session,
//! sealed with the spent one. Whoever sends the spent one again within ten seconds gets that same successor;
//! afterwards its use here ends the session (RFC 9700 §4.14).

use serde_json::json;
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::opaque_session::Standing;

use super::bearer::{Bearer, Bearers};

/// The endpoint.
#[derive(Debug)]
pub struct Refresh(Bearers);

impl Endpoint for Refresh {
    const NAME: &'static str = "vidizmo-refresh";
    const EVENT: &'static str = "token_refresh";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/api/v1/user/refresh-access-token";
    const SURFACE: Surface = Surface::Vidizmo;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self(Bearers::new(environment)))
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let (Bearer { token, session, user, standing }, []) = self.0.read(call, |_| []).await?;
        let standing = match standing {
            Standing::Live | Standing::Idle => {
                let successor = session.successor(&token);
                let successor = successor.ok_or_else(|| Failure::Internal("an id is not ours".into()))?;
                match self.0.store.rotate_opaque(&session, &token, &successor, call.now).await? {
                    Ok(()) => return Ok(answer(successor.expose())),
                    // Another call was faster, or this one, whose answer was lost.
                    Err(found) => found.map_or(Standing::Over, |found| found.judge(&token, &user, call.now)),
                }
            }
            other => other,
        };
        match standing {
            Standing::Spent(Some(sealed)) => {
                let successor = crypto::open_sealed(token.expose(), &sealed).ok_or(Failure::TokenOver)?;
                Ok(answer(&successor))
            }
            Standing::Spent(None) => {
                let ended = self.0.store.end_opaque(&token, call.now).await?;
                call.notes.add(|about| {
                    about.detail = Some("reused");
                    about.object = Some("session");
                    about.object_id = Some(session.id);
                    about.ended = Some(ended.into());
                });
                Err(Failure::TokenOver)
            }
            _ => Err(Failure::TokenOver),
        }
    }
}

fn answer(token: &str) -> Reply {
    Reply::bare(&json!(token))
}
