//! Events of API Gateway at every function, whatever is in them. The same event with its body in base64, and with what a
//! client can forge beside it, is answered the same.
#![no_main]

use std::net::IpAddr;

use data_encoding::BASE64;
use functions::{ROUTES, TRIGGERS};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};
use usher_fuzz::{ADMIN_KEY, Credentials, WATCH_KEY, fill, house, split_first};

/// Those that hash a password, or wait.
const SLOW: [&str; 9] = [
    "watch-login",
    "watch-sign-up",
    "watch-forgot-password",
    "watch-reset-password",
    "watch-qr-approve",
    "admin-login",
    "vidizmo-authenticate",
    "qr-submit",
    "reset-submit",
];

/// All functions.
fn names() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|route| route.name).chain(TRIGGERS.iter().map(|trigger| trigger.name))
}

/// Whether it is none of API Gateway's, which encodes bodies itself and knows the caller's address.
fn is_foreign(event: &Value) -> bool {
    let body = event["body"].as_str().unwrap_or_default();
    let is_broken = event["isBase64Encoded"] == true && BASE64.decode(body.as_bytes()).is_err();
    let source = event["requestContext"]["http"]["sourceIp"].as_str().unwrap_or("::");
    is_broken || source.parse::<IpAddr>().is_err()
}

/// The same event as API Gateway passes it on in the other way, from a client that lies about where it is.
fn other_form(event: &Value) -> Option<String> {
    let mut event = event.clone();
    let fields = event.as_object_mut()?;
    if let Some(body) = fields.get("body").and_then(Value::as_str).map(ToOwned::to_owned) {
        if fields.get("isBase64Encoded").is_some_and(|flag| flag != &json!(false)) {
            return None;
        }
        fields.insert("body".to_owned(), json!(BASE64.encode(body.as_bytes())));
        fields.insert("isBase64Encoded".to_owned(), json!(true));
    }
    let headers = fields.get_mut("headers")?.as_object_mut()?;
    for (name, value) in [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-host", "orbit.localhost")] {
        headers.retain(|given, _| !given.eq_ignore_ascii_case(name));
        headers.insert(name.to_owned(), json!(value));
    }
    Some(event.to_string())
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let house = house();
    let (index, rest) = split_first(input);
    let Credentials { ana, olga, opaque, login_code, reset_code, .. } = house.credentials();
    let name = names().nth(index % names().count()).expect("there is one");
    let values =
        [WATCH_KEY, ADMIN_KEY, &ana.access, &ana.refresh, &olga.access, opaque, login_code, reset_code];
    // What Secrets Manager sends is written to the log, and has nothing of a client's.
    let values = if name == "key-rotation" { &[] } else { &values[..] };
    let Ok(text) = String::from_utf8(fill(rest, values)) else { return Corpus::Reject };
    let Ok(event) = serde_json::from_str::<Value>(&text) else { return Corpus::Reject };
    if is_foreign(&event) {
        return Corpus::Reject;
    }
    house.begin();
    if !ROUTES.iter().any(|route| route.name == name) {
        let before = house.current_keys();
        let answer = house.invoke(name, &event);
        if let Ok(answer) = &answer {
            let is_refusal = answer == &json!({ "isAuthorized": false });
            let is_live = text.contains(&ana.access) || text.contains(&olga.access);
            assert!(answer.is_null() || is_refusal || is_live, "{answer}");
        }
        assert_eq!(before, house.current_keys(), "no event but Secrets Manager's own changes the keys");
        return Corpus::Keep;
    }
    if SLOW.contains(&name) && !house.has_time_to_hash() {
        return Corpus::Reject;
    }
    let Some(answer) = house.send(name, &text) else { return Corpus::Keep };
    if let Some(other) = other_form(&event).filter(|_| !SLOW.contains(&name)) {
        house.begin();
        let other = house.send(name, &other).expect("the other form is read too");
        assert_eq!(answer.gist(), other.gist(), "{text}");
    }
    Corpus::Keep
});
