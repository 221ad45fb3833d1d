//! What a handler answers.

use std::fmt;

use lambda_http::Body;
use lambda_http::http::header::{self, HeaderName, HeaderValue};
use lambda_http::http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Surface;

/// An answer: HTTP status, headers, body, and the status code that the log shows.
pub struct Reply {
    /// The code as the client reads it (`W0000`), or the HTTP status where the answer has none.
    pub status_code: String,
    response: Response<Body>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reply {}", self.status_code)
    }
}

impl Reply {
    fn new(http: u16, status_code: &str, content_type: &'static str, body: impl Into<Body>) -> Self {
        let mut response = Response::new(body.into());
        *response.status_mut() = StatusCode::from_u16(http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Self { status_code: status_code.to_owned(), response }
    }

    /// `fields` (an object) with `status_code` beside them.
    #[must_use]
    pub fn json(http: u16, status_code: &str, mut fields: Value) -> Self {
        fields["status_code"] = json!(status_code);
        Self::new(http, status_code, "application/json", fields.to_string())
    }

    /// Success on `surface`: the fields of `body`, with `status_code` (and on Admin
    /// `status_message`) beside them.
    ///
    /// # Panics
    /// When `body` does not serialise to an object, which no input can bring about.
    #[must_use]
    pub fn success(surface: Surface, body: impl Serialize) -> Self {
        let mut fields = serde_json::to_value(body).expect("a reply serialises");
        if surface == Surface::Admin {
            fields["status_message"] = json!("success");
        }
        Self::json(200, &surface.status_code("0000"), fields)
    }

    /// Any JSON value; `status_code` is for the log alone.
    #[must_use]
    pub(crate) fn value(http: u16, status_code: &str, value: &Value) -> Self {
        Self::new(http, status_code, "application/json", value.to_string())
    }

    /// Success with a value of its own, and no status code beside it.
    #[must_use]
    pub fn bare(value: &Value) -> Self {
        Self::value(200, "200", value)
    }

    /// A JSON document that has no status code of its own and may be cached for `max_age` seconds.
    #[must_use]
    pub fn public_document(document: &Value, max_age: u32) -> Self {
        Self::bare(document).header("cache-control", &format!("public, max-age={max_age}"))
    }

    /// What API Gateway answers where there is no route.
    #[must_use]
    pub fn not_found() -> Self {
        Self::value(404, "404", &json!({ "message": "Not Found" }))
    }

    /// A page for a person.
    #[must_use]
    pub fn page(http: u16, html: String, content_security_policy: &str) -> Self {
        Self::new(http, &http.to_string(), "text/html; charset=utf-8", html)
            .header("content-security-policy", content_security_policy)
            .header("referrer-policy", "no-referrer")
            // Passwords are typed here; a browser that came by TLS once comes by nothing else. Browsers
            // ignore it without TLS (RFC 6797 §8.1).
            .header("strict-transport-security", "max-age=31536000")
    }

    /// A picture; SVG is text, PNG is bytes.
    #[must_use]
    pub fn picture(content_type: &'static str, picture: impl Into<Body>) -> Self {
        Self::new(200, "200", content_type, picture).header("content-security-policy", "default-src 'none'")
    }

    /// A style sheet that may be cached for `max_age` seconds.
    #[must_use]
    pub fn style_sheet(css: String, max_age: u32) -> Self {
        Self::new(200, "200", "text/css; charset=utf-8", css)
            .header("cache-control", &format!("public, max-age={max_age}"))
    }

    /// Sets a header.
    ///
    /// # Panics
    /// When name or value cannot stand in a header; callers pass only what can.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header value of printable ASCII");
        self.response.headers_mut().insert(HeaderName::from_static(name), value);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn http(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The response that goes out, with the request's id on it.
    #[must_use]
    pub fn into_response(self, request_id: &str) -> Response<Body> {
        let mut response = self.response;
        if let Ok(id) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert("x-request-id", id);
        }
        response
    }
}
