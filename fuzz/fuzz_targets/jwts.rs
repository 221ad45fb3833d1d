//! JSON Web Tokens at every place that takes one, signed by the key that signs ours, by a stranger's, or with the
//! signature of a token that works; or just any text. One is taken if, and only if, it says what the living session's
//! own token says in all that counts.
#![no_main]

use std::sync::OnceLock;

use data_encoding::BASE64URL_NOPAD;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};
use shared::body::Object;
use shared::token::es256::SigningKey;
use shared::token::keys::{KeySecret, KeySet};
use usher_fuzz::{ADMIN_KEY, Call, Credentials, House, NOW, Tokens, WATCH_KEY, fill, house, split_first};

/// How a token is given: in the header, with this body, or as this field of the body, beside what opens the place.
#[derive(Clone, Copy)]
enum Way {
    Header(&'static str),
    Field(&'static str),
}

use Way::{Field, Header};

const PLACES: [(&str, Way); 15] = [
    ("watch-session", Header("")),
    ("watch-token-refresh", Field("refresh_token")),
    ("watch-logout", Field("token")),
    ("watch-logout", Field("refresh_token")),
    ("watch-qr-approve", Header("{\"login_code\":\"\u{fffd}\"}")),
    ("screener-verify", Header("{\"otp\":\"\u{fffd}\"}")),
    ("admin-session", Header("")),
    ("admin-refresh", Field("refresh_token")),
    ("admin-logout", Field("token")),
    ("admin-logout", Field("refresh_token")),
    ("admin-hotlist", Header(r#"{"session":"01HF7YC4M8T2Z6V0Q3R5W7N9PB-01HF7YC9B6F0K4P8T1V5Z2R3NQ"}"#)),
    ("authorizer", Header("")),
    ("screener-register", Header(r#"{"country_code":1,"phone":2025550143}"#)),
    ("screener-request", Header("{}")),
    ("admin-hotlist", Field("refresh_token")),
];

/// The most characters of an id that is worth a look: only we sign, and ours have 53.
const MAX_ID: usize = 128;

/// One place, and the token that works there.
struct Place<'a> {
    function: &'static str,
    way: Way,
    credentials: &'a Credentials,
    good: &'a str,
}

impl<'a> Place<'a> {
    fn of(index: usize, credentials: &'a Credentials) -> Self {
        let (function, way) = PLACES[index % PLACES.len()];
        let Tokens { access, refresh } =
            if function.starts_with("admin-") { &credentials.olga } else { &credentials.ana };
        let good = if matches!(way, Field("refresh_token")) { refresh } else { access };
        Self { function, way, credentials, good }
    }

    fn is_refresh(&self) -> bool {
        matches!(self.way, Field("refresh_token"))
    }

    /// Whether the token is named to be ended, and by an owner, who may do so to anybody's.
    fn is_hotlisted(&self) -> bool {
        self.function == "admin-hotlist" && self.is_refresh()
    }

    /// Whether the token is given to be ended, and so at any age.
    fn is_ended(&self) -> bool {
        self.function.ends_with("-logout") || self.is_hotlisted()
    }

    /// Whether the token is taken.
    fn takes(&self, house: &House, token: &str) -> bool {
        let Credentials { login_code, otp, .. } = self.credentials;
        let key = if self.function.starts_with("admin-") { ADMIN_KEY } else { WATCH_KEY };
        let (header, body) = match self.way {
            Header(body) => {
                let value = if self.function == "screener-verify" { otp } else { login_code };
                (token.to_owned(), body.replace('\u{fffd}', value))
            }
            Field(name) => {
                let opens = if self.is_hotlisted() { &self.credentials.olga.access } else { key };
                (format!("Bearer {opens}"), json!({ name: token }).to_string())
            }
        };
        if self.function == "authorizer" {
            let mut event = house.event(self.function, &Call::default());
            event["identitySource"] = json!([header]);
            return house.invoke(self.function, &event).expect("it is answered")["isAuthorized"] == true;
        }
        let call = Call {
            authorization: Some(&header),
            parameter: Some("login"),
            body: body.as_bytes(),
            ..Call::default()
        };
        let answer = house.ask(self.function, &call).expect("an answer");
        // Ana was sent a code a moment ago, so who is known as her has to wait.
        let is_taken =
            answer.status == 200 || (self.function == "screener-request" && answer.code() == "5001");
        assert!(is_taken || ["2000", "2001", "2003", "4900"].contains(&answer.code()), "{answer:?}");
        is_taken
    }

    /// Whether a token of ours with this header and these claims works.
    fn is_good(&self, header: &Value, claims: &Value, kid: &str) -> bool {
        let good = part(self.good, 1);
        let text = |name: &str| claims[name].as_str();
        let same = |name: &str| text(name).is_some() && claims[name] == good[name];
        let typ = if self.is_refresh() { "rt+jwt" } else { "at+jwt" };
        let is_ours = |(name, value): (&String, &Value)| match name.as_str() {
            "typ" => value == typ,
            "alg" => value == "ES256",
            "kid" => value == kid,
            _ => false,
        };
        let fields = header.as_object();
        let has_header = fields.is_some_and(|fields| {
            ["typ", "alg", "kid"].iter().all(|name| fields.contains_key(*name)) && fields.iter().all(is_ours)
        });
        let is_alive = claims["exp"].as_i64().is_some_and(|exp| NOW < exp || self.is_ended());
        let has_begun = claims.get("nbf").is_none_or(|nbf| nbf.as_i64().is_some_and(|nbf| nbf <= NOW));
        let has_times = is_alive && has_begun && claims["iat"].is_i64();
        // Who signs out may name a session that is over.
        let has_session =
            if self.is_ended() { text("sub").and(text("sid")).is_some() } else { same("sub") && same("sid") };
        // An owner ends sessions of both surfaces, and of every application.
        let has_application = if self.is_hotlisted() {
            text("client_id").is_some() && ["watch", "admin"].map(Some).contains(&text("aud"))
        } else {
            same("client_id") && same("aud")
        };
        let whose = same("iss") && same("ent") && has_application && has_session;
        let has_kind = if self.is_refresh() {
            if self.is_ended() { text("jti").is_some() } else { same("jti") }
        } else {
            let amr = claims["amr"].as_array();
            text("jti").and(text("scope")).is_some()
                && amr.is_some_and(|amr| amr.iter().all(Value::is_string))
        };
        has_header && has_times && whose && has_kind
    }
}

/// A token's part as JSON: 0 the header, 1 the claims.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    let json = BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

fn sign(header: &[u8], claims: &[u8], key: &SigningKey) -> String {
    let message = [header, claims].map(|part| BASE64URL_NOPAD.encode(part)).join(".");
    let signature = key.sign(message.as_bytes()).expect("it is signed");
    format!("{message}.{signature}")
}

/// The key of somebody else, which has the name of ours in no set of keys.
fn stranger() -> &'static KeySet {
    static STRANGER: OnceLock<KeySet> = OnceLock::new();
    STRANGER.get_or_init(|| {
        let set = KeySecret::default().rotated(None, NOW).expect("keys are made");
        KeySet::private(&set).expect("they are good")
    })
}

fn is_long(claims: &Value) -> bool {
    ["sub", "sid", "ent", "client_id"]
        .iter()
        .any(|name| claims[*name].as_str().is_some_and(|id| id.len() > MAX_ID))
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let house = house();
    let (index, rest) = split_first(input);
    let (mode, rest) = split_first(rest);
    let place = Place::of(index, house.credentials());
    let key = house.signing_key();
    let kid = key.kid();
    let claims = part(place.good, 1);
    let text = |name: &str| claims[name].as_str().expect("it is text");
    let parts: Vec<_> = place.good.split('.').collect();
    let values = [kid, text("iss"), text("sub"), text("sid"), text("jti"), parts[0], parts[1], parts[2]];
    let filled = fill(rest, &values);
    house.begin();
    if mode % 4 == 3 {
        let Ok(token) = String::from_utf8(filled) else { return Corpus::Reject };
        let can_be_sent =
            matches!(place.way, Field(_)) || token.bytes().all(|byte| (33..127).contains(&byte));
        if can_be_sent {
            assert_eq!(place.takes(house, &token), token == place.good, "{token}");
        }
        return Corpus::Keep;
    }
    let (header, claims) =
        filled.split_at(filled.iter().position(|byte| *byte == b'\n').unwrap_or(filled.len()));
    let claims = claims.get(1..).unwrap_or_default();
    let stranger = stranger().signing().expect("one signs");
    let token = match mode % 4 {
        0 => sign(header, claims, key),
        1 => sign(header, claims, stranger),
        _ => {
            let message = [header, claims].map(|part| BASE64URL_NOPAD.encode(part)).join(".");
            format!("{message}.{}", parts[2])
        }
    };
    if mode % 4 != 0 {
        assert_ne!(kid, stranger.kid());
        assert_eq!(place.takes(house, &token), token == place.good, "{token}");
        return Corpus::Keep;
    }
    let json = |text: &[u8]| serde_json::from_slice::<Value>(text).ok();
    let Some((header_json, claims_json)) = json(header).zip(json(claims)) else {
        // What our parser of JSON refuses, another can take: a number beyond all bounds, in a claim that nobody reads.
        let _ = place.takes(house, &token);
        return Corpus::Keep;
    };
    if is_long(&claims_json) {
        return Corpus::Reject;
    }
    let is_good = place.is_good(&header_json, &claims_json, kid) && token.len() <= 4096;
    let is_taken = place.takes(house, &token);
    let is_plain = [header, claims].iter().all(|text| Object::parse(text).is_ok());
    assert!(is_good || !is_taken, "taken: {header_json} {claims_json}");
    assert!(is_taken || !is_good || !is_plain, "not taken: {header_json} {claims_json}");
    Corpus::Keep
});
