//! Headers that ask for another verification. What is good in them is signed by our key.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{Attack, named};
use crate::tokens::forge::{Good, changed, signed, with_twice};

pub(super) fn of(good: &Good<'_>) -> Vec<Attack> {
    [algorithms(good), kinds(good), names(good), added(good), foreign(good), texts(good)].concat()
}

/// The signature is a good one of ES256, whatever the header says.
fn algorithms(good: &Good<'_>) -> Vec<Attack> {
    const OTHERS: [&str; 14] = [
        "none", "None", "NONE", "", "es256", "ES256 ", "ES384", "ES512", "ES256K", "RS256", "PS256", "EdDSA",
        "HS256", "RSA1_5",
    ];
    let values = OTHERS.map(|name| (name, json!(name)));
    let others = [
        ("missing", Value::Null),
        ("a list", json!(["ES256"])),
        ("an object", json!({ "ES256": null })),
        ("a number", json!(256)),
    ];
    named("alg", values.into_iter().chain(others), |value| good.with_header("alg", value))
}

/// Another `typ` than this kind of token has.
fn kinds(good: &Good<'_>) -> Vec<Attack> {
    const OTHERS: [&str; 11] = [
        "at+jwt",
        "rt+jwt",
        "playback+jwt",
        "JWT",
        "jwt",
        "AT+JWT",
        "RT+JWT",
        "logout+jwt",
        "dpop+jwt",
        "JOSE",
        "",
    ];
    let values = OTHERS.into_iter().filter(|typ| good.header["typ"] != *typ).map(|typ| (typ, json!(typ)));
    let others = [("missing", Value::Null), ("a list", json!([good.header["typ"]]))];
    named("typ", values.chain(others), |value| good.with_header("typ", value))
}

/// Names that our key does not have.
fn names(good: &Good<'_>) -> Vec<Attack> {
    let kid = &good.keys.kid;
    named(
        "kid",
        [
            ("missing", Value::Null),
            ("unknown", json!("of-the-attacker")),
            ("our next key's", good.keys.next_kid.clone()),
            ("empty", json!("")),
            ("a path", json!("../../../../dev/null")),
            ("a URL", json!(good.keys.foreign_url)),
            ("SQL", json!("x' UNION SELECT 'key' --")),
            ("a command", json!("key|/usr/bin/id")),
            ("a key of the table", json!("KEYS")),
            ("ours behind a space", json!(format!(" {kid}"))),
            ("ours before a NUL", json!(format!("{kid}\0"))),
            ("ours in capitals", json!(kid.to_uppercase())),
            ("2,000 characters", json!("x".repeat(2000))),
            ("a list", json!([kid])),
            ("a number", json!(0)),
        ],
        |value| good.with_header("kid", value),
    )
}

/// What we do not write into a header. RFC 7515 §4.1.11 asks for the refusal of what `crit` names, RFC 8725
/// §3.10 for that of keys.
fn added(good: &Good<'_>) -> Vec<Attack> {
    let fields = [
        ("jwk", good.keys.jwk.clone()),
        ("jku", json!(good.keys.foreign_url)),
        ("x5u", json!(good.keys.foreign_url)),
        ("x5c", json!([good.keys.foreign_certificate()])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("enc", json!("A128GCM")),
        ("url", json!("https://attacker.example/")),
        ("nonce", json!("n")),
        ("made-up", json!(1)),
    ];
    let mut all =
        named("header", fields.map(|field| (field.0, field)), |(name, value)| good.with_header(name, value));
    for (name, crit) in [("nothing", json!([])), ("b64", json!(["b64"])), ("made-up", json!(["made-up"]))] {
        // RFC 7797 for `b64`; a field that `crit` names has to be there.
        let mut header = changed(&good.header, "crit", crit);
        if name != "nothing" {
            header[name] = json!(false);
        }
        all.push((format!("crit: {name}"), good.signed(&header, &good.claims)));
    }
    // What is understood without being named there must not be (RFC 7515 §4.1.11).
    for name in ["alg", "kid", "typ"] {
        all.push((format!("crit: {name}"), good.with_header("crit", json!([name]))));
    }
    // A nested token (RFC 7519 §5.2): the good one as the claims.
    let nested = changed(&good.header, "cty", json!("JWT")).to_string();
    all.push(("nested".to_owned(), good.signed_text(&nested, good.token)));
    all.push(("nested, unsaid".to_owned(), good.signed_text(&good.header.to_string(), good.token)));
    all
}

/// Signed by an attacker's key, which the token brings along.
fn foreign(good: &Good<'_>) -> Vec<Attack> {
    let mut all = Vec::new();
    for (whose, kid) in
        [("ours", json!(good.keys.kid)), ("its own", json!("of-the-attacker")), ("none", Value::Null)]
    {
        let mut jwk = good.keys.foreign_jwk();
        if !kid.is_null() {
            jwk["kid"] = kid.clone();
        }
        let url = json!(good.keys.foreign_url);
        let chain = json!([good.keys.foreign_certificate()]);
        for (field, value) in [("jwk", jwk), ("jku", url.clone()), ("x5u", url), ("x5c", chain)] {
            let header = changed(&changed(&good.header, "kid", kid.clone()), field, value).to_string();
            let token = signed(&header, &good.claims.to_string(), &good.keys.foreign, Algorithm::ES256);
            all.push((format!("a foreign key, {field}, kid {whose}"), token));
        }
    }
    all
}

/// Headers that two parsers can read in two ways, or that are none.
fn texts(good: &Good<'_>) -> Vec<Attack> {
    let twice = |name: &str, value: Value| with_twice(&good.header, name, &value);
    let whole = good.header.to_string();
    named(
        "header",
        [
            ("alg twice, the last one none", twice("alg", json!("none"))),
            ("alg twice, alike", twice("alg", json!("ES256"))),
            ("kid twice", twice("kid", json!("of-the-attacker"))),
            ("typ twice", twice("typ", json!("JWT"))),
            ("a list", format!("[{whole}]")),
            ("a list of its values", json!(["alg", "typ", "kid"].map(|name| &good.header[name])).to_string()),
            ("null", "null".to_owned()),
            ("nothing", String::new()),
            ("no JSON", "{".to_owned()),
            ("more behind it", format!("{whole}{whole}")),
            ("a byte order mark before it", format!("\u{feff}{whole}")),
        ],
        |header: String| good.signed_text(&header, &good.claims.to_string()),
    )
}
