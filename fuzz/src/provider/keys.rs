//! What can sign an ID token: the provider's keys, a stranger's, and what is no key for it.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair,
};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::tenant::CLIENT_SECRET;

/// A key pair. All but the last one are published unless the fuzzer says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// P-256.
    Ec,
    /// RSA of 2,048 bits, for whatever algorithm.
    Rsa,
    /// Ed25519.
    Ed,
    /// P-384, which is sound, and for no algorithm on the list.
    P384,
    /// P-256, and somebody else's.
    Stranger,
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// By a key, with an algorithm.
    With(Key, Algorithm),
    /// With our own secret at the provider, which whoever has a client secret could do.
    ClientSecret,
    /// With the public half of a key as a secret, which everybody has.
    PublicKey,
    /// Not at all.
    Nobody,
    /// With the signature of a token that works.
    Copied,
    /// There is no header and no claims: the token is any text.
    Text,
}

/// What a first byte chooses among.
pub const SIGNERS: [Signer; 12] = [
    Signer::With(Key::Ec, Algorithm::ES256),
    Signer::With(Key::Rsa, Algorithm::RS256),
    Signer::With(Key::Rsa, Algorithm::PS256),
    Signer::With(Key::Ed, Algorithm::EdDSA),
    Signer::With(Key::P384, Algorithm::ES384),
    Signer::With(Key::Rsa, Algorithm::RS512),
    Signer::With(Key::Stranger, Algorithm::ES256),
    Signer::ClientSecret,
    Signer::PublicKey,
    Signer::Nobody,
    Signer::Copied,
    Signer::Text,
];

/// A signature that is good, by whom and how.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The whole token.
    pub token: String,
    /// The key.
    pub key: Key,
    /// What the algorithm is called.
    pub algorithm: String,
}

/// A key pair, and the members of its JWK that say what it is.
#[derive(Debug)]
struct Pair {
    key: Key,
    private: EncodingKey,
    public: Value,
}

/// All of them.
#[derive(Debug)]
pub struct Keys(Vec<Pair>);

/// The keys of this process.
///
/// # Panics
/// When none can be made.
pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let pair = |key, private: EncodingKey, algorithm| {
            let jwk = Jwk::from_encoding_key(&private, algorithm).expect("a public half");
            let mut public = serde_json::to_value(jwk).expect("a JWK is JSON");
            public.as_object_mut().expect("an object").remove("alg");
            Pair { key, private, public }
        };
        let ec = |algorithm: &'static EcdsaSigningAlgorithm| {
            let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
            EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("a key in PKCS #8").as_ref())
        };
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let rsa: Pkcs8V1Der<'_> = rsa.as_der().expect("a key in PKCS #8");
        // The library wants the `RSAPrivateKey` inside, which for keys of this size begins here.
        let rsa = EncodingKey::from_rsa_der(&rsa.as_ref()[26..]);
        let ed = Ed25519KeyPair::generate().expect("a key");
        let ed = EncodingKey::from_ed_der(ed.to_pkcs8v1().expect("a key in PKCS #8").as_ref());
        Keys(vec![
            pair(Key::Ec, ec(&ECDSA_P256_SHA256_FIXED_SIGNING), Algorithm::ES256),
            pair(Key::Rsa, rsa, Algorithm::RS256),
            pair(Key::Ed, ed, Algorithm::EdDSA),
            pair(Key::P384, ec(&ECDSA_P384_SHA384_FIXED_SIGNING), Algorithm::ES384),
            pair(Key::Stranger, ec(&ECDSA_P256_SHA256_FIXED_SIGNING), Algorithm::ES256),
        ])
    })
}

impl Keys {
    fn pair(&self, key: Key) -> &Pair {
        self.0.iter().find(|pair| pair.key == key).expect("all are there")
    }

    /// The members of a key's JWK that say what it is, as they stand between braces.
    #[must_use]
    pub fn members(&self, key: Key) -> String {
        let object = self.pair(key).public.to_string();
        object.trim_matches(['{', '}']).to_owned()
    }

    /// The key that a JWK is of. By its first coordinate or its modulus alone: what else it says can be wrong.
    #[must_use]
    pub fn of(&self, jwk: &Value) -> Option<Key> {
        let same = |public: &Value| {
            ["x", "n"].iter().any(|name| public[name].is_string() && public[name] == jwk[name])
        };
        self.0.iter().find(|pair| same(&pair.public)).map(|pair| pair.key)
    }

    /// Whether a JWK says all that there is to say about the key that it is of.
    ///
    /// # Panics
    /// Never: what was made is an object.
    #[must_use]
    pub fn is_whole(&self, key: Key, jwk: &Value) -> bool {
        let public = self.pair(key).public.as_object().expect("an object");
        public.iter().all(|(name, value)| jwk[name] == *value)
    }

    /// A token with this header and these claims, and what its signature is worth.
    ///
    /// # Panics
    /// When it cannot be signed.
    #[must_use]
    pub fn sign(&self, signer: Signer, parts: [&[u8]; 2], good: &Signed) -> (String, Option<Signed>) {
        let message = parts.map(|part| BASE64URL_NOPAD.encode(part)).join(".");
        let by = |key: &EncodingKey, algorithm| {
            let signature = crypto::sign(message.as_bytes(), key, algorithm).expect("it is signed");
            format!("{message}.{signature}")
        };
        match signer {
            Signer::With(key, algorithm) => {
                let token = by(&self.pair(key).private, algorithm);
                let algorithm = format!("{algorithm:?}");
                (token.clone(), Some(Signed { token, key, algorithm }))
            }
            Signer::ClientSecret => {
                (by(&EncodingKey::from_secret(CLIENT_SECRET.as_bytes()), Algorithm::HS256), None)
            }
            Signer::PublicKey => {
                let public = self.pair(Key::Ec).public["x"].to_string();
                (by(&EncodingKey::from_secret(public.as_bytes()), Algorithm::HS256), None)
            }
            Signer::Nobody => (format!("{message}."), None),
            Signer::Copied | Signer::Text => {
                let signature = good.token.rsplit('.').next().unwrap_or_default();
                (format!("{message}.{signature}"), None)
            }
        }
    }
}

impl Signer {
    /// The header of a token that is signed so.
    #[must_use]
    pub fn header(self) -> Value {
        match self {
            Self::With(key, algorithm) => json!({ "alg": algorithm, "kid": key.name(), "typ": "JWT" }),
            Self::ClientSecret | Self::PublicKey => json!({ "alg": "HS256", "kid": "ec", "typ": "JWT" }),
            Self::Nobody => json!({ "alg": "none", "kid": "ec", "typ": "JWT" }),
            Self::Copied | Self::Text => json!({ "alg": "ES256", "kid": "ec", "typ": "JWT" }),
        }
    }
}

impl Key {
    /// What it is called where it is published.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ec | Self::Stranger => "ec",
            Self::Rsa => "rsa",
            Self::Ed => "ed",
            Self::P384 => "ec384",
        }
    }
}
