//! Making tokens.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

use super::keys::{self, KeySet};
use super::{
    ACCESS_LIFETIME, ACCESS_TYPE, ALGORITHM, AccessClaims, Header, PLAYBACK_AUDIENCE, PLAYBACK_LIFETIME,
    PLAYBACK_TYPE, PlaybackClaims, REFRESH_TYPE, RefreshClaims,
};
use crate::cache::Cached;
use crate::config::Environment;
use crate::crypto;
use crate::failure::Failure;
use crate::store::session::Session;

/// What whoever signs in is given.
#[derive(Serialize)]
pub struct Tokens {
    token: String,
    refresh_token: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Tokens")
    }
}

/// Who is going to play what.
#[derive(Clone, Copy, Debug)]
pub struct Playing<'a> {
    /// The enterprise.
    pub enterprise: &'a str,
    /// The screener's key.
    pub screener: &'a str,
    /// The id of the API key that asks, or that the session was opened with.
    pub api_key: &'a str,
    /// The session by which a user asks; absent for whoever has the link.
    pub session: Option<&'a Session>,
}

/// Signs tokens for sessions.
#[derive(Debug)]
pub struct Issuer {
    keys: Arc<Cached<KeySet>>,
    public_url: String,
}

impl Issuer {
    /// An issuer with the environment's keys.
    ///
    /// # Errors
    /// When the keys cannot be fetched.
    pub async fn new(environment: &Environment) -> Result<Self, Failure> {
        let keys = keys::private(environment).await?;
        Ok(Self { keys, public_url: environment.public_url.clone() })
    }

    /// The keys, for a verifier beside this issuer.
    #[must_use]
    pub fn keys(&self) -> Arc<Cached<KeySet>> {
        Arc::clone(&self.keys)
    }

    /// An access token and the current refresh token of a session.
    ///
    /// # Errors
    /// [`Failure::Internal`] when they cannot be signed.
    pub fn both(
        &self,
        enterprise: &str,
        session: &Session,
        roles: &[String],
        now: i64,
    ) -> Result<Tokens, Failure> {
        Ok(Tokens {
            token: self.access(enterprise, session, roles, now)?,
            refresh_token: self.refresh(enterprise, session, &session.refresh_jti, now)?,
        })
    }

    /// A new access token for a session; it never outlives the session.
    ///
    /// # Errors
    /// [`Failure::Internal`] when it cannot be signed.
    pub fn access(
        &self,
        enterprise: &str,
        session: &Session,
        roles: &[String],
        now: i64,
    ) -> Result<String, Failure> {
        let claims = AccessClaims {
            iss: self.public_url.clone(),
            sub: session.user.clone(),
            aud: session.surface.clone(),
            exp: (now + ACCESS_LIFETIME).min(session.expires_at),
            nbf: 0,
            iat: now,
            jti: crypto::new_id(),
            client_id: session.api_key.clone(),
            scope: roles.join(" "),
            sid: session.id.clone(),
            ent: enterprise.to_owned(),
            amr: session.amr.clone(),
        };
        self.sign(ACCESS_TYPE, &claims, now)
    }

    /// A refresh token called `jti` for a session; it lives as long as the session.
    ///
    /// # Errors
    /// [`Failure::Internal`] when it cannot be signed.
    pub fn refresh(
        &self,
        enterprise: &str,
        session: &Session,
        jti: &str,
        now: i64,
    ) -> Result<String, Failure> {
        let claims = RefreshClaims {
            iss: self.public_url.clone(),
            sub: session.user.clone(),
            aud: session.surface.clone(),
            exp: session.expires_at,
            nbf: 0,
            iat: now,
            jti: jti.to_owned(),
            client_id: session.api_key.clone(),
            sid: session.id.clone(),
            ent: enterprise.to_owned(),
        };
        self.sign(REFRESH_TYPE, &claims, now)
    }

    /// A token for playing a screener.
    ///
    /// # Errors
    /// [`Failure::Internal`] when it cannot be signed.
    pub fn playback(&self, playing: Playing<'_>, now: i64) -> Result<String, Failure> {
        let Playing { enterprise, screener, api_key, session } = playing;
        let ends_at = session.map_or(i64::MAX, |session| session.expires_at);
        let mut amr = session.map_or_else(Vec::new, |session| session.amr.clone());
        amr.push("sms".to_owned());
        let claims = PlaybackClaims {
            iss: self.public_url.clone(),
            sub: session.map_or_else(|| "link".to_owned(), |session| session.user.clone()),
            aud: PLAYBACK_AUDIENCE,
            exp: (now + PLAYBACK_LIFETIME).min(ends_at),
            iat: now,
            jti: crypto::new_id(),
            client_id: api_key.to_owned(),
            sid: session.map(|session| session.id.clone()),
            ent: enterprise.to_owned(),
            screener: screener.to_owned(),
            amr,
        };
        self.sign(PLAYBACK_TYPE, &claims, now)
    }

    /// The compact form of RFC 7515 §7.1.
    fn sign(&self, typ: &str, claims: &impl Serialize, now: i64) -> Result<String, Failure> {
        let keys = self.keys.get(now);
        let key = keys.signing().ok_or_else(|| Failure::Internal("no signing key".into()))?;
        let header = part(&Header { alg: ALGORITHM, typ, kid: key.kid() })?;
        let signed = format!("{header}.{}", part(claims)?);
        let signature = key.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{signature}"))
    }
}

/// One of a token's first two parts.
fn part(content: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_vec(content).map_err(|_| Failure::Internal("a token is no JSON".into()))?;
    Ok(BASE64URL_NOPAD.encode(&json))
}
