//! What Usher lets out: to a provider, to a browser and into the log.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use form_urlencoded::{byte_serialize, parse};
use lambda_http::http::Method;
use serde_json::Value;

use super::document::{Discovery, is_allowed, split};
use super::input::Login;
use super::tenant::{CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, Tenant, is_id};
use super::wire::Asked;
use crate::{Answer, REQUEST_ID};

/// What a call is in the log, and how it ends.
const WORDS: [&str; 12] = [
    "call",
    "sso_initiate",
    "sign_in",
    "admin-sso-initiate",
    "admin-sso-login",
    "success",
    "denied",
    "invalid",
    "error",
    "INFO",
    "ERROR",
    "sso",
];

/// Why somebody is refused.
const REASONS: [&str; 22] = [
    "code_refused",
    "email_missing",
    "email_not_verified",
    "email_of_another",
    "id_token_algorithm",
    "id_token_aud",
    "id_token_claim_missing",
    "id_token_iss",
    "id_token_key_damaged",
    "id_token_key_unknown",
    "id_token_nonce",
    "id_token_signature",
    "id_token_sub",
    "id_token_time",
    "id_token_type",
    "id_token_unreadable",
    "iss_of_another_provider",
    "not_an_admin",
    "provider_error",
    "state",
    "tied_to_another_subject",
    "",
];

/// What is wrong with a provider, after `identity provider: `; a status is `#`.
const CAUSES: [&str; 6] = [
    "answered #",
    "was not reached",
    "did not answer in the JSON that it must",
    "is not at a URL",
    "is not of this issuer",
    "names an endpoint that is not https",
];

/// Holds the requests of one function against what its provider has said of itself.
///
/// # Panics
/// When one should not have been made.
pub fn check_asked(
    asked: &[Asked],
    discovery: Option<&Discovery>,
    tenant: &Tenant,
    login: Option<(&Login, &[u8])>,
) {
    let count = |method: Method| asked.iter().filter(|asked| asked.method == method).count();
    let most = if login.is_some() { (3, 1) } else { (1, 0) };
    assert!(count(Method::GET) <= most.0 && count(Method::POST) <= most.1, "too many requests: {asked:?}");
    assert!(asked.len() == count(Method::GET) + count(Method::POST), "{asked:?}");
    for (index, asked) in asked.iter().enumerate() {
        let url = asked.url.to_string();
        let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
        assert_ne!(is_allowed(&url, tenant.issuer), Some(false), "{asked:?}");
        assert_eq!(header("accept"), Some("application/json"), "{asked:?}");
        if index == 0 {
            assert_eq!(url, format!("{}/.well-known/openid-configuration", tenant.issuer));
        }
        match (&asked.method, discovery, login) {
            (&Method::GET, document, _) => {
                assert!(asked.body.is_empty() && header("authorization").is_none(), "{asked:?}");
                let named = document.map(|document| document.jwks.as_str());
                assert!(index == 0 || named.is_some_and(|named| is_at(named, &url)), "{named:?}: {asked:?}");
            }
            (_, Some(document), Some((login, body))) => {
                assert!(is_at(&document.token, &url), "{}: {asked:?}", document.token);
                check_form(asked, document.takes_header, login, body);
            }
            _ => panic!("a token is asked for: {asked:?}"),
        }
    }
}

/// Whether a request went to where a document says.
fn is_at(named: &str, url: &str) -> bool {
    split(named).is_some() && split(named) == split(url)
}

/// Holds the form of RFC 6749 §4.1.3 and RFC 7636 §4.5 against what it must have and no more.
fn check_form(asked: &Asked, takes_header: Option<bool>, login: &Login, body: &[u8]) {
    let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("application/x-www-form-urlencoded"));
    let mut form: Vec<(String, String)> = parse(&asked.body).into_owned().collect();
    let at = form.iter().position(|(name, _)| name == "code_verifier").expect("a verifier");
    let (_, verifier) = form.remove(at);
    assert_eq!(BASE64URL_NOPAD.encode(digest(&SHA256, verifier.as_bytes()).as_ref()), login.challenge);
    let body: Value = serde_json::from_slice(body).expect("the body was read");
    let code = body["code"].as_str().unwrap_or_default();
    let mut wanted =
        vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI)];
    let authorization = if takes_header.expect("a way that we know") {
        let [id, secret] =
            [CLIENT_ID, CLIENT_SECRET].map(|text| byte_serialize(text.as_bytes()).collect::<String>());
        Some(format!("Basic {}", BASE64.encode(format!("{id}:{secret}").as_bytes())))
    } else {
        wanted.extend([("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)]);
        None
    };
    let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!((form, header("authorization")), (wanted, authorization.as_deref()));
}

/// Holds the answer of `admin-sso-initiate` against what it must have and no more.
///
/// # Panics
/// When it has something else.
pub fn check_redirect(answer: &Answer, document: &Discovery) {
    assert_eq!(answer.body.as_object().map(serde_json::Map::len), Some(5), "{answer:?}");
    let rest = answer.field("redirect").strip_prefix(&document.authorization).expect("the endpoint");
    let query = rest.strip_prefix(if document.authorization.contains('?') { '&' } else { '?' });
    let mut query: Vec<_> = parse(query.expect("a query").as_bytes()).into_owned().collect();
    let at = query.iter().position(|(name, _)| name == "code_challenge").expect("a challenge");
    let (_, challenge) = query.remove(at);
    let [state, nonce] = ["state", "nonce"].map(|name| answer.field(name));
    for random in [state, nonce, &challenge] {
        assert_eq!(BASE64URL_NOPAD.decode(random.as_bytes()).map(|bytes| bytes.len()), Ok(32), "{answer:?}");
    }
    let wanted = [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("scope", "openid profile email"),
        ("redirect_uri", REDIRECT_URI),
        ("state", state),
        ("nonce", nonce),
        ("code_challenge_method", "S256"),
    ];
    let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(query, wanted);
}

/// Refuses a line of the log with anything in it but words and ids of ours, so that nothing of a provider's is.
///
/// # Panics
/// When something else is.
pub fn check_log(log: &str, answer: &Answer, tenant: &Tenant) {
    let line: Value = serde_json::from_str(log).expect("one line");
    for (name, value) in line.as_object().expect("an object") {
        let text = value.as_str().unwrap_or_default();
        let is_ours = match name.as_str() {
            "http" | "milliseconds" => value.is_u64(),
            "timestamp" => text.bytes().all(|byte| byte.is_ascii_digit() || b"-T:.Z".contains(&byte)),
            "request_id" => text == REQUEST_ID,
            "status_code" => value == &answer.body["status_code"],
            "source" => text == "203.0.113.7",
            "enterprise" => text == tenant.id,
            "api_key" => text.strip_prefix(tenant.id) == Some("-admin"),
            "user" | "session" | "object_id" => is_id(text),
            "object" => ["link", "user"].contains(&text),
            "reason" => REASONS.contains(&text),
            "cause" => is_cause(text),
            "level" | "message" | "event" | "outcome" | "function" | "detail" => WORDS.contains(&text),
            _ => false,
        };
        assert!(is_ours, "{name} in the log: {line}");
    }
}

fn is_cause(text: &str) -> bool {
    let Some((_, cause)) = text.split_once("identity provider: ") else { return false };
    if cause == "token takes neither client_secret_basic nor client_secret_post" {
        return true;
    }
    let Some((what, how)) = cause.split_once(' ') else { return false };
    let how = how.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let is_known = CAUSES.iter().any(|cause| cause.trim_end_matches('#') == how);
    ["discovery", "jwks", "token"].contains(&what) && is_known
}
