//! Reading tokens. What is not exactly a token of ours is [`Failure::Token`], whatever is wrong.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;

use super::keys::KeySet;
use super::{ACCESS_TYPE, ALGORITHM, AccessClaims, Claims, Header, MAX_CHARS, REFRESH_TYPE, RefreshClaims};
use crate::cache::Cached;
use crate::failure::{Failure, Surface};
use crate::json;
use crate::private::Private;

/// Verifies tokens.
#[derive(Debug)]
pub struct Verifier {
    keys: Arc<Cached<KeySet>>,
    public_url: String,
    surfaces: Vec<Surface>,
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
    /// The library's `decode` would read the header twice, the key and the claims once more, and judge
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
        let header = part(header)?;
        let Header { alg, typ: its_typ, kid } = json::object(&header).ok_or(Failure::Token)?;
        if alg != ALGORITHM || its_typ != typ {
            return Err(Failure::Token);
        }
        let mut keys = self.keys.get(now);
        if keys.verifying(kid).is_none() {
            keys = self.keys.newer(now).await?;
        }
        let key = keys.verifying(kid).ok_or(Failure::Token)?;
        if !key.is_good(signed.as_bytes(), signature) {
            return Err(Failure::Token);
        }
        let claims: T = json::object(&part(claims)?).ok_or(Failure::Token)?;
        let common = claims.common();
        let for_us = common.iss == self.public_url
            && self.surfaces.iter().any(|surface| surface.name() == common.aud)
            && common.nbf <= now
            && alive_at.is_none_or(|now| now < common.exp);
        if for_us { Ok(claims) } else { Err(Failure::Token) }
    }
}

/// The JSON of one of a token's first two parts.
fn part(encoded: &str) -> Result<Vec<u8>, Failure> {
    BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| Failure::Token)
}
