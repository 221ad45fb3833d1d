//! Claims that are not for us, or none, under a signature that is ours.

use serde_json::{Value, json};

use super::{Attack, named};
use crate::tokens::forge::{Good, with_twice};

pub(super) fn of(good: &Good<'_>, stranger: &Value) -> Vec<Attack> {
    [whose(good, stranger), when(good), incomplete(good), texts(good)].concat()
}

/// Another deployment's, surface's, enterprise's, application's or person's.
fn whose(good: &Good<'_>, stranger: &Value) -> Vec<Attack> {
    let [iss, aud] = ["iss", "aud"].map(|name| good.claims[name].as_str().unwrap());
    let (other_surface, other_key) =
        if aud == "watch" { ("admin", "acme-tv") } else { ("watch", "acme-admin-rotating") };
    let rows = [
        ("iss: a foreign one", "iss", json!("https://attacker.example")),
        ("iss: ours with a slash", "iss", json!(format!("{iss}/"))),
        ("iss: empty", "iss", json!("")),
        ("aud: the other surface", "aud", json!(other_surface)),
        ("aud: playback", "aud", json!("playback")),
        ("aud: vidizmo", "aud", json!("vidizmo")),
        ("aud: in capitals", "aud", json!(aud.to_uppercase())),
        ("aud: both surfaces", "aud", json!([aud, other_surface])),
        ("aud: empty", "aud", json!("")),
        ("ent: another", "ent", json!("orbit")),
        ("client_id: another key's", "client_id", json!(other_key)),
        ("client_id: another enterprise's", "client_id", json!("orbit-watch")),
        ("sub: somebody else's", "sub", stranger["sub"].clone()),
        ("sid: somebody else's", "sid", stranger["sid"].clone()),
        ("sid: nobody's", "sid", json!("01BX5ZZKBKACTAV9WEVGEMMVRZ")),
    ];
    rows.map(|(what, name, value)| (what.to_owned(), good.with_claim(name, value))).into()
}

/// Times that are over, not yet, or no times.
fn when(good: &Good<'_>) -> Vec<Attack> {
    let now = good.claims["iat"].as_i64().unwrap();
    let number = |text: String| text.parse::<Value>().unwrap();
    let expires = [
        ("past", json!(now)),
        ("a text", json!((now + 600).to_string())),
        ("with a fraction", number(format!("{}.5", now + 600))),
        ("with an exponent", number("9e9".to_owned())),
        ("beyond 63 bits", json!(u64::MAX)),
        ("huge", number("1e300".to_owned())),
        ("yes", json!(true)),
    ];
    let begins = [
        ("in an hour", json!(now + 3600)),
        ("a text", json!("0")),
        ("with a fraction", number("0.5".to_owned())),
        ("beyond 63 bits", json!(u64::MAX)),
        ("huge", number("1e300".to_owned())),
    ];
    [
        named("exp", expires, |value| good.with_claim("exp", value)),
        named("nbf", begins, |value| good.with_claim("nbf", value)),
    ]
    .concat()
}

/// Each claim that both kinds of token have is there, and of its type.
fn incomplete(good: &Good<'_>) -> Vec<Attack> {
    let names = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "ent"];
    let missing = names.map(|name| (format!("{name}: missing"), good.with_claim(name, Value::Null)));
    let lists =
        names.map(|name| (format!("{name}: a list"), good.with_claim(name, json!([good.claims[name]]))));
    [missing, lists].concat()
}

/// Claims that two parsers can read in two ways, or that are none. RFC 7519 §4 lets the last of two count, so here
/// the first one is good.
fn texts(good: &Good<'_>) -> Vec<Attack> {
    let twice = |name: &str, value: &str| with_twice(&good.claims, name, &json!(value));
    let whole = good.claims.to_string();
    // As they stand in the code, with the `nbf` that ours leave out.
    let order = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "sid", "ent", "amr"];
    let began = json!(0);
    let value = |name| if name == "nbf" { Some(&began) } else { good.claims.get(name) };
    let values: Vec<_> = order.into_iter().filter_map(value).collect();
    named(
        "claims",
        [
            ("iss twice", twice("iss", "https://attacker.example")),
            ("aud twice", twice("aud", "playback")),
            ("ent twice", twice("ent", "orbit")),
            ("a number that is none", format!("{},\"nbf\":1e9999}}", whole.strip_suffix('}').unwrap())),
            ("a list", format!("[{whole}]")),
            ("a list of their values", json!(values).to_string()),
            ("a text", Value::from(whole.as_str()).to_string()),
            ("null", "null".to_owned()),
            ("an empty object", "{}".to_owned()),
            ("nothing", String::new()),
            ("no JSON", "{".to_owned()),
            ("more behind them", format!("{whole}{whole}")),
            ("a byte order mark before them", format!("\u{feff}{whole}")),
        ],
        |claims: String| good.signed_text(&good.header.to_string(), &claims),
    )
}
