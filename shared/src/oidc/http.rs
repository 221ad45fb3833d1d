//! Calls to a provider: short, small, and to where they are meant to go.

use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use lambda_http::http::Uri;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::Refusal;
use crate::http::Http;
use crate::json;
use crate::private::Private;

/// How long a call may take, from connecting to the last byte.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer that is read, in bytes.
const MOST_BYTES: usize = 1_000_000;

/// Calls a provider. It follows no redirects.
pub(super) struct Connection {
    /// Made with the first call, unless it is given: it reads the machine's root certificates.
    http: OnceLock<Option<SharedHttpConnector>>,
}

/// An error of the token endpoint (RFC 6749 §5.2).
#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

/// Whether a URL is https, and names nothing but a host.
pub(super) fn is_https(url: &str) -> bool {
    has_plain_host(url, "https").is_some()
}

/// Whether a URL is http on this machine.
pub(super) fn is_loopback(url: &str) -> bool {
    has_plain_host(url, "http")
        .is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str()))
}

/// The host of a URL of `scheme` that has no user in it.
fn has_plain_host(url: &str, scheme: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let host = authority.host();
    let port = authority.as_str().strip_prefix(host)?;
    // With a port that is no number, the scheme's own would be asked.
    let has_port = authority.port().is_some() || matches!(port, "" | ":");
    let is_plain = uri.scheme_str() == Some(scheme) && !authority.as_str().contains('@') && !host.is_empty();
    (is_plain && has_port).then(|| host.to_owned())
}

impl Connection {
    pub(super) fn new(given: Option<SharedHttpConnector>) -> Self {
        Self { http: given.map_or_else(OnceLock::new, |given| OnceLock::from(Some(given))) }
    }

    /// Reads a JSON document. `what` is for the log.
    pub(super) async fn get<T: DeserializeOwned>(&self, what: &str, url: &str) -> Result<T, Refusal> {
        let request = HttpRequest::get(url).map_err(|_| failed(what, "is not at a URL"))?;
        match self.send(what, request).await? {
            (200, body) => parse(what, &body),
            (status, _) => Err(failed(what, &format!("answered {status}"))),
        }
    }

    /// Sends a form to the token endpoint.
    pub(super) async fn post_form<T: DeserializeOwned>(
        &self,
        url: &str,
        form: &Private,
        authorization: Option<&Private>,
    ) -> Result<T, Refusal> {
        let what = "token";
        let mut request = HttpRequest::new(SdkBody::from(form.expose()));
        request.set_uri(url).map_err(|_| failed(what, "is not at a URL"))?;
        request.set_method("POST").map_err(|_| failed(what, "cannot be called"))?;
        request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.expose().to_owned());
        }
        match self.send(what, request).await? {
            (200, body) => parse(what, &body),
            (400..=499, body) if is_about_the_code(&body) => Err(Refusal::Refused("code_refused")),
            (status, _) => Err(failed(what, &format!("answered {status}"))),
        }
    }

    async fn send(&self, what: &str, mut request: HttpRequest) -> Result<(u16, Vec<u8>), Refusal> {
        request.headers_mut().insert("accept", "application/json");
        let http = self.http.get_or_init(|| Http::to_anywhere().ok().map(SharedHttpConnector::new));
        let http = http.as_ref().ok_or_else(|| failed(what, "has no client"))?;
        let answer = async {
            let response = http.call(request).await.map_err(|_| failed(what, "was not reached"))?;
            read(what, response).await
        };
        timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(failed(what, "took too long")))
    }
}

async fn read(what: &str, response: HttpResponse) -> Result<(u16, Vec<u8>), Refusal> {
    let status = response.status().as_u16();
    let mut stream = ByteStream::new(response.into_body());
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        body.extend_from_slice(&chunk.map_err(|_| failed(what, "broke off"))?);
        if body.len() > MOST_BYTES {
            return Err(failed(what, "answered with more than a megabyte"));
        }
    }
    Ok((status, body))
}

fn parse<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, Refusal> {
    json::object(body).ok_or_else(|| failed(what, "did not answer in the JSON that it must"))
}

/// Whether the code is wrong, spent or too old (RFC 6749 §5.2). Providers say so with one status or another.
fn is_about_the_code(body: &[u8]) -> bool {
    json::object::<ErrorAnswer>(body).is_some_and(|answer| answer.error == "invalid_grant")
}

fn failed(what: &str, how: &str) -> Refusal {
    Refusal::Unavailable(format!("identity provider: {what} {how}"))
}
