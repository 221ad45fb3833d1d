//! Signing in through an enterprise's identity provider: `OpenID` Connect, the code flow with PKCE.
//! <https://openid.net/specs/openid-connect-core-1_0.html>
//!
//! What the provider publishes is kept in the warm function. Whatever it does wrong is either
//! [`Refusal::Unavailable`], where nobody can be signed in for now, or [`Refusal::Refused`], where this one
//! cannot.

pub mod client_secrets;
mod http;
pub mod id_token;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use form_urlencoded::{Serializer, byte_serialize};
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::Environment;
use crate::crypto;
use crate::failure::Failure;
use crate::private::Private;
use crate::store::enterprise::Sso;
use http::Connection;
use id_token::{Expected, Person};

/// Seconds for which the discovery document and the keys are kept.
const KEPT: i64 = 10 * 60;
/// The least seconds between two fetches of the keys that unknown ones lead to.
const REFETCHED_AFTER: i64 = 30;

/// Why nobody was signed in.
#[derive(Debug)]
pub enum Refusal {
    /// The provider does not answer, or not as a provider does. For the log.
    Unavailable(String),
    /// The provider, or its ID token, says no: the log's `reason`.
    Refused(&'static str),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unavailable(cause) => Self::Internal(cause),
            Refusal::Refused(_) => Self::Credentials,
        }
    }
}

/// What of a discovery document is used (`OpenID` Connect Discovery 1.0 §3).
#[derive(Clone, Debug, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What is kept of one provider.
#[derive(Default)]
struct Known {
    discovery: Option<(i64, Arc<Discovery>)>,
    keys: Option<(i64, Arc<Vec<Jwk>>)>,
    /// When an unknown key last led to a fetch.
    refetched_at: Option<i64>,
}

/// The providers that this warm function has met.
pub struct Providers {
    http: Connection,
    known: RwLock<HashMap<String, Arc<Mutex<Known>>>>,
}

impl fmt::Debug for Providers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Providers")
    }
}

/// The random parts of one authorization request: 256 bits each, 43 characters.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// What the browser must bring back.
    pub state: Private,
    /// What the ID token must repeat.
    pub nonce: Private,
    /// The secret half of PKCE (RFC 7636).
    pub verifier: Private,
}

impl AuthorizationRequest {
    /// A new request.
    #[must_use]
    pub fn new() -> Self {
        let random = || BASE64URL_NOPAD.encode(&crypto::random::<32>()).into();
        Self { state: random(), nonce: random(), verifier: random() }
    }
}

impl Default for AuthorizationRequest {
    fn default() -> Self {
        Self::new()
    }
}

/// What the browser brought back, with what was noted when it was sent there.
#[derive(Debug)]
pub struct Returned<'a> {
    /// The authorization code.
    pub code: &'a Private,
    /// The secret half of PKCE (RFC 7636).
    pub verifier: &'a Private,
    /// What the ID token must repeat.
    pub nonce: &'a Private,
    /// Our secret at the provider.
    pub client_secret: &'a Private,
}

/// The token endpoint's answer.
#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Private,
}

impl Providers {
    /// None so far, and the environment's way to them.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        Self { http: Connection::new(environment.to_providers.clone()), known: RwLock::default() }
    }

    /// Where the browser is to go: the provider's authorization endpoint with the request in it.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn authorization_url(
        &self,
        sso: &Sso,
        request: &AuthorizationRequest,
        now: i64,
    ) -> Result<String, Refusal> {
        let discovery = self.discovery(sso, now).await?;
        let endpoint = &discovery.authorization_endpoint;
        let query = Serializer::new(String::new())
            .append_pair("client_id", &sso.client_id)
            .append_pair("response_type", "code")
            .append_pair("scope", "openid profile email")
            .append_pair("redirect_uri", &sso.redirect_uri)
            .append_pair("state", request.state.expose())
            .append_pair("nonce", request.nonce.expose())
            .append_pair("code_challenge", &challenge(&request.verifier))
            .append_pair("code_challenge_method", "S256")
            .finish();
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{separator}{query}"))
    }

    /// Exchanges the code and reads the ID token: who has signed in at the provider. One call to it, when
    /// its keys are known.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn identify(&self, sso: &Sso, returned: Returned<'_>, now: i64) -> Result<Person, Refusal> {
        // Before the code is used: without keys it would be used for nothing. In the time of one call, so
        // that there is enough left for the others.
        let published = async {
            let discovery = self.discovery(sso, now).await?;
            let keys = self.keys(&discovery, now).await?;
            Ok((discovery, keys))
        };
        let published = timeout(http::PATIENCE, published).await;
        let (discovery, mut keys) = published
            .unwrap_or_else(|_| Err(unavailable("identity provider: discovery and jwks took too long")))?;
        let token = self.exchange(sso, &discovery, &returned).await?;
        let header = id_token::header(&token)?;
        let expected = Expected { issuer: &sso.issuer, client_id: &sso.client_id, nonce: returned.nonce };
        // What may be the sign of a key that is newer than those we have.
        let is_unknown = |refusal: &Refusal| match refusal {
            Refusal::Refused(id_token::KEY_UNKNOWN) => true,
            Refusal::Refused(id_token::SIGNATURE) => header.kid.is_none(),
            _ => false,
        };
        match id_token::verify(&token, &header, &keys, &expected, now) {
            Err(refusal) if is_unknown(&refusal) => {
                keys = self.newer_keys(&discovery, &keys, now).await?;
                id_token::verify(&token, &header, &keys, &expected, now)
            }
            verified => verified,
        }
    }

    fn known(&self, issuer: &str) -> Arc<Mutex<Known>> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(issuer) {
            return Arc::clone(known);
        }
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(issuer.to_owned()).or_default())
    }

    async fn discovery(&self, sso: &Sso, now: i64) -> Result<Arc<Discovery>, Refusal> {
        let known = self.known(&sso.issuer);
        let mut known = known.lock().await;
        if let Some((fetched_at, discovery)) = &known.discovery
            && now - fetched_at < KEPT
        {
            return Ok(Arc::clone(discovery));
        }
        let url = format!("{}/.well-known/openid-configuration", sso.issuer.trim_end_matches('/'));
        require_safe(&sso.issuer, &url)?;
        let discovery: Discovery = self.http.get("discovery", &url).await?;
        // RFC 8414 §3.3, and the first half of what keeps providers from being mixed up (RFC 9207).
        if discovery.issuer != sso.issuer {
            return Err(unavailable("identity provider: discovery is not of this issuer"));
        }
        for url in [&discovery.authorization_endpoint, &discovery.token_endpoint, &discovery.jwks_uri] {
            require_safe(&sso.issuer, url)?;
        }
        let discovery = Arc::new(discovery);
        known.discovery = Some((now, Arc::clone(&discovery)));
        Ok(discovery)
    }

    async fn keys(&self, discovery: &Discovery, now: i64) -> Result<Arc<Vec<Jwk>>, Refusal> {
        let known = self.known(&discovery.issuer);
        let mut known = known.lock().await;
        match &known.keys {
            Some((fetched_at, keys)) if now - fetched_at < KEPT => Ok(Arc::clone(keys)),
            _ => self.fetch_keys(discovery, &mut known, now).await,
        }
    }

    /// The keys, newer than `seen`, which lack one; at most one fetch every 30 seconds.
    async fn newer_keys(
        &self,
        discovery: &Discovery,
        seen: &Arc<Vec<Jwk>>,
        now: i64,
    ) -> Result<Arc<Vec<Jwk>>, Refusal> {
        let known = self.known(&discovery.issuer);
        let mut known = known.lock().await;
        let fetched = known.keys.as_ref().filter(|(_, keys)| !Arc::ptr_eq(keys, seen));
        match fetched {
            // Another call has fetched them since.
            Some((_, keys)) => Ok(Arc::clone(keys)),
            None if known.refetched_at.is_some_and(|at| now - at < REFETCHED_AFTER) => Ok(Arc::clone(seen)),
            None => {
                let keys = self.fetch_keys(discovery, &mut known, now).await?;
                known.refetched_at = Some(now);
                Ok(keys)
            }
        }
    }

    async fn fetch_keys(
        &self,
        discovery: &Discovery,
        known: &mut Known,
        now: i64,
    ) -> Result<Arc<Vec<Jwk>>, Refusal> {
        #[derive(Deserialize)]
        struct Published {
            keys: Vec<Value>,
        }
        let published: Published = self.http.get("jwks", &discovery.jwks_uri).await?;
        // Keys of a kind that nobody here knows are none of ours (RFC 7517 §5).
        let keys = published.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let keys = Arc::new(keys.collect());
        known.keys = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }

    async fn exchange(
        &self,
        sso: &Sso,
        discovery: &Discovery,
        returned: &Returned<'_>,
    ) -> Result<Private, Refusal> {
        let (form, authorization) = token_request(sso, discovery, returned)?;
        let endpoint = &discovery.token_endpoint;
        let answer: TokenAnswer = self.http.post_form(endpoint, &form, authorization.as_ref()).await?;
        Ok(answer.id_token)
    }
}

/// The form for the token endpoint, and the `Authorization` header where the provider takes one.
fn token_request(
    sso: &Sso,
    discovery: &Discovery,
    returned: &Returned<'_>,
) -> Result<(Private, Option<Private>), Refusal> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", returned.code.expose())
        .append_pair("redirect_uri", &sso.redirect_uri)
        .append_pair("code_verifier", returned.verifier.expose());
    let methods = discovery.token_endpoint_auth_methods_supported.as_deref();
    let takes = |method| methods.is_none_or(|methods| methods.iter().any(|name| name == method));
    let secret = returned.client_secret.expose();
    let authorization = if takes("client_secret_basic") {
        // RFC 6749 §2.3.1: both are form-encoded before they are joined.
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&sso.client_id), encoded(secret));
        Some(Private::from(format!("Basic {}", BASE64.encode(pair.as_bytes()))))
    } else if takes("client_secret_post") {
        form.append_pair("client_id", &sso.client_id).append_pair("client_secret", secret);
        None
    } else {
        let what = "identity provider: token takes neither client_secret_basic nor client_secret_post";
        return Err(unavailable(what));
    };
    Ok((form.finish().into(), authorization))
}

/// The public half of PKCE (RFC 7636 §4.2).
fn challenge(verifier: &Private) -> String {
    BASE64URL_NOPAD.encode(&crypto::sha256(verifier.expose().as_bytes()))
}

fn unavailable(cause: &str) -> Refusal {
    Refusal::Unavailable(cause.to_owned())
}

/// Whether what is at `url` comes unchanged: by HTTPS, or from this machine.
#[must_use]
pub fn is_web(url: &str) -> bool {
    http::is_https(url) || http::is_loopback(url)
}

/// Whether an issuer can be asked: https, or this machine.
#[must_use]
pub fn is_issuer(url: &str) -> bool {
    let is_plain = !url.contains(['?', '#']);
    is_plain && is_web(url)
}

/// Refuses to send anything to where it could be read: https only, and plain http on this machine for an
/// issuer that is there too.
fn require_safe(issuer: &str, url: &str) -> Result<(), Refusal> {
    if http::is_https(url) || (http::is_loopback(issuer) && http::is_loopback(url)) {
        Ok(())
    } else {
        Err(unavailable("identity provider: discovery names an endpoint that is not https"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let verifier = Private::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(AuthorizationRequest::new().verifier.expose().len(), 43);
    }

    #[test]
    fn only_https_and_this_machine_are_asked() {
        for url in ["https://idp.acme.example", "https://idp.acme.example:8443/t/1", "http://127.0.0.1:9100"]
        {
            assert!(is_issuer(url), "{url}");
        }
        for url in [
            "http://idp.acme.example",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "https://user@idp.acme.example",
            "https://idp@idp:443",
            "https://",
            "http://127.0.0.1:9.00",
            "https://idp.acme.example:65536",
            "https://idp.acme.example:443:443",
            "ftp://127.0.0.1",
            "https://idp.acme.example?x",
            "idp.acme.example",
            "",
        ] {
            assert!(!is_issuer(url), "{url}");
        }
        assert!(require_safe("https://idp.acme.example", "http://127.0.0.1:9100/token").is_err());
        assert!(require_safe("http://127.0.0.1:9100", "http://localhost:9200/token").is_ok());
        assert!(require_safe("http://127.0.0.1:9100", "https://idp.acme.example/token").is_ok());
    }
}
