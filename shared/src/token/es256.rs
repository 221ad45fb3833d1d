//! ES256 (RFC 7518 §3.4): signatures of 64 bytes, base64url without padding, by keys that are read once.
//! `jsonwebtoken` would read and check a key anew for each of them. docs/decisions/0029.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey,
};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;

use crate::failure::Failure;

/// A private key, and what it is called.
pub struct SigningKey {
    kid: String,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    /// The key of a PKCS #8 document.
    ///
    /// # Errors
    /// [`Failure::Internal`] when it is none of P-256.
    pub(super) fn from_pkcs8(kid: &str, pkcs8: &[u8]) -> Result<Self, Failure> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8);
        Ok(Self { kid: kid.to_owned(), pair: pair.map_err(|_| damaged())? })
    }

    /// What it is called.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The signature of a message.
    ///
    /// # Errors
    /// [`Failure::Internal`] when there is no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<String, Failure> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        let signature = signature.map_err(|_| Failure::Internal("nothing could be signed".into()))?;
        Ok(BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey {}", self.kid)
    }
}

/// A public key.
#[derive(Debug)]
pub struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// The key of a JWK.
    ///
    /// # Errors
    /// [`Failure::Internal`] when its coordinates are no point of P-256.
    pub(super) fn from_jwk(jwk: &Jwk) -> Result<Self, Failure> {
        let key = DecodingKey::from_jwk(jwk).map_err(|_| damaged())?;
        let point = key.try_get_as_bytes().map_err(|_| damaged())?;
        Ok(Self(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| damaged())?))
    }

    /// Whether a signature is this key's for a message.
    #[must_use]
    pub fn is_good(&self, message: &[u8], signature: &str) -> bool {
        BASE64URL_NOPAD
            .decode(signature.as_bytes())
            .is_ok_and(|signature| self.0.verify_sig(message, &signature).is_ok())
    }
}

fn damaged() -> Failure {
    Failure::Internal("signing keys: a key is damaged".into())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::crypto::verify;
    use jsonwebtoken::{Algorithm, DecodingKey};
    use serde_json::json;

    use super::*;

    /// Project Wycheproof's `ecdsa_secp256r1_sha256_p1363_test.json`, a line for each: number, verdict, the key's
    /// two coordinates, message and signature, base64url; `-` is empty. <https://github.com/C2SP/wycheproof>
    const VECTORS: &str = include_str!("ecdsa_p256.txt");

    /// RFC 7515 A.3: the key's two coordinates, what is signed, and the signature.
    const EXAMPLE: [&str; 4] = [
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
         cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    ];

    fn key(x: &str, y: &str) -> Result<VerifyingKey, Failure> {
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        VerifyingKey::from_jwk(&serde_json::from_value(jwk).unwrap())
    }

    #[test]
    fn signatures_are_judged_as_wycheproof_does() {
        let mut count = 0;
        for line in VECTORS.lines() {
            let parts: Vec<_> = line.split(' ').map(|part| if part == "-" { "" } else { part }).collect();
            let [number, verdict, x, y, message, signature] = parts[..] else { panic!("{line}") };
            let message = BASE64URL_NOPAD.decode(message.as_bytes()).unwrap();
            let is_good = key(x, y).is_ok_and(|key| key.is_good(&message, signature));
            assert_eq!(is_good, verdict == "valid", "vector {number}");
            // By the same library as a provider's ID token.
            let is_good = DecodingKey::from_ec_components(x, y)
                .is_ok_and(|key| verify(signature, &message, &key, Algorithm::ES256).unwrap_or(false));
            assert_eq!(is_good, verdict == "valid", "vector {number}, as an ID token's");
            count += 1;
        }
        assert_eq!(count, 262);
    }

    #[test]
    fn the_example_of_rfc_7515_is_good_and_nothing_near_it() {
        let [x, y, message, signature] = EXAMPLE;
        let key = key(x, y).unwrap();
        assert!(key.is_good(message.as_bytes(), signature));
        for at in 0..message.len() {
            let mut changed = message.as_bytes().to_vec();
            changed[at] ^= 1;
            assert!(!key.is_good(&changed, signature), "byte {at} of the message");
        }
        let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = BASE64URL_NOPAD.encode(&changed);
            assert!(!key.is_good(message.as_bytes(), &changed), "bit {bit} of the signature");
        }
        // The last character has four bits that say nothing; another one would be a second text for one token.
        for other in [format!("{signature}="), format!("{signature}=="), signature.replace("U1Q", "U1R")] {
            assert!(!key.is_good(message.as_bytes(), &other), "{other}");
        }
    }

    #[test]
    fn what_is_no_point_of_the_curve_is_no_key() {
        let [x, y, ..] = EXAMPLE;
        let nothing = BASE64URL_NOPAD.encode(&[0; 32]);
        assert!(key(x, y).is_ok());
        for (x, y) in [(y, x), (x, x), (x, &nothing), (&nothing, &nothing), (x, &y[..40]), ("", "")] {
            assert!(key(x, y).is_err(), "{x} {y}");
        }
    }
}
