//! What a function answers, and what must hold of it whatever it was asked: docs/api.md and docs/vidizmo.md.

use functions::Route;
use lambda_http::Body;
use lambda_http::http::{HeaderMap, Response};
use serde_json::{Value, json};
use shared::failure::Surface;

use crate::REQUEST_ID;
use crate::credentials::Credentials;

/// The status codes' digits and their HTTP status. 5000 is not among them: nothing that a client sends is our fault.
/// What an identity provider sends can be, by the same table, [`DOWN`].
const CODES: [(&str, u16); 10] = [
    ("0000", 200),
    ("3000", 202),
    ("2000", 401),
    ("2001", 401),
    ("2002", 401),
    ("2003", 401),
    ("2101", 403),
    ("4900", 400),
    ("4901", 400),
    ("5001", 429),
];

/// See [`CODES`].
const DOWN: (&str, u16) = ("5000", 500);

/// VIDIZMO's exceptions and their HTTP status.
const EXCEPTIONS: [(&str, u16); 6] = [
    ("InvalidRequestException", 400),
    ("InvalidCredentialsException", 400),
    ("InvalidAccessTokenException", 400),
    ("ExpiredAccessTokenException", 400),
    ("UnauthorizedAccessException", 403),
    ("TooManyRequestsException", 429),
];

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub body: Value,
    headers: HeaderMap,
}

impl Answer {
    pub(crate) fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let text = String::from_utf8_lossy(&body).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status: parts.status.as_u16(), text, body, headers: parts.headers }
    }

    /// The digits of its status code, or the name of its exception; empty where it has neither.
    #[must_use]
    pub fn code(&self) -> &str {
        let code = self.body["status_code"].as_str().and_then(|code| code.get(1..));
        code.or_else(|| self.body["name"].as_str()).unwrap_or_default()
    }

    /// A field of the body that is text; empty where there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// What two answers to the same question have in common.
    #[must_use]
    pub fn gist(&self) -> (u16, &str, &str, &str) {
        (self.status, self.code(), self.field("detail"), self.field("status_message"))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `can_be_down`: whether it may be that the call's provider has failed.
    pub(crate) fn check(&self, route: &Route, can_be_down: bool) {
        let is_down = can_be_down && (self.code(), self.status) == DOWN;
        assert!(self.status < 500 || is_down, "our fault: {self:?}");
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{self:?}");
        assert_eq!(self.header("x-request-id"), REQUEST_ID, "{self:?}");
        let is_public = ["jwks", "page-style"].contains(&route.name) && self.status == 200;
        assert_eq!(self.header("cache-control") != "no-store", is_public, "{self:?}");
        let retry_after = self.header("retry-after").parse::<u32>();
        assert_eq!(retry_after.is_ok_and(|seconds| seconds > 0), self.status == 429, "{self:?}");
        if self.body == json!({ "message": "Not Found" }) && self.status == 404 {
            return;
        }
        match route.surface {
            _ if is_public => {}
            Surface::Watch => self.check_codes('W', "detail"),
            Surface::Admin => self.check_codes('A', "status_message"),
            Surface::Vidizmo => self.check_exception(),
            Surface::Page => self.check_page(),
        }
    }

    fn check_codes(&self, letter: char, said: &str) {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        let code = self.body["status_code"].as_str().and_then(|code| code.strip_prefix(letter));
        let codes = [CODES.as_slice(), &[DOWN]].concat();
        assert!(code.is_some_and(|code| codes.contains(&(code, self.status))), "{self:?}");
        assert_eq!(self.headers.contains_key("www-authenticate"), self.status == 401, "{self:?}");
        if self.status >= 300 {
            let fields = self.body.as_object().map(serde_json::Map::len);
            assert!(fields == Some(2) && self.body[said].is_string(), "{self:?}");
        }
    }

    fn check_exception(&self) {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        if self.status == 200 {
            assert!(self.body.is_object() || self.body.is_string(), "{self:?}");
            return;
        }
        let name = self.field("name");
        assert!(EXCEPTIONS.contains(&(name, self.status)), "{self:?}");
        let wanted = json!({ "name": name, "incidentId": REQUEST_ID, "exceptionDetails": [] });
        assert_eq!(self.body, wanted);
    }

    /// A page or a picture, by which no input becomes markup.
    fn check_page(&self) {
        let policy = self.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{self:?}");
        match self.header("content-type") {
            "text/html; charset=utf-8" => {
                assert!(
                    self.text.starts_with("<!doctype html>") && self.text.ends_with("</html>\n"),
                    "{self:?}"
                );
                assert_eq!(self.text.matches("<h1>").count(), 1, "{self:?}");
                assert!(!self.text.contains("<script") && !self.text.contains(" onerror="), "{self:?}");
            }
            "image/svg+xml" => assert!(self.text.ends_with("</svg>"), "{self:?}"),
            other => assert_eq!((other, self.status), ("image/png", 200), "{self:?}"),
        }
    }

    /// Holds the log of the call against its answer: one line that tells the same, and no secret.
    pub(crate) fn check_log(&self, log: &str, credentials: Option<&Credentials>) {
        if self.text != r#"{"message":"Not Found"}"# {
            let line: Value = serde_json::from_str(log).unwrap_or_else(|_| panic!("not one line: {log}"));
            let level = if self.status < 500 { "INFO" } else { "ERROR" };
            assert_eq!((&line["level"], &line["http"]), (&json!(level), &json!(self.status)), "{log}");
        }
        check_secrets(log, credentials);
    }
}

/// Refuses a log with anything in it that a client can have.
pub(crate) fn check_secrets(log: &str, credentials: Option<&Credentials>) {
    let secrets = credentials.into_iter().flat_map(Credentials::secrets);
    for secret in secrets {
        assert!(!log.contains(secret), "a secret is in the log: {log}");
    }
}
