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
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::secrets;
use shared::store::Store;
use shared::store::phone::{LinkedPhone, SentCode};
use shared::token::issue::{Issuer, Playing};
use shared::token::verify::Verifier;

use super::viewer::{Door, Viewer};

#[derive(Serialize)]
struct Response {
    detail: &'static str,
    playback_token: String,
}

/// The endpoint.
#[derive(Debug)]
pub struct Verify {
    store: Store,
    door: Door,
    issuer: Issuer,
    pepper: Arc<Cached<Vec<u8>>>,
}

impl Endpoint for Verify {
    const NAME: &'static str = "screener-verify";
    const EVENT: &'static str = "otp_verify";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/content/screeners/{screener_key}/2fa/verify";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let (store, issuer) = (Store::new(environment), Issuer::new(environment).await?);
        let verifier = Verifier::new(issuer.keys(), &environment.public_url, &[Surface::Watch]);
        let door = Door::with(store.clone(), verifier);
        Ok(Self { store, door, issuer, pepper: secrets::pepper(environment).await? })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let (viewer, []) = self.door.admit(call, |_| []).await?;
        let given = otp::parse(&call.body()?)?;
        let phone = viewer.phone.as_ref().ok_or(Failure::Credentials)?;
        let code = phone.live_code(call.now).ok_or(Failure::Credentials)?;
        if !self.try_code(call, &viewer, phone, code, &given).await? {
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

impl Verify {
    /// Whether the code is the one that was sent, and is spent by this call.
    async fn try_code(
        &self,
        call: &Call,
        viewer: &Viewer,
        phone: &LinkedPhone,
        code: &SentCode,
        given: &Private,
    ) -> Result<bool, Failure> {
        let key = &viewer.phone_key;
        let hash = otp::hash(&self.pepper.get(call.now), [&key.pk, &key.sk], &phone.number, given);
        if crypto::equal(hash.as_bytes(), code.hash.as_bytes()) {
            Ok(self.store.spend_code(key, phone, code, call.now).await?)
        } else {
            self.store.count_wrong_code(key, code, call.now).await?;
            Ok(false)
        }
    }
}
