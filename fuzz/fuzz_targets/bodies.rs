//! Any body at every endpoint that reads one, from a caller who may call it. The same JSON written otherwise is answered
//! the same, and only a body with what is asked for succeeds.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};
use shared::body::MAX_BYTES;
use shared::login_code::LoginCode;
use shared::pin;
use usher_fuzz::{
    ADMIN_KEY, Answer, Call, Credentials, DOCUMENT, House, UDID, WATCH_KEY, fill, house, split_first,
};

/// Who calls.
#[derive(Clone, Copy, PartialEq)]
enum Caller {
    Watch,
    Admin,
    Ana,
    Olga,
    Nobody,
}

use Caller::{Admin, Ana, Nobody, Olga, Watch};

/// The endpoints, and whether they can hash a password.
const PLACES: [(&str, Caller, bool); 24] = [
    ("watch-login", Watch, true),
    ("watch-logout", Watch, false),
    ("watch-token-refresh", Watch, false),
    ("watch-sign-up", Watch, true),
    ("watch-forgot-password", Watch, true),
    ("watch-reset-password", Watch, true),
    ("watch-qr-get-code", Watch, false),
    ("watch-qr-approve", Watch, true),
    ("watch-qr-approve", Ana, false),
    ("watch-qr-get-token", Watch, false),
    ("screener-register", Ana, false),
    ("screener-request", Ana, false),
    ("screener-verify", Ana, false),
    ("admin-login", Admin, true),
    ("admin-sso-initiate", Admin, false),
    ("admin-sso-login", Admin, false),
    ("admin-refresh", Admin, false),
    ("admin-logout", Admin, false),
    ("admin-hotlist", Olga, false),
    ("vidizmo-authenticate", Nobody, true),
    ("vidizmo-refresh", Nobody, false),
    ("vidizmo-logout", Nobody, false),
    ("qr-submit", Nobody, true),
    ("reset-submit", Nobody, true),
];

const COOKIE: &str = "__Host-usher_phone=4f8a1c0d9e7b3a6525c4d1e0f9b8a7c6";

fn ask(house: &House, place: (&str, Caller, bool), body: &[u8]) -> Option<Answer> {
    let (function, caller, _) = place;
    let credentials = house.credentials();
    let header = match caller {
        Watch => format!("Bearer {WATCH_KEY}"),
        Admin => format!("Bearer {ADMIN_KEY}"),
        Ana => format!("JWT {}", credentials.ana.access),
        Olga => format!("JWT {}", credentials.olga.access),
        Nobody => format!("Bearer {}", credentials.opaque),
    };
    let parameter = match function {
        "qr-submit" => credentials.login_code.as_str(),
        "reset-submit" => credentials.reset_code.as_str(),
        _ => "login",
    };
    house.ask(
        function,
        &Call {
            authorization: Some(&header),
            parameter: Some(parameter),
            body,
            cookie: Some(COOKIE),
            ..Call::default()
        },
    )
}

/// Whether somebody of the document has this password or secret, as it is typed.
fn is_known(password: &Value) -> bool {
    let quoted = password.to_string();
    quoted.len() > 16 && DOCUMENT.contains(&quoted)
}

/// Whether a body that succeeded has what it takes, by its own names and no more.
fn may_succeed(place: (&str, Caller, bool), body: &Value, credentials: &Credentials) -> bool {
    let Credentials { ana, olga, login_code, reset_code, otp, .. } = credentials;
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let given = &body["credentials"];
    let is_pin = given["pin"].as_str().is_some_and(|pin| pin::canonical(pin) == "K7QX93WD");
    let is_somebody = is_known(&given["password"]) || is_pin;
    let is_code = LoginCode::read(text("login_code")).is_some_and(|code| code.as_str() == login_code);
    let has = |tokens: &usher_fuzz::Tokens| {
        text("token") == tokens.access || text("refresh_token") == tokens.refresh
    };
    match place.0 {
        "watch-login" => is_somebody,
        "watch-logout" => has(ana),
        "watch-token-refresh" => text("refresh_token") == ana.refresh,
        "watch-sign-up" => text("email").contains('@') && text("password").chars().count() >= 8,
        "watch-reset-password" => text("reset_code").trim().eq_ignore_ascii_case(reset_code),
        "watch-qr-get-code" => ["iPad", "AppleTV", "Firestick", "Roku"].contains(&text("device")),
        "watch-qr-approve" => is_code && (place.1 == Ana || is_somebody),
        "screener-verify" => text("otp") == otp,
        "admin-login" | "vidizmo-authenticate" => {
            is_known(&body["password"]) || is_known(&body["clientSecret"])
        }
        // Nobody has answered the TV, and the tenant has no provider.
        "watch-qr-get-token" | "admin-sso-initiate" | "admin-sso-login" => false,
        "admin-refresh" => text("refresh_token") == olga.refresh,
        "admin-logout" => has(olga),
        "screener-register" => body["phone"].is_u64() && body["country_code"].is_u64(),
        "admin-hotlist" => {
            ["refresh_token", "session", "user", "api_key"].iter().any(|name| body[*name].is_string())
        }
        _ => true,
    }
}

/// The same JSON, written otherwise: keys in another order, with white space, and with a field that nobody asks for.
fn rewritten(body: &Value) -> Option<String> {
    let mut body = body.as_object()?.clone();
    body.insert("of no interest".to_owned(), json!([{}, null]));
    let text = serde_json::to_string_pretty(&body).ok()?;
    (text.len() <= MAX_BYTES).then_some(text)
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let house = house();
    let credentials = house.credentials();
    let Credentials { ana, olga, login_code, reset_code, otp, successor, .. } = credentials;
    let (place, body) = split_first(input);
    let place = PLACES[place % PLACES.len()];
    if place.2 && !house.has_time_to_hash() {
        return Corpus::Reject;
    }
    let values =
        [&ana.access, &ana.refresh, &olga.access, &olga.refresh, login_code, reset_code, otp, successor];
    let body = fill(body, &values.map(String::as_str));
    house.begin();
    let Some(answer) = ask(house, place, &body) else { return Corpus::Keep };
    if place.0 == "qr-submit" {
        // Whatever one form says, the TV has nothing: somebody signs in first, and then answers.
        let poll = json!({ "login_code": login_code, "udid": UDID }).to_string();
        let polled = ask(house, ("watch-qr-get-token", Watch, false), poll.as_bytes()).expect("an answer");
        assert!(["3000", "2101"].contains(&polled.code()), "{polled:?}");
    }
    if ["qr-submit", "reset-submit", "vidizmo-refresh", "vidizmo-logout", "screener-request"]
        .contains(&place.0)
    {
        return Corpus::Keep;
    }
    let Ok(json) = serde_json::from_slice::<Value>(&body) else {
        assert_eq!(answer.status, 400, "{answer:?}");
        return Corpus::Keep;
    };
    if answer.status == 200 {
        assert!(may_succeed(place, &json, credentials), "{answer:?}");
    }
    // A key that stands twice is not written twice again. VIDIZMO's answers do not tell of it.
    let told = [answer.field("detail"), answer.field("status_message")];
    let is_whole = !told.iter().any(|told| told.starts_with("body: "));
    let is_told = place.1 != Nobody || answer.status != 400;
    if let Some(body) = rewritten(&json).filter(|_| is_whole && is_told && house.has_time_to_hash()) {
        house.begin();
        if let Some(again) = ask(house, place, body.as_bytes()) {
            assert_eq!(answer.gist(), again.gist(), "{body}");
        }
    }
    Corpus::Keep
});
