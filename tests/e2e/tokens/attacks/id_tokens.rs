//! What there is to try with an ID token beside all that is tried with ours (`OpenID` Connect Core §3.1.3.7): the
//! provider has keys of several kinds, its client a secret, and its claims are others.

use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tests::provider::CLIENT_SECRET;

use super::{Attack, named};
use crate::tokens::der::rsa_public_key;
use crate::tokens::forge::{Good, changed, member, new_key, pem, signed, with_first, with_twice};

/// The provider's RSA key.
pub(in crate::tokens) struct Rsa {
    pub(in crate::tokens) kid: String,
    pub(in crate::tokens) key: EncodingKey,
    pub(in crate::tokens) jwk: Value,
}

pub(in crate::tokens) fn of(good: &Good<'_>, rsa: &Rsa) -> Vec<Attack> {
    [
        swapped(good, rsa),
        shared_secrets(good, rsa),
        rsa_signatures(good, rsa),
        kinds(good),
        whose(good),
        when(good),
        twice(good),
        texts(good),
    ]
    .concat()
}

/// A token whose header says one key and algorithm, by another key and algorithm.
fn by(good: &Good<'_>, (alg, kid): (&str, &str), algorithm: Algorithm, key: &EncodingKey) -> String {
    let header = changed(&changed(&good.header, "alg", json!(alg)), "kid", json!(kid)).to_string();
    signed(&header, &good.claims.to_string(), key, algorithm)
}

/// Sound signatures of published keys, under the name of another algorithm or key.
fn swapped(good: &Good<'_>, rsa: &Rsa) -> Vec<Attack> {
    let (ec_kid, ec) = (good.keys.kid.as_str(), &good.keys.ours);
    let rsa_kid = rsa.kid.as_str();
    let mut all = named(
        "RS256 signs, RSA's kid",
        ["PS256", "RS384", "ES256", "EdDSA", "HS256", "none", "RS256 "].map(|alg| (alg, alg)),
        |alg| by(good, (alg, rsa_kid), Algorithm::RS256, &rsa.key),
    );
    all.extend([
        ("RS256 signs, ES256, EC's kid".to_owned(), by(good, ("ES256", ec_kid), Algorithm::RS256, &rsa.key)),
        ("RS256 signs, RS256, EC's kid".to_owned(), by(good, ("RS256", ec_kid), Algorithm::RS256, &rsa.key)),
        ("ES256 signs, ES256, RSA's kid".to_owned(), by(good, ("ES256", rsa_kid), Algorithm::ES256, ec)),
        ("ES256 signs, RS256, RSA's kid".to_owned(), by(good, ("RS256", rsa_kid), Algorithm::ES256, ec)),
        // Right in all but that it is not on the list.
        ("RS384 signs, RS384".to_owned(), by(good, ("RS384", rsa_kid), Algorithm::RS384, &rsa.key)),
    ]);
    let next = new_key(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let next_kid = good.keys.next_kid.as_str().unwrap();
    let token = by(good, ("ES256", next_kid), Algorithm::ES256, &next);
    all.push(("a foreign key of the next key's name".to_owned(), token));
    all
}

/// What the client or everybody knows, as the secret of an HMAC.
fn shared_secrets(good: &Good<'_>, rsa: &Rsa) -> Vec<Attack> {
    let (modulus, exponent) = (member(&rsa.jwk, "n"), member(&rsa.jwk, "e"));
    let der = rsa_public_key(&modulus, &exponent);
    let secrets = [
        ("PEM", pem(&der).into_bytes()),
        ("DER", der),
        ("JWK", rsa.jwk.to_string().into_bytes()),
        ("modulus", modulus),
        ("the client's secret", CLIENT_SECRET.as_bytes().to_vec()),
    ];
    let mut all = named("HS256, RSA", secrets, |secret: Vec<u8>| {
        by(good, ("HS256", &rsa.kid), Algorithm::HS256, &EncodingKey::from_secret(&secret))
    });
    let secret = EncodingKey::from_secret(CLIENT_SECRET.as_bytes());
    for (alg, algorithm) in [("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        let token = by(good, (alg, &good.keys.kid), algorithm, &secret);
        all.push((format!("{alg}: the client's secret"), token));
    }
    let header = json!({ "alg": "HS256", "typ": "JWT" }).to_string();
    let token = signed(&header, &good.claims.to_string(), &secret, Algorithm::HS256);
    all.push(("HS256: the client's secret, no kid".to_owned(), token));
    all
}

/// Signatures under RS256 that are none.
fn rsa_signatures(good: &Good<'_>, rsa: &Rsa) -> Vec<Attack> {
    let token = by(good, ("RS256", &rsa.kid), Algorithm::RS256, &rsa.key);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let whole = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let mut flipped = whole.clone();
    flipped[255] ^= 1;
    let rows = [
        ("empty", vec![]),
        ("zeros", vec![0; 256]),
        ("one", [vec![0; 255], vec![1]].concat()),
        ("a byte short", whole[..255].to_vec()),
        ("a byte more", [&*whole, &[0]].concat()),
        ("a bit flipped", flipped),
    ];
    named("RSA signature", rows, |bytes: Vec<u8>| format!("{message}.{}", BASE64URL_NOPAD.encode(&bytes)))
}

/// Other kinds of token by their header: the long form of `typ`, and five parts as JWE has them (RFC 7516).
fn kinds(good: &Good<'_>) -> Vec<Attack> {
    let types = ["application/JWT", "application/at+jwt", "JWT "].map(|typ| (typ, json!(typ)));
    let encrypted = ["RSA-OAEP", "dir", "ECDH-ES"].map(|alg| (alg, alg));
    [
        named("typ", types, |value| good.with_header("typ", value)),
        named("encrypted", encrypted, |alg| {
            let header = json!({ "alg": alg, "enc": "A256GCM", "kid": good.keys.kid });
            format!("{}.AAAA.AAAA", good.signed(&header, &good.claims))
        }),
    ]
    .concat()
}

/// Another client's, person's or sign-in's.
fn whose(good: &Good<'_>) -> Vec<Attack> {
    let aud = good.claims["aud"].clone();
    let audiences = [
        ("a list of others", json!(["somebody-else"])),
        ("an empty list", json!([])),
        ("ours in a list in a list", json!([[aud]])),
        ("ours and no text", json!([aud, 7])),
        ("ours with an end", json!(format!("{}2", aud.as_str().unwrap()))),
        ("ours before a space", json!(format!("{} ", aud.as_str().unwrap()))),
        ("ours in a text with others", json!(format!("{} somebody-else", aud.as_str().unwrap()))),
        ("a number", json!(7)),
        ("an object", json!({ "aud": aud })),
    ];
    let nonces = [
        ("missing", Value::Null),
        ("empty", json!("")),
        ("another", json!("A".repeat(43))),
        ("ours with an end", json!(format!("{}A", good.claims["nonce"].as_str().unwrap()))),
        ("ours without its end", json!(good.claims["nonce"].as_str().unwrap()[..42])),
        ("a list", json!([good.claims["nonce"]])),
        ("yes", json!(true)),
    ];
    let people = [
        ("sub: empty", "sub", json!("")),
        ("sub: 256 characters", "sub", json!("x".repeat(256))),
        ("sub: a number", "sub", json!(7)),
        ("sub: another of the provider's", "sub", json!("olga-2")),
        ("email: missing", "email", Value::Null),
        ("email: somebody else's", "email", json!("ana@acme.example")),
        ("email: a list", "email", json!([good.claims["email"]])),
        ("email_verified: no", "email_verified", json!(false)),
        ("email_verified: no, as a text", "email_verified", json!("false")),
        ("email_verified: 1", "email_verified", json!(1)),
        ("email_verified: a list", "email_verified", json!([true])),
        ("azp: another client", "azp", json!("somebody-else")),
        ("azp: empty", "azp", json!("")),
        ("azp: a list", "azp", json!([aud])),
    ];
    let mut all = named("audience", audiences, |value| good.with_claim("aud", value));
    all.extend(named("nonce", nonces, |value| good.with_claim("nonce", value)));
    all.extend(people.map(|(what, name, value)| (what.to_owned(), good.with_claim(name, value))));
    let several = changed(&good.claims, "aud", json!([aud, "somebody-else"]));
    for (what, azp) in [("none", Value::Null), ("another", json!("somebody-else")), ("a list", json!([aud]))]
    {
        let claims = changed(&several, "azp", azp);
        all.push((format!("audience: several, azp {what}"), good.signed(&good.header, &claims)));
    }
    all
}

/// Times that no other claim makes good.
fn when(good: &Good<'_>) -> Vec<Attack> {
    let now = good.claims["iat"].as_i64().unwrap();
    let expires = [("a second ago", json!(now - 1)), ("1970", json!(0)), ("before 1970", json!(-1))];
    let issued = [
        ("in two minutes", json!(now + 120)),
        ("in milliseconds", json!(now * 1000)),
        ("huge", json!(1e300)),
        ("a text", json!(now.to_string())),
        ("yes", json!(true)),
    ];
    [
        named("expires", expires, |value| good.with_claim("exp", value)),
        named("iat", issued, |value| good.with_claim("iat", value)),
        named("begins", [("in two minutes", json!(now + 120))], |value| good.with_claim("nbf", value)),
    ]
    .concat()
}

/// Each claim that counts, twice: whichever of the two a reader takes, another one may have taken the other
/// (RFC 8725 §2.6, and RFC 7519 §4, which has them refused or the last one taken).
fn twice(good: &Good<'_>) -> Vec<Attack> {
    let now = good.claims["iat"].as_i64().unwrap();
    let whole = changed(&changed(&good.claims, "azp", good.claims["aud"].clone()), "nbf", json!(now));
    let others = [
        ("iss", json!("https://attacker.example")),
        ("sub", json!("olga-2")),
        ("aud", json!("somebody-else")),
        ("azp", json!("somebody-else")),
        ("exp", json!(1)),
        ("iat", json!(now + 3600)),
        ("nbf", json!(now + 3600)),
        ("nonce", json!("another")),
        ("email", json!("ana@acme.example")),
        ("email_verified", json!(false)),
    ];
    let mut all = Vec::new();
    for (name, other) in others {
        for (which, claims) in [
            ("the first one wrong", with_first(&whole, name, &other)),
            ("the last one wrong", with_twice(&whole, name, &other)),
            ("alike", with_twice(&whole, name, &whole[name])),
        ] {
            all.push((format!("{name} twice, {which}"), good.signed_text(&good.header.to_string(), &claims)));
        }
    }
    all
}

/// Claims that are told otherwise than as an object's fields.
fn texts(good: &Good<'_>) -> Vec<Attack> {
    let claims = &good.claims;
    let escaped = with_first(claims, "iss", &json!("https://attacker.example"));
    let by_place = json!([
        claims["iss"],
        claims["sub"],
        claims["aud"],
        null,
        claims["exp"],
        claims["iat"],
        null,
        claims["nonce"],
        claims["email"],
        true
    ]);
    named(
        "ID claims",
        [
            ("iss twice, one in escapes", escaped.replacen("\"iss\"", "\"\\u0069ss\"", 1)),
            ("values without names", by_place.to_string()),
            ("in a field", json!({ "claims": claims }).to_string()),
        ],
        |claims: String| good.signed_text(&good.header.to_string(), &claims),
    )
}
