//! The provider's keys: those that it publishes, and one that it does not.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair,
};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::CLIENT_SECRET;
use super::behaviour::Alg;
use super::form::merge;

/// Slow to make, so one for the whole process: [`Provider::rotate`] only gives it another name.
static RSA: LazyLock<EncodingKey> = LazyLock::new(|| {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().expect("a key in PKCS #8");
    // jsonwebtoken wants the `RSAPrivateKey` inside, which for keys of this size begins here.
    EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..])
});

pub(super) struct Keys {
    pub(super) generation: u32,
    pub(super) p256: EncodingKey,
    pub(super) p384: EncodingKey,
    pub(super) ed25519: EncodingKey,
    /// Published for another use.
    pub(super) encryption: EncodingKey,
    /// Not published.
    pub(super) foreign: EncodingKey,
}

impl Keys {
    pub(super) fn generate(generation: u32) -> Self {
        let ec = |algorithm: &'static EcdsaSigningAlgorithm| {
            let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
            EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("a key in PKCS #8").as_ref())
        };
        let ed25519 = Ed25519KeyPair::generate().expect("a key");
        Self {
            generation,
            p256: ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            p384: ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            // In version 2 of PKCS #8, jsonwebtoken does not find the public half.
            ed25519: EncodingKey::from_ed_der(ed25519.to_pkcs8v1().expect("a key in PKCS #8").as_ref()),
            encryption: ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            foreign: ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
        }
    }

    pub(super) fn kid(&self, name: &str) -> String {
        format!("{name}-{}", self.generation)
    }

    /// What signs so: algorithm, name and key; `None` where nothing does.
    pub(super) fn signer(&self, alg: Alg) -> Option<(Algorithm, String, EncodingKey)> {
        let (algorithm, name, key) = match alg {
            Alg::ES256 => (Algorithm::ES256, "ec", &self.p256),
            Alg::RS256 => (Algorithm::RS256, "rsa", &*RSA),
            Alg::PS256 => (Algorithm::PS256, "rsa", &*RSA),
            Alg::EdDSA => (Algorithm::EdDSA, "ed", &self.ed25519),
            Alg::ES384 => (Algorithm::ES384, "ec384", &self.p384),
            Alg::None => return None,
            Alg::Hs256WithClientSecret => {
                (Algorithm::HS256, "ec", &EncodingKey::from_secret(CLIENT_SECRET.as_bytes()))
            }
            Alg::ForeignKey => (Algorithm::ES256, "ec", &self.foreign),
            Alg::ForeignKidUnknown => (Algorithm::ES256, "unknown", &self.foreign),
            Alg::EncryptionKey => (Algorithm::ES256, "encryption", &self.encryption),
        };
        Some((algorithm, self.kid(name), key.clone()))
    }

    pub(super) fn public(&self) -> Vec<Value> {
        let jwk = |name: &str, key: &EncodingKey, algorithm: Algorithm, changes: Value| {
            let jwk = Jwk::from_encoding_key(key, algorithm).expect("a public half");
            let mut jwk = serde_json::to_value(jwk).expect("a JWK is JSON");
            merge(&mut jwk, &json!({ "kid": self.kid(name), "use": "sig" }));
            merge(&mut jwk, &changes);
            jwk
        };
        vec![
            jwk("encryption", &self.encryption, Algorithm::ES256, json!({ "use": "enc", "alg": "ECDH-ES" })),
            jwk("ec", &self.p256, Algorithm::ES256, json!({})),
            jwk("ec384", &self.p384, Algorithm::ES384, json!({})),
            jwk("ed", &self.ed25519, Algorithm::EdDSA, json!({})),
            // For RS256 and PS256 alike.
            jwk("rsa", &RSA, Algorithm::RS256, json!({ "alg": null })),
        ]
    }
}
