//! `POST /v2/watch/auth/login/qr/get-token`: a TV asks whether somebody has answered its code, and
//! gets its tokens once somebody has.
//!
//! One read, then one conditional write: the poll, or the session. A TV whose answer was lost asks
//! again and gets the same session, read back; see [`pairing::HAND_OUT_GRACE`].

use shared::api_key::PresentedKey;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::limits;
use shared::login_code::LoginCode;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::api_key::ApiKey;
use shared::store::pairing::{self, Answer, HandOut, Pairing};
use shared::store::session::{Live, Session};
use shared::store::{Operation, Store, parse};
use shared::token::issue::Issuer;

use crate::pairing::{Guesses, parse_code, parse_udid};

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

/// The endpoint.
#[derive(Debug)]
pub struct QrGetToken {
    store: Store,
    issuer: Issuer,
}

impl Endpoint for QrGetToken {
    const NAME: &'static str = "watch-qr-get-token";
    const EVENT: &'static str = "qr_sign_in";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/login/qr/get-token";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), issuer: Issuer::new(environment).await? })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let parsed = call.body().and_then(|body| Request::parse(&body));
        let Request { code, udid, device_code } =
            key.gate(parsed, &self.store, Self::SURFACE, call.now).await?;
        let (ent, now) = (key.enterprise.as_str(), call.now);
        // A TV that says all the right things may poll, whoever else guesses at its address: what holds
        // a guesser up who knows its udid is the udid's own counter.
        let by_device = limits::QR_GUESS_DEVICE.counter(ent, udid.expose(), now);
        let keys = [&ApiKey::key(ent, &key.id), &Pairing::key(code.as_ref()), &by_device.key];
        let [api_key, pairing, counted] = self.store.read(keys).await?;
        key.authorize(parse(api_key)?, Self::SURFACE, now)?;
        if by_device.is_used_up(counted.as_ref()) {
            return Err(by_device.refusal(now));
        }
        // The application that asked for the code, and no other, gets the session.
        let is_ours = |pairing: &Pairing| (pairing.enterprise.as_str(), &pairing.api_key) == (ent, &key.id);
        let found = code.zip(parse::<Pairing>(pairing)?.filter(is_ours));
        let wrong = match &found {
            None => Failure::Credentials,
            Some((_, pairing)) if !pairing.has_udid(udid.expose()) => {
                Failure::Device(Invalid::new("udid", "is not the device that asked for this code"))
            }
            Some((_, pairing)) if pairing.device_code_hash.is_some() && device_code.is_none() => {
                return Err(Invalid::new("device_code", "missing").into());
            }
            Some((_, pairing)) if !pairing.accepts_device_code(device_code.as_ref().map(Private::expose)) => {
                Failure::Credentials
            }
            Some((code, pairing)) => return self.answer(call, &key, code, pairing).await,
        };
        // What a wrong code gets is withheld until it has been counted.
        let by_source = Guesses::of(call).counter;
        let operation = Operation::new();
        // Boxed, as in SignIn::verify.
        let used_up = Box::pin(self.store.take_both([&by_device, &by_source], &operation)).await?;
        Err(used_up.map_or(wrong, |counter| counter.refusal(now)))
    }
}

impl QrGetToken {
    /// What the device that asked for the code gets.
    async fn answer(
        &self,
        call: &Call,
        key: &PresentedKey,
        code: &LoginCode,
        pairing: &Pairing,
    ) -> Result<Reply, Failure> {
        let now = call.now;
        if pairing.session_id.is_some() {
            return self.same_again(call, pairing).await;
        }
        if now >= pairing.ends_at {
            return Err(Failure::Credentials);
        }
        if now < pairing.next_poll() {
            return Err(Failure::RateLimited { retry_after: pairing.next_poll() - now });
        }
        match (pairing.answer, &pairing.holder) {
            (None, _) if self.store.poll(code, pairing, now).await? => Err(Failure::Pending),
            (None, _) => Err(too_soon(pairing)),
            (Some(Answer::Refused), _) => Err(Failure::NotAllowed("Sign-in was refused on the phone")),
            (Some(Answer::Approved), None) => Err(Failure::Internal("nobody approved".into())),
            (Some(Answer::Approved), Some(holder)) => {
                let (surface, seconds) = (Self::SURFACE, pairing.session_seconds);
                let session = Session::new(holder, key, surface, now, seconds);
                match self.store.hand_out(code, pairing, &session, now).await? {
                    HandOut::Now => {
                        note(call, &session);
                        let tokens = self.issuer.both(&pairing.enterprise, &session, &holder.roles, now)?;
                        Ok(Reply::success(surface, tokens))
                    }
                    HandOut::TooSoon => Err(too_soon(pairing)),
                    HandOut::HolderGone => Err(Failure::Credentials),
                }
            }
        }
    }

    /// The session that the device was given a moment ago, for an answer that was lost.
    async fn same_again(&self, call: &Call, pairing: &Pairing) -> Result<Reply, Failure> {
        let (ent, now) = (pairing.enterprise.as_str(), call.now);
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
        note(call, &live.session);
        let tokens = self.issuer.both(ent, &live.session, &live.user.roles, now)?;
        Ok(Reply::success(Self::SURFACE, tokens))
    }
}

fn note(call: &Call, session: &Session) {
    call.notes.add(|about| {
        about.user = Some(session.user.clone());
        about.session = Some(session.id.clone());
    });
}

/// The refusal of a poll that lost against another one at the same time.
fn too_soon(pairing: &Pairing) -> Failure {
    Failure::RateLimited { retry_after: pairing.shortest_wait().max(1) }
}
