//! What clients can have: API keys, passwords, tokens and codes that work.

use serde_json::json;

use crate::event::Call;
use crate::{Answer, House};

/// The API key of a viewer's application.
pub const WATCH_KEY: &str = "usk_acme_acme-watch_0000000000000000000000000000watchA";
/// The API key of an application for a studio's staff.
pub const ADMIN_KEY: &str = "usk_acme_acme-admin_0000000000000000000000000000adminA";
/// Ana's address.
pub const ANA_AT: &str = "ana@acme.example";
/// Ana's password.
pub const ANA: &str = "rosebud and the red balloon";
/// The password of Olga, who owns acme.
const OLGA: &str = "the projectionist never sleeps";
/// The TV that shows [`Credentials::login_code`].
pub const UDID: &str = "a television";

/// The tokens of a session.
#[derive(Debug)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// What works until an input changes it.
#[derive(Debug)]
pub struct Credentials {
    /// Ana's tokens, of [`WATCH_KEY`].
    pub ana: Tokens,
    /// Olga's tokens, of [`ADMIN_KEY`].
    pub olga: Tokens,
    /// Ana's opaque token.
    pub opaque: String,
    /// An opaque token of another session of hers, exchanged a moment ago.
    pub spent: String,
    /// The one that it was exchanged for.
    pub successor: String,
    /// A code that nobody has answered.
    pub login_code: String,
    /// A code by which Ana can set a new password.
    pub reset_code: String,
    /// The one-time code that Ana was sent for the screener `login`.
    pub otp: String,
    /// How the code stands in the log, if it does: six digits alone are in every other timestamp.
    quoted: [String; 2],
}

impl Tokens {
    fn of(answer: &Answer) -> Self {
        let [access, refresh] = ["token", "refresh_token"].map(|name| answer.field(name).to_owned());
        assert!(!access.is_empty() && !refresh.is_empty(), "{answer:?}");
        Self { access, refresh }
    }
}

impl Credentials {
    pub(crate) fn gather(house: &House) -> Self {
        let ask = |function: &str, key: &str, parameter: &str, body: serde_json::Value| {
            let (header, body) = (format!("Bearer {key}"), body.to_string());
            let call = Call {
                authorization: Some(&header),
                parameter: Some(parameter),
                body: body.as_bytes(),
                ..Call::default()
            };
            let answer = house.ask(function, &call).expect("an answer");
            assert_eq!(answer.status, 200, "{function}: {answer:?}");
            answer
        };
        let password = json!({ "type": "password", "credentials": { "username": "ana", "password": ANA } });
        let ana = Tokens::of(&ask("watch-login", WATCH_KEY, "", password));
        let password = json!({ "username": "olga", "password": OLGA });
        let olga = Tokens::of(&ask("admin-login", ADMIN_KEY, "", password));
        let [opaque, spent] = [(); 2].map(|()| {
            let body = json!({ "emailAddress": ANA_AT, "password": ANA });
            let token = ask("vidizmo-authenticate", "", "", body).body;
            token.as_str().expect("a token").to_owned()
        });
        let successor = ask("vidizmo-refresh", &spent, "", json!({})).body;
        let device = json!({ "device": "AppleTV", "udid": UDID });
        let login_code = ask("watch-qr-get-code", WATCH_KEY, "", device).field("login_code").to_owned();
        ask("watch-forgot-password", WATCH_KEY, "", json!({ "email": ANA_AT }));
        let phone = json!({ "country_code": 1, "phone": 2_025_550_143 });
        ask("screener-register", &ana.access, "login", phone);
        ask("screener-request", &ana.access, "login", json!({}));
        let outbox = house.outbox();
        let mail = &outbox.email.last().expect("an e-mail was sent").text;
        let link = mail.split_whitespace().find(|word| word.contains("/reset/")).expect("it has a link");
        let reset_code = link.rsplit('/').next().expect("the link has a code").to_owned();
        let message = &outbox.sms.last().expect("a message was sent").body;
        let otp = message.rsplit('#').next().expect("the message has a code").to_owned();
        Self {
            ana,
            olga,
            opaque,
            spent,
            successor: successor.as_str().expect("a token").to_owned(),
            quoted: [format!("\"{login_code}\""), format!("\"{otp}\"")],
            login_code,
            reset_code,
            otp,
        }
    }

    /// All that no log may have in it.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let Self { ana, olga, opaque, spent, successor, reset_code, quoted, .. } = self;
        let tokens = [&ana.access, &ana.refresh, &olga.access, &olga.refresh, opaque, spent, successor];
        let known = [WATCH_KEY, ADMIN_KEY, ANA, OLGA, ANA_AT, UDID].into_iter();
        let new = tokens.into_iter().chain([reset_code]).chain(quoted);
        known.chain(new.map(String::as_str))
    }
}
