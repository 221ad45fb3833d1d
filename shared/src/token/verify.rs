//! Reading tokens. What is not exactly a token of ours is [`Failure::Token`], whatever is wrong.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, crypto};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::keys::KeySet;
use super::{ACCESS_TYPE, AccessClaims, Claims, MAX_CHARS, REFRESH_TYPE, RefreshClaims};
use crate::cache::Cached;
use crate::failure::{Failure, Surface};
use crate::private::Private;

/// Verifies tokens.
#[derive(Debug)]
pub struct Verifier {
    keys: Arc<Cached<KeySet>>,
    public_url: String,
    surfaces: Vec<Surface>,
}

/// A token's header, as ours have it. One that says more is not ours: it may bring a key, or ask to be understood.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: Algorithm,
    typ: String,
    kid: String,
}

impl Verifier {
    /// A verifier of the tokens of `surfaces`.
    #[must_use]
    pub fn new(keys: Arc<Cached<KeySet>>, public_url: &str, surfaces: &[Surface]) -> Self {
        Self { keys, public_url: public_url.to_owned(), surfaces: surfaces.to_vec() }
    }

    /// Reads an access token that works at `now`.
    ///
    /// # Errors
    /// [`Failure::Token`].
    pub async fn access(&self, token: &Private, now: i64) -> Result<AccessClaims, Failure> {
        self.verify(token, ACCESS_TYPE, now, Some(now)).await
    }

    /// Reads an access token that may have expired: enough to end its session with.
    ///
    /// # Errors
    /// [`Failure::Token`].
    pub async fn access_of_any_age(&self, token: &Private, now: i64) -> Result<AccessClaims, Failure> {
        self.verify(token, ACCESS_TYPE, now, None).await
    }

    /// Reads a refresh token that works at `now`.
    ///
    /// # Errors
    /// [`Failure::Token`].
    pub async fn refresh(&self, token: &Private, now: i64) -> Result<RefreshClaims, Failure> {
        self.verify(token, REFRESH_TYPE, now, Some(now)).await
    }

    /// Reads a refresh token that may have expired.
    ///
    /// # Errors
    /// [`Failure::Token`].
    pub async fn refresh_of_any_age(&self, token: &Private, now: i64) -> Result<RefreshClaims, Failure> {
        self.verify(token, REFRESH_TYPE, now, None).await
    }

    /// The checks of RFC 8725: a header with one algorithm, one `typ`, a key of ours by `kid` alone and nothing
    /// else; then the signature; then `iss`, `aud`, `nbf` and, when `alive_at` is given, `exp`.
    ///
    /// The library does the signature. Its `decode` would read the header twice and the claims once more, and judge
    /// times by the machine's clock instead of the call's.
    async fn verify<T: Claims>(
        &self,
        token: &Private,
        typ: &str,
        now: i64,
        alive_at: Option<i64>,
    ) -> Result<T, Failure> {
        let token = token.expose();
        if token.len() > MAX_CHARS {
            return Err(Failure::Token);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Failure::Token)?;
        let (header, claims) = signed.split_once('.').ok_or(Failure::Token)?;
        let Header { alg, typ: its_typ, kid } = part(header)?;
        if alg != Algorithm::ES256 || its_typ != typ {
            return Err(Failure::Token);
        }
        let mut keys = self.keys.get(now);
        if keys.verifying(&kid).is_none() {
            keys = self.keys.newer(now).await?;
        }
        let key = keys.verifying(&kid).ok_or(Failure::Token)?;
        if !crypto::verify(signature, signed.as_bytes(), key, Algorithm::ES256).is_ok_and(|good| good) {
            return Err(Failure::Token);
        }
        let claims: T = part(claims)?;
        let common = claims.common();
        let for_us = common.iss == self.public_url
            && self.surfaces.iter().any(|surface| surface.name() == common.aud)
            && common.nbf <= now
            && alive_at.is_none_or(|now| now < common.exp);
        if for_us { Ok(claims) } else { Err(Failure::Token) }
    }
}

/// One of a token's first two parts.
fn part<T: DeserializeOwned>(encoded: &str) -> Result<T, Failure> {
    let json = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| Failure::Token)?;
    serde_json::from_slice(&json).map_err(|_| Failure::Token)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::DecodingKey;
    use jsonwebtoken::crypto::verify;

    use super::*;

    /// Project Wycheproof's `ecdsa_secp256r1_sha256_p1363_test.json`, a line for each: number, verdict, the key's
    /// two coordinates, message and signature, base64url; `-` is empty. <https://github.com/C2SP/wycheproof>
    const VECTORS: &str = include_str!("ecdsa_p256.txt");

    fn is_good(x: &str, y: &str, message: &[u8], signature: &str) -> bool {
        let key = DecodingKey::from_ec_components(x, y).expect("the coordinates are base64url");
        verify(signature, message, &key, Algorithm::ES256).unwrap_or(false)
    }

    #[test]
    fn signatures_are_judged_as_wycheproof_does() {
        let mut count = 0;
        for line in VECTORS.lines() {
            let parts: Vec<_> = line.split(' ').map(|part| if part == "-" { "" } else { part }).collect();
            let [number, verdict, x, y, message, signature] = parts[..] else { panic!("{line}") };
            let message = data_encoding::BASE64URL_NOPAD.decode(message.as_bytes()).unwrap();
            assert_eq!(is_good(x, y, &message, signature), verdict == "valid", "vector {number}");
            count += 1;
        }
        assert_eq!(count, 262);
    }

    #[test]
    fn the_example_of_rfc_7515_is_good_and_nothing_near_it() {
        // RFC 7515 A.3.
        let (x, y) =
            ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                       cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature =
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        assert!(is_good(x, y, message.as_bytes(), signature));
        for at in 0..message.len() {
            let mut changed = message.as_bytes().to_vec();
            changed[at] ^= 1;
            assert!(!is_good(x, y, &changed, signature), "byte {at} of the message");
        }
        let bytes = data_encoding::BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = data_encoding::BASE64URL_NOPAD.encode(&changed);
            assert!(!is_good(x, y, message.as_bytes(), &changed), "bit {bit} of the signature");
        }
    }
}
