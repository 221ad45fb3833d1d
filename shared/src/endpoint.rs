//! What an endpoint is, and how one is run: on Lambda, or in the local stack's process.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lambda_http::http::Response;
use lambda_http::{Body, Error, Request, service_fn};
use tokio::time::timeout;

use crate::config::Environment;
use crate::failure::{Failure, Surface};
use crate::log;
use crate::reply::Reply;
use crate::request::Call;

/// One route of the API. The binary, the local gateway and the test that holds `template.yaml`
/// and `events/` against the code all read name, method and path from here.
pub trait Endpoint: Sized + Send + Sync + 'static {
    /// The binary's name, as `watch-login`; the function's, the event's and the log's too.
    const NAME: &'static str;
    /// The HTTP method.
    const METHOD: &'static str;
    /// The path as API Gateway writes it, as `/reset/{reset_code}`. The template routes it a second
    /// time as `<path>/{slash+}`: that is how API Gateway takes one trailing slash, since it knows no
    /// route that ends in one; [`answer`] refuses what has more behind it.
    const PATH: &'static str;
    /// Whose error shape the endpoint uses.
    const SURFACE: Surface = Surface::Watch;

    /// Builds what the endpoint keeps between calls: clients, keys.
    fn build(environment: &Environment) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// Answers one call.
    fn handle(&self, call: &Call) -> impl Future<Output = Result<Reply, Failure>> + Send;
}

/// How long a call may take before it is answered with 5000: a second less than Lambda gives it in
/// `template.yaml`, since what Lambda cuts off has no status code.
pub const DEADLINE: Duration = Duration::from_secs(9);

/// Answers one request and writes its one line of log. A panic is answered with 5000, and so is a
/// call that takes too long.
pub async fn answer<E: Endpoint>(endpoint: Arc<E>, request: Request) -> Response<Body> {
    let started = Instant::now();
    let call = Call::new(request);
    if !call.path_parameter("slash").is_empty() {
        return Reply::not_found().into_response(&call.request_id);
    }
    let (request_id, source) = (call.request_id.clone(), call.source.clone());
    // A task of its own, so that a panic in the handler ends there.
    let handled = tokio::spawn(async move { timeout(DEADLINE, endpoint.handle(&call)).await });
    let outcome = match handled.await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Failure::Internal("the deadline passed".into())),
        Err(_) => Err(Failure::Internal("panic".into())),
    };
    let (reply, cause) = match outcome {
        Ok(reply) => (reply, None),
        Err(Failure::Internal(cause)) => (Failure::Internal(String::new()).reply(E::SURFACE), Some(cause)),
        Err(failure) => (failure.reply(E::SURFACE), None),
    };
    let (function, http) = (E::NAME, reply.http());
    let status_code = reply.status_code.as_str();
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(cause) = cause {
        tracing::error!(target: "usher", function, request_id, source, status_code, http, milliseconds, cause, "call");
    } else {
        tracing::info!(target: "usher", function, request_id, source, status_code, http, milliseconds, "call");
    }
    reply.into_response(&request_id)
}

/// The whole of a Lambda binary: builds the endpoint from the environment, then serves calls.
///
/// # Errors
/// When the endpoint cannot be built, or the Lambda Runtime API is gone.
pub fn serve<E: Endpoint>() -> Result<(), Error> {
    log::init(std::io::stdout);
    log::hide_panics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let built = match Environment::from_variables().await {
            Ok(environment) => E::build(&environment).await,
            Err(failure) => Err(failure),
        };
        let endpoint = match built {
            Ok(endpoint) => Arc::new(endpoint),
            Err(failure) => {
                tracing::error!(target: "usher", function = E::NAME, cause = %failure, "init");
                return Err("the function could not start; its log says why".into());
            }
        };
        lambda_http::run(service_fn(move |request| {
            let endpoint = Arc::clone(&endpoint);
            async move { Ok::<_, Error>(answer(endpoint, request).await) }
        }))
        .await
    })
}
