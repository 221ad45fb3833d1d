//! One loopback endpoint that speaks the AWS protocols the functions use.
//!
//! `DynamoDB` is the embedded store's own server, with this endpoint in front; SNS, SES and Secrets
//! Manager are stand-ins for the calls that Usher makes. The caller's access key id begins with the
//! function's name, so that every call is counted where it belongs.

pub(crate) mod access;
mod dynamodb;
pub(crate) mod secretsmanager;
mod ses;
mod sns;

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::runtime_api::killing;
use crate::world::{FaultKind, World};
use crate::{Allows, OPERATOR};
use access::Access;
use secretsmanager::Secrets;

/// Longer than any client of this endpoint waits.
const NEVER: Duration = Duration::from_mins(1);

/// A service's answer.
pub(crate) struct Answer {
    status: u16,
    content_type: &'static str,
    /// The error's name, where the protocol has it in a header.
    error_type: Option<&'static str>,
    body: Vec<u8>,
}

impl Answer {
    fn ok(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, content_type, error_type: None, body: body.into() }
    }
}

/// The endpoint's state.
pub(crate) struct Aws {
    world: Arc<World>,
    dynamodb: dynamodb::Upstream,
    allows: Option<Allows>,
    pub(crate) secrets: Arc<Secrets>,
}

/// Which call this is.
struct Called {
    service: &'static str,
    operation: String,
}

/// Why a connection is closed without an answer.
#[derive(Debug)]
struct Unanswered;

impl std::fmt::Display for Unanswered {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("left without an answer on purpose")
    }
}

impl std::error::Error for Unanswered {}

impl Aws {
    pub(crate) async fn new(
        world: Arc<World>,
        data: Option<&Path>,
        dynamodb: Option<String>,
        allows: Option<Allows>,
    ) -> Result<Self, String> {
        let dynamodb = dynamodb::Upstream::start(data, dynamodb).await?;
        let secrets = Arc::new(Secrets::open(data.map(|folder| folder.join("secrets.json")))?);
        Ok(Self { world, dynamodb, allows, secrets })
    }

    /// Serves until the task is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) -> Infallible {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let aws = Arc::clone(&self);
            tokio::spawn(async move {
                let service = service_fn(move |request| Arc::clone(&aws).answer(request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Unanswered> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Unanswered)?.to_bytes();
        let called = called(&parts.headers, parts.uri.path(), &body);
        let by = caller(&parts.headers);
        let function = by.as_deref().map(killing::function_of).filter(|name| *name != OPERATOR);
        let mut fault = None;
        if let Some(function) = function {
            let mut usage = self.world.usage();
            let calls = &mut usage.functions.entry(function.to_owned()).or_default().calls;
            *calls.entry(format!("{}.{}", called.service, called.operation)).or_default() += 1;
            drop(usage);
            fault = self.world.take_fault(called.service, &called.operation);
        }
        let answer = match fault {
            Some(FaultKind::Timeout) => {
                tokio::time::sleep(NEVER).await;
                return Err(Unanswered);
            }
            Some(FaultKind::Throttle) => failure(called.service, 400, "ThrottlingException"),
            Some(FaultKind::ServerError) => failure(called.service, 500, "InternalServerError"),
            Some(FaultKind::Conflict) => dynamodb::conflict(&called.operation, &body),
            Some(FaultKind::Crash) => return self.let_die(by.as_deref()).await,
            Some(FaultKind::LostResponse | FaultKind::CrashAfter) | None => {
                self.carry_out(&called, &parts.headers, &body, function).await
            }
        };
        match fault {
            Some(FaultKind::LostResponse) => return Err(Unanswered),
            Some(FaultKind::CrashAfter) => return self.let_die(by.as_deref()).await,
            _ => {}
        }
        if function.is_some() && !self.world.delay().is_zero() {
            // A thread's sleep: the runtime's own are by whole milliseconds.
            let delay = self.world.delay();
            let _ = tokio::task::spawn_blocking(move || std::thread::sleep(delay)).await;
        }
        let mut response = Response::new(Full::new(Bytes::from(answer.body)));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, answer.content_type.parse().map_err(|_| Unanswered)?);
        if let Some(error_type) = answer.error_type {
            headers.insert("x-amzn-errortype", error_type.parse().map_err(|_| Unanswered)?);
        }
        Ok(response)
    }

    /// Has the caller killed, which learns no more.
    async fn let_die(&self, by: Option<&str>) -> Result<Response<Full<Bytes>>, Unanswered> {
        killing::kill(by.unwrap_or_default());
        tokio::time::sleep(NEVER).await;
        Err(Unanswered)
    }

    /// Whether the function may do that; notes what it does, and what it may not.
    fn lets(&self, function: &str, needed: &[Access]) -> bool {
        let mut usage = self.world.usage();
        let touched = &mut usage.functions.entry(function.to_owned()).or_default().touched;
        for Access { action, keys } in needed {
            touched.entry(action.clone()).or_default().extend(keys.iter().map(|key| access::form(key)));
        }
        drop(usage);
        let Some(allows) = &self.allows else { return true };
        let refused = needed.iter().filter(|access| !allows(function, &access.action, &access.keys));
        let refused: Vec<_> = refused.map(|access| format!("{function}: {access}")).collect();
        let is_allowed = refused.is_empty();
        self.world.refused().extend(refused);
        is_allowed
    }

    async fn carry_out(
        &self,
        called: &Called,
        headers: &HeaderMap,
        body: &[u8],
        function: Option<&str>,
    ) -> Answer {
        let request = match called.service {
            "dynamodb" | "secretsmanager" => serde_json::from_slice(body).unwrap_or_default(),
            // Another form, and a request names nothing that a policy tells apart.
            _ => Value::Null,
        };
        let needed = access::needed(called.service, &called.operation, &request);
        if function.is_some_and(|function| !self.lets(function, &needed)) {
            return failure(called.service, 400, "AccessDeniedException");
        }
        match called.service {
            "dynamodb" => {
                self.dynamodb.call(&called.operation, headers, request, function, &self.world).await
            }
            "secretsmanager" => self.secrets.call(&called.operation, body),
            "ses" => ses::call(&called.operation, body, &self.world),
            _ => sns::call(&called.operation, body, &self.world),
        }
    }
}

/// The access key id out of `AWS4-HMAC-SHA256 Credential=<id>/<date>/…`.
fn caller(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let credential = header.split_once("Credential=")?.1;
    Some(credential.split('/').next()?.to_owned())
}

fn called(headers: &HeaderMap, path: &str, body: &[u8]) -> Called {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some((service, operation)) = target.and_then(|target| target.split_once('.')) {
        let service = if service.starts_with("DynamoDB") { "dynamodb" } else { "secretsmanager" };
        return Called { service, operation: operation.to_owned() };
    }
    if path == "/v2/email/outbound-emails" {
        return Called { service: "ses", operation: "SendEmail".to_owned() };
    }
    let action = form_urlencoded::parse(body).find(|(key, _)| key == "Action");
    Called { service: "sns", operation: action.map(|(_, value)| value.into_owned()).unwrap_or_default() }
}

/// An error in the protocol of `service`.
fn failure(service: &str, status: u16, name: &'static str) -> Answer {
    match service {
        "sns" => Answer {
            status,
            content_type: "text/xml",
            error_type: None,
            body: format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{name}</Code><Message>planned</Message>\
                 </Error><RequestId>local</RequestId></ErrorResponse>"
            )
            .into_bytes(),
        },
        _ => Answer {
            status,
            content_type: "application/x-amz-json-1.0",
            error_type: Some(name),
            body: format!("{{\"__type\":\"{name}\",\"message\":\"planned\"}}").into_bytes(),
        },
    }
}
