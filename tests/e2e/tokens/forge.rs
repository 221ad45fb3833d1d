//! What bad tokens are made of: a good one, and more than any attacker has, the key that signs included.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;
use tests::provider::{Alg, Provider};
use tests::{App, part};

use super::der;

/// The keys of a stack, or of a provider, and one that is an attacker's.
pub(super) struct Keys {
    /// What the key is called that signs.
    pub(super) kid: String,
    pub(super) ours: EncodingKey,
    pub(super) foreign: EncodingKey,
    /// Where an attacker could publish that one.
    pub(super) foreign_url: String,
    /// The public keys as they are served.
    pub(super) jwks: String,
    /// The public half of the key that signs.
    pub(super) jwk: Value,
    /// What another key is called: of ours the one that signs next.
    pub(super) next_kid: Value,
}

/// A new key of no use here.
pub(super) fn new_key(algorithm: &'static EcdsaSigningAlgorithm) -> EncodingKey {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
}

/// The public half of a key for ES256.
pub(super) fn jwk_of(key: &EncodingKey) -> Value {
    serde_json::to_value(Jwk::from_encoding_key(key, Algorithm::ES256).unwrap()).unwrap()
}

impl Keys {
    fn new(
        (kid, ours): (String, EncodingKey),
        jwks: String,
        (foreign, foreign_url): (EncodingKey, String),
    ) -> Self {
        let published: Value = serde_json::from_str(&jwks).unwrap();
        let published = published["keys"].as_array().unwrap();
        let jwk = published.iter().find(|jwk| jwk["kid"] == *kid).unwrap();
        let next = published.iter().rfind(|jwk| jwk["kid"] != *kid).unwrap();
        Self { foreign, foreign_url, jwk: jwk.clone(), next_kid: next["kid"].clone(), jwks, ours, kid }
    }

    pub(super) async fn of(app: &App) -> Self {
        let (kid, pkcs8) = app.signing_key().await;
        let served = app.anonymous().get("/.well-known/jwks.json").await;
        let foreign = new_key(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let url = "https://attacker.example/jwks.json".to_owned();
        Self::new((kid, EncodingKey::from_ec_der(&pkcs8)), served.text, (foreign, url))
    }

    /// Those of an identity provider, and the key of another one, which publishes it.
    pub(super) fn of_provider(provider: &Provider, attacker: &Provider) -> Self {
        let (_, foreign) = attacker.signing_key(Alg::ES256);
        let url = format!("{}/jwks", attacker.issuer());
        Self::new(provider.signing_key(Alg::ES256), provider.jwks().to_string(), (foreign, url))
    }

    /// The public half of the foreign key, as a token can bring it.
    pub(super) fn foreign_jwk(&self) -> Value {
        jwk_of(&self.foreign)
    }

    /// `x` or `y` of the key that signs.
    pub(super) fn coordinate(&self, name: &str) -> Vec<u8> {
        member(&self.jwk, name)
    }

    /// The public half as a point.
    pub(super) fn point(&self) -> Vec<u8> {
        point(&self.jwk)
    }

    pub(super) fn der(&self) -> Vec<u8> {
        der::ec_public_key(&self.point())
    }

    pub(super) fn pem(&self) -> String {
        pem(&self.der())
    }

    /// A certificate of the foreign key, as `x5c` has it (RFC 7515 §4.1.6).
    pub(super) fn foreign_certificate(&self) -> String {
        BASE64.encode(&der::certificate(&point(&self.foreign_jwk()), &self.foreign))
    }
}

/// A member of a JWK that is a number.
pub(super) fn member(jwk: &Value, name: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(jwk[name].as_str().unwrap().as_bytes()).unwrap()
}

fn point(jwk: &Value) -> Vec<u8> {
    [vec![4], member(jwk, "x"), member(jwk, "y")].concat()
}

/// A public key as PEM (RFC 7468).
pub(super) fn pem(der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
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

/// An object's text, with one field more at its beginning.
pub(super) fn with_first(object: &Value, name: &str, value: &Value) -> String {
    let text = object.to_string();
    format!("{{{}:{value},{}", Value::from(name), text.strip_prefix('{').unwrap())
}
