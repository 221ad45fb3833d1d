//! What bad tokens are made of: a good one, and more than any attacker has, the key that signs included.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;
use tests::{App, part};

/// What stands before a point of P-256 in a `SubjectPublicKeyInfo` (RFC 5480).
const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";

/// The keys of a stack, and one that is an attacker's.
pub(super) struct Keys {
    /// What the key is called that signs.
    pub(super) kid: String,
    pub(super) ours: EncodingKey,
    pub(super) foreign: EncodingKey,
    /// The public keys as they are served.
    pub(super) jwks: String,
    /// The public half of the key that signs.
    pub(super) jwk: Value,
    /// What the key is called that signs next.
    pub(super) next_kid: Value,
}

/// A new key of no use here.
pub(super) fn new_key(algorithm: &'static EcdsaSigningAlgorithm) -> EncodingKey {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
}

impl Keys {
    pub(super) async fn of(app: &App) -> Self {
        let (kid, pkcs8) = app.signing_key().await;
        let served = app.anonymous().get("/.well-known/jwks.json").await;
        let (signs, next): (Vec<_>, Vec<_>) =
            served.body["keys"].as_array().unwrap().iter().partition(|jwk| jwk["kid"] == *kid);
        Self {
            ours: EncodingKey::from_ec_der(&pkcs8),
            foreign: new_key(&ECDSA_P256_SHA256_FIXED_SIGNING),
            jwk: signs[0].clone(),
            next_kid: next[0]["kid"].clone(),
            jwks: served.text.clone(),
            kid,
        }
    }

    /// The public half of the foreign key, as a token can bring it.
    pub(super) fn foreign_jwk(&self) -> Value {
        serde_json::to_value(Jwk::from_encoding_key(&self.foreign, Algorithm::ES256).unwrap()).unwrap()
    }

    /// `x` or `y` of the key that signs.
    pub(super) fn coordinate(&self, name: &str) -> Vec<u8> {
        BASE64URL_NOPAD.decode(self.jwk[name].as_str().unwrap().as_bytes()).unwrap()
    }

    /// The public half as a point.
    pub(super) fn point(&self) -> Vec<u8> {
        [vec![4], self.coordinate("x"), self.coordinate("y")].concat()
    }

    pub(super) fn der(&self) -> Vec<u8> {
        [HEXLOWER.decode(SPKI.as_bytes()).unwrap(), self.point()].concat()
    }

    pub(super) fn pem(&self) -> String {
        let text = BASE64.encode(&self.der());
        let (first, second) = text.split_at(64);
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
    }
}

/// Any header and claims, signed by any key.
pub(super) fn signed(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = unsigned(header, claims);
    let signature = sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// What a signature is made over.
pub(super) fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(claims.as_bytes()))
}

/// A token that works.
pub(super) struct Good<'a> {
    pub(super) token: &'a str,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) keys: &'a Keys,
}

impl<'a> Good<'a> {
    pub(super) fn of(token: &'a str, keys: &'a Keys) -> Self {
        Self { token, header: part(token, 0), claims: part(token, 1), keys }
    }

    pub(super) fn parts(&self) -> [&str; 3] {
        let mut parts = self.token.split('.');
        std::array::from_fn(|_| parts.next().unwrap())
    }

    pub(super) fn signature(&self) -> Vec<u8> {
        BASE64URL_NOPAD.decode(self.parts()[2].as_bytes()).unwrap()
    }

    /// The same with another signature.
    pub(super) fn with_signature(&self, signature: &[u8]) -> String {
        let [header, claims, _] = self.parts();
        format!("{header}.{claims}.{}", BASE64URL_NOPAD.encode(signature))
    }

    /// The same with a field of the header that is different, signed by us; null takes it out.
    pub(super) fn with_header(&self, name: &str, value: Value) -> String {
        self.signed(&changed(&self.header, name, value), &self.claims)
    }

    /// The same with a claim that is different, signed by us; null takes it out.
    pub(super) fn with_claim(&self, name: &str, value: Value) -> String {
        self.signed(&self.header, &changed(&self.claims, name, value))
    }

    /// Any header and claims, signed by us.
    pub(super) fn signed(&self, header: &Value, claims: &Value) -> String {
        self.signed_text(&header.to_string(), &claims.to_string())
    }

    /// Texts in the place of header and claims, signed by us.
    pub(super) fn signed_text(&self, header: &str, claims: &str) -> String {
        signed(header, claims, &self.keys.ours, Algorithm::ES256)
    }
}

/// An object with a field that is different; null takes it out.
pub(super) fn changed(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    let fields = object.as_object_mut().unwrap();
    if value.is_null() {
        fields.remove(name);
    } else {
        fields.insert(name.to_owned(), value);
    }
    object
}

/// An object's text, with one field more at its end.
pub(super) fn with_twice(object: &Value, name: &str, value: &Value) -> String {
    let text = object.to_string();
    format!("{},{}:{value}}}", text.strip_suffix('}').unwrap(), Value::from(name))
}
