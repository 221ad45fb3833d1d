//! Reading tokens. What is not exactly a token of ours is [`Failure::Token`], whatever is wrong.

use std::borrow::Cow;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::keys::KeySet;
use super::{ACCESS_TYPE, AccessClaims, REFRESH_TYPE, RefreshClaims};
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

/// The claims that both kinds of token share and that decide whether one is taken.
#[derive(Deserialize)]
struct Common<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    exp: i64,
    #[serde(default)]
    nbf: i64,
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

    /// The checks of RFC 8725: one algorithm, one `typ`, a key of ours by `kid` alone, no header
    /// that brings a key or that asks to be understood; then `iss`, `aud`, `nbf` and, when
    /// `alive_at` is given, `exp`.
    async fn verify<T: DeserializeOwned>(
        &self,
        token: &Private,
        typ: &str,
        now: i64,
        alive_at: Option<i64>,
    ) -> Result<T, Failure> {
        let token = token.expose();
        let header = decode_header(token).map_err(|_| Failure::Token)?;
        if !is_ours(&header, typ) {
            return Err(Failure::Token);
        }
        let kid = header.kid.ok_or(Failure::Token)?;
        let mut keys = self.keys.get(now);
        if keys.verifying(&kid).is_none() {
            keys = self.keys.newer(now).await?;
        }
        let key = keys.verifying(&kid).ok_or(Failure::Token)?;
        // The library checks the signature. It would judge times by the machine's clock and not by
        // the call's, so those are checked here.
        let mut signature_only = Validation::new(Algorithm::ES256);
        signature_only.required_spec_claims.clear();
        signature_only.validate_exp = false;
        signature_only.validate_nbf = false;
        signature_only.validate_aud = false;
        let claims = decode::<Box<RawValue>>(token, key, &signature_only).map_err(|_| Failure::Token)?.claims;
        let common: Common<'_> = serde_json::from_str(claims.get()).map_err(|_| Failure::Token)?;
        let for_us = common.iss == self.public_url
            && self.surfaces.iter().any(|surface| surface.name() == common.aud)
            && common.nbf <= now
            && alive_at.is_none_or(|now| now < common.exp);
        if !for_us {
            return Err(Failure::Token);
        }
        serde_json::from_str(claims.get()).map_err(|_| Failure::Token)
    }
}

fn is_ours(header: &Header, wanted: &str) -> bool {
    let Header {
        typ,
        alg,
        cty,
        jku,
        jwk,
        kid: _,
        x5u,
        x5c,
        x5t,
        x5t_s256,
        crit,
        enc,
        zip,
        url,
        nonce,
        extras,
    } = header;
    *alg == Algorithm::ES256
        && typ.as_deref() == Some(wanted)
        && [cty, jku, x5u, x5t, x5t_s256, url, nonce].iter().all(|field| field.is_none())
        && jwk.is_none()
        && x5c.is_none()
        && crit.is_none()
        && enc.is_none()
        && zip.is_none()
        && extras.inner().is_empty()
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
