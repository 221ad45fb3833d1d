//! The way of the functions to identity providers: a call in the same thread, which is noted and answered as it was
//! said before. Nothing leaves this process, wherever a document says that something is.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use lambda_http::http::{HeaderMap, Method, Uri};

/// Where an answer with a status from 300 to 399 sends on to, which nobody may follow.
const MOVED_TO: &str = "https://moved.example/";

/// An answer of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The HTTP status; 0 where nobody answers.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// What a provider answers to a function that has not asked it yet, which can do so in one order only: for the
/// discovery document, for the keys, for them once more, and with the code for a token.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The discovery document.
    pub discovery: Sent,
    /// The keys, and those that an unknown one leads to.
    pub keys: [Sent; 2],
    /// The token endpoint's answer.
    pub token: Sent,
}

/// A request that a provider was sent.
#[derive(Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its URL.
    pub url: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// See above.
#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    answers: Answers,
    asked: Vec<Asked>,
}

impl Wire {
    pub(crate) fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    /// Says what is answered from now on.
    pub fn answer(&self, answers: Answers) {
        *self.state() = State { answers, asked: Vec::new() };
    }

    /// What was asked since the last time.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        mem::take(&mut self.state().asked)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        // As the client on the internet does it.
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (parts, body) = request.into_parts();
        let body = body.bytes().expect("the body is in memory").to_vec();
        let mut state = self.state();
        let fetched = state.asked.iter().filter(|asked| asked.method == Method::GET).count();
        let Answers { discovery, keys: [first, second], token } = &state.answers;
        let sent = match (parts.method == Method::GET, fetched) {
            (false, _) => token,
            (true, 0) => discovery,
            (true, 1) => first,
            (true, _) => second,
        };
        let sent = sent.clone();
        state.asked.push(Asked { method: parts.method, url: parts.uri, headers: parts.headers, body });
        let status = StatusCode::try_from(sent.status).ok().filter(|_| sent.status != 0);
        let status = status.ok_or_else(|| ConnectorError::io("nobody answers".into()))?;
        let mut response = HttpResponse::new(status, SdkBody::from(sent.body));
        if (300..400).contains(&sent.status) {
            response.headers_mut().insert("location", MOVED_TO);
        }
        Ok(response)
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.send(request))
    }
}
