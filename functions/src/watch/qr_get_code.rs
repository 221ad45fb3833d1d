//! `POST /v2/watch/auth/login/qr/get-code`: a TV asks for a login code to show.
//!
//! One read, one code counted for the device and one for the address, one write. Not a transaction: a
//! whole hotel's TVs start at once and share the address' counter, on which transactions would collide.

use data_encoding::HEXLOWER;
use serde::Serialize;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::crypto;
use shared::device::Device;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::limits;
use shared::login_code::LoginCode;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::Store;
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::pairing::{LIFETIME, Pairing};

use crate::counted::Counted;
use crate::pairing::parse_udid;

/// Seconds after which a TV should leave the page with the code: the life of three codes.
const PAGE_REDIRECT_TIME: i64 = 3 * LIFETIME;

/// How many codes are drawn before giving up.
const ATTEMPTS: u32 = 3;

struct Request {
    device: Device,
    udid: Private,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Failure> {
        let (device, udid) = (body.any_text("device")?, parse_udid(body)?);
        // After the whole body is known to be well-formed: 4900 goes before 4901.
        let device =
            Device::read(&device).ok_or_else(|| Failure::Device(Invalid::new("device", Device::rule())))?;
        Ok(Self { device, udid })
    }
}

#[derive(Serialize)]
struct Response {
    login_code: String,
    login_url: String,
    polling_interval: i64,
    login_code_expiry: i64,
    page_redirect_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_code: Option<String>,
}

/// The endpoint.
#[derive(Debug)]
pub struct QrGetCode {
    store: Store,
    public_url: String,
}

impl Endpoint for QrGetCode {
    const NAME: &'static str = "watch-qr-get-code";
    const EVENT: &'static str = "qr_code_request";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/login/qr/get-code";
    const SURFACE: Surface = Surface::Watch;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), public_url: environment.public_url.clone() })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let ent = key.enterprise.as_str();
        let parsed = call.body().map_err(Failure::from).and_then(|body| Request::parse(&body));
        let request = key.gate(parsed, &self.store, Self::SURFACE, call.now).await?;
        let [api_key, enterprise] =
            self.store.read([&ApiKey::key(ent, &key.id), &Enterprise::key(ent)]).await?;
        let (api_key, enterprise) = key.admit([api_key, enterprise], Self::SURFACE, call.now)?;

        // 128 bits that nobody can read off the TV (RFC 8628 §5.2), where the application asks for them.
        let device_code = api_key.qr_device_code.then(|| HEXLOWER.encode(&crypto::random::<16>()));
        let pairing = Pairing {
            enterprise: enterprise.id,
            api_key: key.id.clone(),
            device: request.device,
            udid_hash: crypto::sha256_hex(request.udid.expose().as_bytes()),
            device_code_hash: device_code.as_ref().map(|code| crypto::sha256_hex(code.as_bytes())),
            polling_interval: enterprise.settings.polling_interval,
            session_seconds: enterprise.settings.refresh_seconds(false),
            ends_at: call.now + LIFETIME,
            expires_at: Pairing::kept_until(call.now),
            polled_at: None,
            holder: None,
            holder_name: None,
            browser_hash: None,
            answer: None,
            session_id: None,
            handed_at: None,
        };
        // Boxed, as in SignIn::verify.
        let code = Box::pin(self.create(call, &pairing, &request.udid)).await?;
        Ok(Reply::success(
            Self::SURFACE,
            Response {
                login_code: code.as_str().to_owned(),
                login_url: code.url(&self.public_url),
                polling_interval: pairing.polling_interval,
                login_code_expiry: LIFETIME,
                page_redirect_time: PAGE_REDIRECT_TIME,
                device_code,
            },
        ))
    }
}

impl QrGetCode {
    /// Writes the pairing under a code that is free, as long as device and address have codes left.
    async fn create(&self, call: &Call, pairing: &Pairing, udid: &Private) -> Result<LoginCode, Failure> {
        let ent = pairing.enterprise.as_str();
        let by_device = limits::QR_CODE_DEVICE.counter(ent, udid.expose(), call.now);
        let by_source = limits::QR_CODE_SOURCE.counter(ent, &call.source, call.now);
        let by_device = Counted::new(call, &self.store, &by_device);
        let by_source = Counted::new(call, &self.store, &by_source);
        let created = Box::pin(async {
            // Both are waited for, though one may fail: a try that is still on its way cannot be taken back.
            let (device, source) = tokio::join!(by_device.take(), by_source.take());
            match (device?, source?) {
                (true, true) => {}
                (false, _) => return Err(by_device.refusal()),
                (true, false) => return Err(by_source.refusal()),
            }
            for _ in 0..ATTEMPTS {
                let code = LoginCode::generate();
                if self.store.write_pairing(&code, pairing).await? {
                    return Ok(code);
                }
            }
            Err(Failure::Internal("no free login code was found".into()))
        });
        let created = created.await;
        if created.is_err() {
            // No code was given: none is counted.
            tokio::join!(by_device.give_back(), by_source.give_back());
        }
        created
    }
}
