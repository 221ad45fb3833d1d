//! Signatures that are none, of another form, or by another key.

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, Ed25519KeyPair};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;

use super::{Attack, named};
use crate::tokens::der::ecdsa_signature;
use crate::tokens::forge::{Good, changed, new_key, signed, unsigned};

/// The order of P-256: `r` and `s` are below it.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

pub(super) fn of(good: &Good<'_>) -> Vec<Attack> {
    [forms(good), nones(good), shared_secrets(good), other_keys(good)].concat()
}

fn order() -> Vec<u8> {
    HEXLOWER.decode(ORDER.as_bytes()).unwrap()
}

/// The same signature with the order less `s` in the place of `s`: as good as the first one by ECDSA itself, and
/// anybody can compute it.
pub(in crate::tokens) fn with_the_other_s(good: &Good<'_>) -> String {
    let whole = good.signature();
    let (r, s) = whole.split_at(32);
    let mut other = order();
    let mut borrow = false;
    for (left, right) in other.iter_mut().zip(s).rev() {
        let (less, first) = left.overflowing_sub(*right);
        let (less, second) = less.overflowing_sub(borrow.into());
        (*left, borrow) = (less, first || second);
    }
    good.with_signature(&[r, &*other].concat())
}

/// 64 bytes by our key, and what is not quite that.
fn forms(good: &Good<'_>) -> Vec<Attack> {
    let whole = good.signature();
    let (r, s) = whole.split_at(32);
    let order = order();
    let [_, claims, _] = good.parts();
    let of_the_claims = sign(claims.as_bytes(), &good.keys.ours, Algorithm::ES256).unwrap();
    let mut flipped = whole.clone();
    flipped[63] ^= 1;
    named(
        "signature",
        [
            ("empty", vec![]),
            ("zeros", vec![0; 64]),
            ("ones", vec![0xff; 64]),
            ("r is zero", [&[0; 32], s].concat()),
            ("s is zero", [r, &[0; 32]].concat()),
            ("the order twice", [&*order, &*order].concat()),
            ("s is the order", [r, &*order].concat()),
            ("r and s swapped", [s, r].concat()),
            ("r alone", r.to_vec()),
            ("a byte short", whole[..63].to_vec()),
            ("a byte more", [&*whole, &[0]].concat()),
            ("a byte before", [&[0], &*whole].concat()),
            ("twice", whole.repeat(2)),
            ("a bit flipped", flipped),
            ("in DER", ecdsa_signature(r, s)),
            ("of the claims alone", BASE64URL_NOPAD.decode(of_the_claims.as_bytes()).unwrap()),
        ],
        |bytes: Vec<u8>| good.with_signature(&bytes),
    )
}

/// Tokens that say that they need no signature (RFC 8725 §3.2), without one and with the good one.
fn nones(good: &Good<'_>) -> Vec<Attack> {
    let mut all = Vec::new();
    for alg in ["none", "None", "nOnE", "NONE"] {
        let header = changed(&good.header, "alg", json!(alg)).to_string();
        let message = unsigned(&header, &good.claims.to_string());
        let signature = good.parts()[2];
        all.push((format!("alg {alg}: no signature"), format!("{message}.")));
        all.push((format!("alg {alg}: no third part"), message.clone()));
        all.push((format!("alg {alg}: the good signature"), format!("{message}.{signature}")));
    }
    all
}

/// What everybody can read, as the secret of an HMAC (RFC 8725 §2.1).
fn shared_secrets(good: &Good<'_>) -> Vec<Attack> {
    let keys = good.keys;
    let hmac = |alg: &str, algorithm: Algorithm, secret: &[u8]| {
        let header = changed(&good.header, "alg", json!(alg)).to_string();
        signed(&header, &good.claims.to_string(), &EncodingKey::from_secret(secret), algorithm)
    };
    let pem = keys.pem();
    let secrets = [
        ("PEM", pem.clone().into_bytes()),
        ("PEM without the last line break", pem.trim_end().as_bytes().to_vec()),
        ("DER", keys.der()),
        ("JWK", keys.jwk.to_string().into_bytes()),
        ("JWKS", keys.jwks.clone().into_bytes()),
        ("point", keys.point()),
        ("point without its first byte", keys.point()[1..].to_vec()),
        ("x", keys.coordinate("x")),
        ("x in base64url", keys.jwk["x"].as_str().unwrap().as_bytes().to_vec()),
        ("kid", keys.kid.clone().into_bytes()),
        ("nothing", vec![]),
    ];
    let mut all = named("HS256", secrets, |secret: Vec<u8>| hmac("HS256", Algorithm::HS256, &secret));
    all.push(("HS384: PEM".to_owned(), hmac("HS384", Algorithm::HS384, pem.as_bytes())));
    all.push(("HS512: PEM".to_owned(), hmac("HS512", Algorithm::HS512, pem.as_bytes())));
    // The signature of one algorithm under the name of another.
    all.push(("ES256 by HMAC".to_owned(), hmac("ES256", Algorithm::HS256, pem.as_bytes())));
    all
}

/// Keys of an attacker's under the name of ours, also of other algorithms.
fn other_keys(good: &Good<'_>) -> Vec<Attack> {
    let ed25519 = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
    let p384 = new_key(&ECDSA_P384_SHA384_FIXED_SIGNING);
    let by = |algorithm: Algorithm, key: &EncodingKey| {
        let header = changed(&good.header, "alg", json!(algorithm)).to_string();
        signed(&header, &good.claims.to_string(), key, algorithm)
    };
    vec![
        ("a foreign key of our key's name".to_owned(), by(Algorithm::ES256, &good.keys.foreign)),
        ("a foreign key for ES384".to_owned(), by(Algorithm::ES384, &p384)),
        (
            "a foreign key for EdDSA".to_owned(),
            by(Algorithm::EdDSA, &EncodingKey::from_ed_der(ed25519.as_ref())),
        ),
    ]
}
