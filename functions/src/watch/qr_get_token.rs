//! `POST /v2/watch/auth/login/qr/get-token`: a TV asks whether somebody has answered its code, and
//! gets its tokens once somebody has.
//!
//! One read, then one conditional write: the poll, or the session. A TV whose answer was lost asks
//! again and gets the same session, read back; see [`pairing::HAND_OUT_GRACE`].

use serde::Serialize;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::login_code::LoginCode;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::api_key::ApiKey;
use shared::store::pairing::{self, Answer, HandOut, Pairing};
use shared::store::session::{Live, Session};
use shared::store::{Store, parse};
use shared::token::issue::Issuer;

use super::qr_approve::parse_code;
use super::qr_get_code::parse_udid;
use crate::pairing::Guesses;

/// The longest `device_code` that is read, in characters; ours have 32.
const MAX_DEVICE_CODE: usize = 128;

struct Request {
    code: Option<LoginCode>,
    udid: Private,
    device_code: Option<Private>,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Invalid> {
        Ok(Self {
            code: parse_code(body)?,
            udid: parse_udid(body)?,
            device_code: body.optional_private("device_code", MAX_DEVICE_CODE)?,
        })
    }
}

#[derive(Serialize)]
struct Response {
    token: String,
    refresh_token: String,
}

/// The endpoint.
#[derive(Debug)]
pub struct QrGetToken {
    store: Store,
    issuer: Issuer,
}

impl Endpoint for QrGetToken {
    const NAME: &'static str = "watch-qr-get-token";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/login/qr/get-token";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), issuer: Issuer::new(environment).await? })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let Request { code, udid, device_code } =
            key.gate(parsed, &self.store, Surface::Watch, call.now).await?;
        let guesses = Guesses::of(call);
        let api_key = ApiKey::key(&key.enterprise, &key.id);
        let keys = [&api_key, &Pairing::key(code.as_ref()), &guesses.counter.key];
        let [api_key, pairing, counted] = self.store.read(keys).await?;
        let api_key = key.authorize(parse(api_key)?, Surface::Watch, call.now)?;
        if api_key.qr_device_code && device_code.is_none() {
            return Err(Invalid::new("device_code", "missing").into());
        }
        guesses.check(counted.as_ref())?;
        // The application that asked for the code, and no other, gets the session.
        let is_ours =
            |pairing: &Pairing| (&pairing.enterprise, &pairing.api_key) == (&key.enterprise, &key.id);
        let (Some(code), Some(pairing)) = (code, parse::<Pairing>(pairing)?.filter(is_ours)) else {
            return Err(guesses.wrong(&self.store, Failure::Credentials).await);
        };
        if !pairing.is_of(udid.expose()) {
            let refusal = Failure::Device("udid: is not the one that asked for the code");
            return Err(guesses.wrong(&self.store, refusal).await);
        }
        if !pairing.takes(device_code.as_ref().map(Private::expose)) {
            return Err(guesses.wrong(&self.store, Failure::Credentials).await);
        }
        self.answer(call, &code, pairing).await
    }
}

impl QrGetToken {
    /// What the device that asked for the code gets.
    async fn answer(&self, call: &Call, code: &LoginCode, pairing: Pairing) -> Result<Reply, Failure> {
        let now = call.now;
        if pairing.session_id.is_some() {
            return self.same_again(&pairing, now).await;
        }
        if now >= pairing.ends_at {
            return Err(Failure::Credentials);
        }
        if now < pairing.next_poll() {
            return Err(Failure::RateLimited { retry_after: pairing.next_poll() - now });
        }
        match (pairing.answer, &pairing.holder) {
            (Some(Answer::Refused), _) => Err(Failure::NotAllowed("Sign-in was refused on the phone")),
            (Some(Answer::Approved), Some(holder)) => {
                let session =
                    Session::new(holder, &pairing.api_key, Surface::Watch, now, pairing.session_seconds);
                match self.store.hand_out(code, &pairing, &session, now).await? {
                    HandOut::Now => self.tokens(&pairing.enterprise, &session, &holder.roles, now),
                    HandOut::Before(pairing) => self.same_again(&pairing, now).await,
                    HandOut::TooSoon => Err(too_soon(&pairing)),
                    HandOut::NotAllowed => Err(Failure::Credentials),
                }
            }
            _ if self.store.poll(code, &pairing, now).await? => Err(Failure::Pending),
            _ => Err(too_soon(&pairing)),
        }
    }

    /// The session that the device was given a moment ago, for an answer that was lost.
    async fn same_again(&self, pairing: &Pairing, now: i64) -> Result<Reply, Failure> {
        let ent = pairing.enterprise.as_str();
        let (Some(session), Some(holder), Some(handed_at)) =
            (&pairing.session_id, &pairing.holder, pairing.handed_at)
        else {
            return Err(Failure::Credentials);
        };
        if now > handed_at + pairing::HAND_OUT_GRACE {
            return Err(Failure::Credentials);
        }
        let keys = Live::keys(ent, &holder.user, session, &pairing.api_key);
        let live = match Live::parse(self.store.read(keys.each_ref()).await?, now) {
            Err(Failure::Token) => return Err(Failure::Credentials),
            live => live?,
        };
        self.tokens(ent, &live.session, &live.user.roles, now)
    }

    fn tokens(
        &self,
        enterprise: &str,
        session: &Session,
        roles: &[String],
        now: i64,
    ) -> Result<Reply, Failure> {
        let token = self.issuer.access(enterprise, session, roles, now)?;
        let refresh_token = self.issuer.refresh(enterprise, session, &session.refresh_jti, now)?;
        Ok(Reply::success(Surface::Watch, Response { token, refresh_token }))
    }
}

/// The refusal of a poll that lost against another one at the same time.
fn too_soon(pairing: &Pairing) -> Failure {
    Failure::RateLimited { retry_after: (pairing.polling_interval - 1).max(1) }
}
