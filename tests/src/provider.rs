//! An OpenID provider on loopback that keeps to the protocol, or breaks it as it is told to.
//!
//! It is strict with its client: what the client does wrong is answered with the protocol's error.

mod behaviour;
mod form;
mod keys;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use futures_util::stream;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use ulid::Ulid;

use crate::App;
use crate::secrets::remember;
pub use behaviour::{Alg, Behaviour, Trouble};
use form::{credentials, form, merge};
use keys::Keys;

/// The client that the provider knows.
pub const CLIENT_ID: &str = "usher";

/// The client's secret, with characters that Basic authentication has to encode first (RFC 6749 §2.3.1).
pub const CLIENT_SECRET: &str = "the-secret-of-usher-at-the-provider/+ &:é";

/// Where the provider sends people back to.
pub const REDIRECT_URI: &str = "http://localhost:3000/login/sso_callback";

static ENDPOINTS: [(&str, &str, Method); 3] = [
    ("discovery", "/.well-known/openid-configuration", Method::GET),
    ("jwks", "/jwks", Method::GET),
    ("token", "/token", Method::POST),
];

/// A running provider. It stops when it is dropped.
pub struct Provider {
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    issuer: String,
    inner: Mutex<Inner>,
}

struct Inner {
    now: Box<dyn Fn() -> i64 + Send + Sync>,
    behaviour: Behaviour,
    keys: Keys,
    codes: HashMap<String, Grant>,
    calls: HashMap<&'static str, u32>,
    secrets: Arc<Mutex<Vec<String>>>,
}

/// What a code stands for.
struct Grant {
    email: String,
    sub: String,
    nonce: String,
    redirect_uri: String,
    code_challenge: String,
}

impl Provider {
    /// A provider that behaves, with a clock.
    pub async fn start(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let shared = Arc::new(Shared {
            issuer: format!("http://{}", listener.local_addr().expect("an address")),
            inner: Mutex::new(Inner {
                now: Box::new(now),
                behaviour: Behaviour::default(),
                keys: Keys::generate(1),
                codes: HashMap::new(),
                calls: HashMap::new(),
                secrets: Arc::default(),
            }),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { shared, _server: server }
    }

    /// Goes by another clock. A stack's own is there only after the stack, and so after the issuer that
    /// its document names.
    pub fn set_clock(&self, now: impl Fn() -> i64 + Send + Sync + 'static) {
        self.shared.lock().now = Box::new(now);
    }

    /// Notes from now on, among a stack's secrets, what must not be in its log: what its functions prove themselves
    /// with, and what they are given.
    pub fn confide_in(&self, app: &App) {
        self.shared.lock().secrets = Arc::clone(&app.secrets);
    }

    /// The issuer, as `http://127.0.0.1:9100`.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Changes what it does from now on.
    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.lock().behaviour);
    }

    /// How often `discovery`, `jwks` or `token` was called; `moved`: any of them after a redirect.
    pub fn calls(&self, endpoint: &str) -> u32 {
        self.shared.lock().calls.get(endpoint).copied().unwrap_or_default()
    }

    /// An ID token, as one is given out for a code.
    pub fn id_token(&self, email: &str, sub: &str, nonce: &str) -> String {
        let [email, sub, nonce, redirect_uri, code_challenge] =
            [email, sub, nonce, "", ""].map(ToOwned::to_owned);
        self.shared.lock().id_token(self.issuer(), &Grant { email, sub, nonce, redirect_uri, code_challenge })
    }

    /// What the key is called that signs so, and its private half.
    pub fn signing_key(&self, alg: Alg) -> (String, EncodingKey) {
        let (_, kid, key) = self.shared.lock().keys.signer(alg).expect("a key signs so");
        (kid, key)
    }

    /// The public keys, as they are published.
    pub fn jwks(&self) -> Value {
        self.shared.lock().jwks()
    }

    /// Puts new keys under new names in the place of the old ones.
    pub fn rotate(&self) {
        let mut inner = self.shared.lock();
        inner.keys = Keys::generate(inner.keys.generation + 1);
    }

    /// Somebody signs in at the address that the client sent them to, which has to be right in every
    /// part. Gives the code that their browser brings back.
    #[track_caller]
    pub fn sign_in(&self, redirect: &str, email: &str, sub: &str) -> String {
        let discovery = self.shared.lock().discovery(&self.shared.issuer);
        let endpoint = discovery["authorization_endpoint"].as_str().expect("an endpoint");
        let query = redirect.strip_prefix(endpoint).and_then(|rest| rest.strip_prefix(['?', '&']));
        let query = query.unwrap_or_else(|| panic!("not at {endpoint}: {redirect}"));
        let query =
            form(query.as_bytes()).unwrap_or_else(|| panic!("a parameter is there twice: {redirect}"));
        let parameter = |name: &str| query.get(name).cloned().unwrap_or_default();
        for (name, value) in [
            ("client_id", CLIENT_ID),
            ("response_type", "code"),
            ("scope", "openid profile email"),
            ("redirect_uri", REDIRECT_URI),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(parameter(name), value, "{name}: {redirect}");
        }
        for name in ["state", "nonce"] {
            assert!(!parameter(name).is_empty(), "{name}: {redirect}");
        }
        let challenge = BASE64URL_NOPAD.decode(parameter("code_challenge").as_bytes());
        assert!(challenge.is_ok_and(|hash| hash.len() == 32), "code_challenge: {redirect}");
        // As Google's, with characters that a form has to encode.
        let code = format!("4/0+{}", Ulid::generate());
        let grant = Grant {
            email: email.to_owned(),
            sub: sub.to_owned(),
            nonce: parameter("nonce"),
            redirect_uri: parameter("redirect_uri"),
            code_challenge: parameter("code_challenge"),
        };
        self.shared.lock().codes.insert(code.clone(), grant);
        code
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An HTTP status and the code of an error.
type Refusal = (u16, &'static str);

impl Inner {
    fn answer(
        &mut self,
        issuer: &str,
        endpoint: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        match endpoint {
            "discovery" => Ok(self.discovery(issuer)),
            "jwks" => Ok(self.jwks()),
            _ => self.token(issuer, headers, body),
        }
    }

    fn jwks(&self) -> Value {
        let mut keys = self.keys.public();
        keys.extend_from_slice(&self.behaviour.keys);
        json!({ "keys": keys })
    }

    fn discovery(&self, issuer: &str) -> Value {
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "ES384", "EdDSA"],
            "scopes_supported": ["openid", "profile", "email"],
            "code_challenge_methods_supported": ["S256"],
        });
        if let Some(methods) = &self.behaviour.auth_methods {
            document["token_endpoint_auth_methods_supported"] = json!(methods);
        }
        merge(&mut document, &self.behaviour.discovery);
        document
    }

    fn token(&mut self, issuer: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if kind.split(';').next() != Some("application/x-www-form-urlencoded") {
            return Err((400, "invalid_request"));
        }
        let fields = form(body).ok_or((400, "invalid_request"))?;
        let field = |name: &str| fields.get(name).map_or("", String::as_str);
        remember(&self.secrets, &json!(fields));

        let (method, id, secret) = credentials(headers, &fields).ok_or((401, "invalid_client"))?;
        let methods = self.behaviour.auth_methods.as_deref().unwrap_or(&["client_secret_basic"]);
        let is_named = fields.get("client_id").is_none_or(|id| id == CLIENT_ID);
        if !methods.contains(&method) || id != CLIENT_ID || secret != CLIENT_SECRET || !is_named {
            return Err((401, "invalid_client"));
        }
        if field("grant_type") != "authorization_code" {
            return Err((400, "unsupported_grant_type"));
        }
        // Whatever comes of it, the code is used now.
        let grant = self.codes.remove(field("code")).ok_or((400, "invalid_grant"))?;
        let verifier = field("code_verifier").as_bytes();
        let is_unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        if !(43..=128).contains(&verifier.len())
            || !verifier.iter().all(is_unreserved)
            || BASE64URL_NOPAD.encode(digest(&SHA256, verifier).as_ref()) != grant.code_challenge
            || field("redirect_uri") != grant.redirect_uri
        {
            return Err((400, "invalid_grant"));
        }
        let id_token = self.behaviour.id_token.clone().unwrap_or_else(|| self.id_token(issuer, &grant));
        let answer = json!({
            "access_token": Ulid::generate().to_string(),
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "openid profile email",
            "id_token": id_token,
        });
        remember(&self.secrets, &answer);
        Ok(answer)
    }

    fn id_token(&self, issuer: &str, grant: &Grant) -> String {
        let now = (self.now)();
        let mut claims = json!({
            "iss": issuer,
            "aud": CLIENT_ID,
            "sub": grant.sub,
            "iat": now,
            "exp": now + 300,
            "nonce": grant.nonce,
            "email": grant.email,
            "email_verified": true,
        });
        merge(&mut claims, &self.behaviour.claims);
        let Some((algorithm, kid, key)) = self.keys.signer(self.behaviour.alg) else {
            let header = json!({ "alg": "none", "typ": "JWT", "kid": self.keys.kid("ec") });
            let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
            return format!("{}.{}.", part(&header), part(&claims));
        };
        let header = Header { kid: Some(kid), ..Header::new(algorithm) };
        encode(&header, &claims, &key).expect("the key signs")
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let moved = uri.path().strip_prefix("/moved");
    let path = moved.unwrap_or(uri.path());
    let Some(&(endpoint, _, ref wanted)) = ENDPOINTS.iter().find(|endpoint| endpoint.1 == path) else {
        return respond(404, &json!({ "error": "not_found" }));
    };
    if method != *wanted {
        return respond(405, &json!({ "error": "method_not_allowed" }));
    }
    let trouble = {
        let mut inner = shared.lock();
        *inner.calls.entry(if moved.is_some() { "moved" } else { endpoint }).or_default() += 1;
        inner.behaviour.trouble.get(endpoint).copied().filter(|_| moved.is_none())
    };
    if trouble == Some(Trouble::Slow) {
        // Until the client hangs up.
        std::future::pending::<()>().await;
    }
    let right = || shared.lock().answer(&shared.issuer, endpoint, &headers, &body);
    let answer = match trouble {
        Some(Trouble::Redirect) => {
            // After 302 a form would be left behind, and the right answer not given.
            let status = if endpoint == "token" { 307 } else { 302 };
            let mut response = respond(status, &json!({}));
            let location = format!("{}/moved{path}", shared.issuer);
            response.headers_mut().insert(LOCATION, location.parse().expect("a header's value"));
            return response;
        }
        Some(Trouble::NotJson) => {
            return reply(200, "text/html; charset=utf-8", "<!doctype html><title>Sign in</title>");
        }
        Some(Trouble::Closed) => {
            // Before anything was sent, the server can only hang up.
            let nothing = stream::iter([Err::<Bytes, _>(io::Error::other("closed"))]);
            return reply(200, "application/json", Body::from_stream(nothing));
        }
        Some(Trouble::InvalidClient) => Err((401, "invalid_client")),
        None | Some(Trouble::Slow | Trouble::Huge | Trouble::Status(_)) => right(),
    };
    let (status, mut answer) = match answer {
        Ok(answer) => (200, answer),
        Err((status, error)) => (status, json!({ "error": error })),
    };
    match trouble {
        Some(Trouble::Status(status)) => respond(status, &answer),
        Some(Trouble::Huge) => {
            answer["padding"] = json!("x".repeat(1_500_000));
            let text = answer.to_string().into_bytes();
            let pieces: Vec<_> =
                text.chunks(64 * 1024).map(|piece| Ok::<_, Infallible>(piece.to_vec())).collect();
            reply(status, "application/json", Body::from_stream(stream::iter(pieces)))
        }
        _ => respond(status, &answer),
    }
}

fn respond(status: u16, answer: &Value) -> Response {
    reply(status, "application/json", answer.to_string())
}

/// Each on a connection of its own, so that none outlives the provider.
fn reply(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(status).expect("an HTTP status");
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store"), (CONNECTION, "close")];
    (status, headers, body.into()).into_response()
}
