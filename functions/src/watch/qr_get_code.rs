//! `POST /v2/watch/auth/login/qr/get-code`: a TV asks for a login code to show.
//!
//! One read, then one transaction: the pairing, and a code counted for the device and the address.

use data_encoding::HEXLOWER;
use serde::Serialize;
use shared::body::{Invalid, Object};
use shared::config::Environment;
use shared::crypto;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity::is_invisible;
use shared::limits;
use shared::login_code::LoginCode;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::pairing::{Device, LIFETIME, Pairing};
use shared::store::{Operation, Store, parse};

/// The longest `udid`, in characters.
pub(super) const MAX_UDID: usize = 128;

/// Seconds after which a TV should leave the page with the code: three codes.
const PAGE_REDIRECT_TIME: i64 = 3 * LIFETIME;

/// How many codes are tried before it is given up to find a free one.
const ATTEMPTS: u32 = 3;

struct Request {
    device: Device,
    udid: Private,
}

impl Request {
    fn parse(body: &Object) -> Result<Self, Failure> {
        let device = body.text("device", 64)?;
        let udid = parse_udid(body)?;
        let device = Device::read(&device)
            .ok_or(Failure::Device("device: must be one of iPad, AppleTV, Firestick, Roku"))?;
        Ok(Self { device, udid })
    }
}

/// Reads the `udid`, by which a device is told from others.
pub(super) fn parse_udid(body: &Object) -> Result<Private, Invalid> {
    let udid = body.private("udid", MAX_UDID)?;
    if udid.expose().chars().any(|c| c != ' ' && is_invisible(c)) {
        return Err(Invalid::new("udid", "must be printable"));
    }
    Ok(udid)
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
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/v2/watch/auth/login/qr/get-code";

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { store: Store::new(environment), public_url: environment.public_url.clone() })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let key = call.api_key()?;
        let ent = key.enterprise.as_str();
        let parsed = call.body().map_err(Failure::from).and_then(|body| Request::parse(&body));
        let request = key.gate(parsed, &self.store, Surface::Watch, call.now).await?;
        let [api_key, enterprise] =
            self.store.read([&ApiKey::key(ent, &key.id), &Enterprise::key(ent)]).await?;
        let api_key = key.authorize(parse(api_key)?, Surface::Watch, call.now)?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::ApiKey)?;

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
            browser_hash: None,
            answer: None,
            session_id: None,
            handed_at: None,
        };
        let code = self.create(call, &pairing, &request.udid).await?;
        Ok(Reply::success(
            Surface::Watch,
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
    /// Writes the pairing under a code that is free.
    async fn create(&self, call: &Call, pairing: &Pairing, udid: &Private) -> Result<LoginCode, Failure> {
        let ent = pairing.enterprise.as_str();
        let by_device = limits::QR_CODE_DEVICE.counter(ent, udid.expose(), call.now);
        let by_source = limits::QR_CODE_SOURCE.counter(ent, &call.source, call.now);
        let operation = Operation::new();
        for _ in 0..ATTEMPTS {
            let code = LoginCode::generate();
            let writes = vec![
                self.store.taking(&by_device, &operation),
                self.store.taking(&by_source, &operation),
                self.store.creating_pairing(&code, pairing)?,
            ];
            match self.store.transact(writes).await? {
                Ok(()) => return Ok(code),
                Err(cancelled) if cancelled.failed[0] => return Err(by_device.refusal(call.now)),
                Err(cancelled) if cancelled.failed[1] => return Err(by_source.refusal(call.now)),
                Err(_) => {}
            }
        }
        Err(Failure::Internal("no free login code was found".into()))
    }
}
