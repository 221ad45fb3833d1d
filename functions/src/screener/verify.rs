//! `POST /v2/watch/content/screeners/{screener_key}/2fa/verify`: takes the code that was sent, and gives a token
//! with which the screener plays.
//!
//! One read, then one conditional write: it counts the try, or it spends the code. See `store/phone.rs`.

use std::sync::Arc;

use serde::Serialize;
use shared::cache::Cached;
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::otp;
use shared::reply::Reply;
use shared::request::Call;
use shared::secrets;
use shared::token::issue::{Issuer, Playing};
use shared::token::verify::Verifier;

use super::viewer::Door;

#[derive(Serialize)]
struct Response {
    detail: &'static str,
    playback_token: String,
}

/// The endpoint.
#[derive(Debug)]
pub struct Verify {
    door: Door,
    issuer: Issuer,
    pepper: Arc<Cached<Vec<u8>>>,
}

impl Endpoint for Verify {
    const NAME: &'static str = "screener-verify";
    const EVENT: &'static str = "otp_verify";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/content/screeners/{screener_key}/2fa/verify";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let (issuer, pepper) = tokio::try_join!(Issuer::new(environment), secrets::pepper(environment))?;
        let verifier = Verifier::new(issuer.keys(), &environment.public_url, &[Self::SURFACE]);
        let door = Door::with(verifier, environment);
        Ok(Self { door, issuer, pepper })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let (viewer, []) = self.door.admit(call, |_| []).await?;
        let given = otp::parse(&call.body()?)?;
        let phone = viewer.phone.as_ref().ok_or(Failure::Credentials)?;
        let code = phone.live_code(call.now).ok_or(Failure::Credentials)?;
        let (store, key) = (&self.door.store, &viewer.phone_key);
        let hash = otp::hash(&self.pepper.get(call.now), key, &phone.number, &given);
        // What the comparison says is told to nobody before one of the two writes has been made.
        if !crypto::equal(hash.as_bytes(), code.hash.as_bytes()) {
            store.count_wrong_code(key, code, call.now).await?;
            return Err(Failure::Credentials);
        }
        if !store.spend_code(key, code, call.now).await? {
            return Err(Failure::Credentials);
        }
        let playing = Playing {
            enterprise: &viewer.enterprise,
            screener: &viewer.screener.key,
            api_key: &viewer.api_key,
            session: viewer.session.as_ref(),
        };
        let playback_token = self.issuer.playback(playing, call.now)?;
        Ok(Reply::success(Self::SURFACE, Response { detail: "Success", playback_token }))
    }
}
