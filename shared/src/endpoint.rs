//! What an endpoint is, and how one is run: on Lambda, or in the local stack's process.

use std::env;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::http::Response;
use lambda_http::http::header::{Entry, SET_COOKIE};
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Body, Error, service_fn};
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::audit::{Line, Outcome};
use crate::config::Environment;
use crate::failure::{Failure, Surface};
use crate::log::{self, Level, Trouble};
use crate::reply::Reply;
use crate::request::Call;

/// One route of the API. The binary, the local gateway and the test that holds `template.yaml`
/// and `events/` against the code all read name, method and path from here.
pub trait Endpoint: Sized + Send + Sync + 'static {
    /// The binary's name, as `watch-login`; the function's, the event's and the log's too.
    const NAME: &'static str;
    /// What a call of it is, in the log; docs/audit.md lists these.
    const EVENT: &'static str;
    /// The HTTP method.
    const METHOD: &'static str;
    /// The path as API Gateway writes it, as `/reset/{reset_code}`. The template routes it a second
    /// time as `<path>/{slash+}`: that is how API Gateway takes one trailing slash, since it knows no
    /// route that ends in one; [`answer`] refuses what has more behind it.
    const PATH: &'static str;
    /// Whose error shape the endpoint uses.
    const SURFACE: Surface;

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
pub async fn answer<E: Endpoint>(
    endpoint: Arc<E>,
    event: ApiGatewayV2httpRequest,
    request_id: String,
) -> Response<Body> {
    let started = Instant::now();
    let call = Call::new(event, request_id);
    if !call.path_parameter("slash").is_empty() {
        return Reply::not_found().into_response(&call.request_id);
    }
    let (reply, outcome, cause) = match contain(endpoint.handle(&call)).await {
        Ok(reply) => {
            let outcome = Outcome::of(reply.http());
            (reply, outcome, None)
        }
        Err(failure) => {
            let reply = failure.reply(E::SURFACE, &call.request_id);
            // By what failed, since not every surface has a status of its own for it.
            let outcome = Outcome::of(failure.http());
            let cause = if let Failure::Internal(cause) = failure { Some(cause) } else { None };
            (reply, outcome, cause)
        }
    };
    let line = Line {
        event: E::EVENT,
        outcome,
        function: E::NAME,
        request_id: &call.request_id,
        status_code: Some(&reply.status_code),
        http: Some(reply.http()),
        milliseconds: milliseconds_since(started),
        cause: cause.as_deref(),
        about: &call.notes.take(),
    };
    line.write();
    reply.into_response(&call.request_id)
}

/// Runs a handler so that a panic ends here, and no longer than [`DEADLINE`].
pub(crate) async fn contain<T>(handler: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // What a panic leaves half-done is gone with its call; what calls share stands behind locks that say so.
    match AssertUnwindSafe(timeout(DEADLINE, handler)).catch_unwind().await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Failure::Internal("the deadline passed".into())),
        Err(_) => Err(Failure::Internal("panic".into())),
    }
}

pub(crate) fn milliseconds_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The whole of a Lambda binary that answers a route: builds the endpoint from the environment, then
/// serves calls.
///
/// # Errors
/// When the endpoint cannot be built, or the Lambda Runtime API is gone.
pub fn serve<E: Endpoint>() -> Result<(), Error> {
    start(
        E::NAME,
        async |environment| E::build(environment).await,
        // Boxed: the types of all that is nested here are deeper than the compiler follows.
        |endpoint| {
            lambda_runtime::run(service_fn(move |event| Box::pin(invoke(Arc::clone(&endpoint), event))))
        },
    )
}

/// Answers one event of API Gateway (payload format 2.0). What `lambda_http::run` does, but for two things: it would
/// write the event anew as an HTTP request, of which it parses the URL three times; and convert bodies from and to
/// every character set, where ours are UTF-8 and those tables are a tenth of a binary.
async fn invoke<E: Endpoint>(
    endpoint: Arc<E>,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<ApiGatewayV2httpResponse, Error> {
    // Not the parser's own words, which can quote a value.
    let read = serde_json::from_str(event.payload.get()).map_err(|_| "this is no event of an HTTP API")?;
    let (parts, body) = answer(endpoint, read, event.context.request_id).await.into_parts();
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = parts.status.as_u16().into();
    response.headers = parts.headers;
    if let Entry::Occupied(cookies) = response.headers.entry(SET_COOKIE) {
        let cookies = cookies.remove_entry_mult().1;
        response.cookies = cookies.filter_map(|cookie| Some(cookie.to_str().ok()?.to_owned())).collect();
    }
    response.is_base64_encoded = matches!(body, Body::Binary(_));
    response.body = Some(body);
    Ok(response)
}

/// What all binaries begin with: the log, the runtime, the environment, and what the function keeps
/// between calls.
pub(crate) fn start<T, Run: Future<Output = Result<(), Error>> + Send + 'static>(
    name: &'static str,
    build: impl AsyncFnOnce(&Environment) -> Result<T, Failure>,
    run: impl FnOnce(Arc<T>) -> Run,
) -> Result<(), Error> {
    log::hide_panics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let function = match Environment::from_variables(|name| env::var(name).ok()) {
            Ok(environment) => build(&environment).await,
            Err(failure) => Err(failure),
        };
        match function {
            // In a task of its own: each time its main future is woken, the runtime asks the kernel for news first.
            Ok(function) => {
                let served = tokio::spawn(run(Arc::new(function))).await;
                // Not the error itself, which has a panic's text.
                served.unwrap_or_else(|_| Err("the runtime ended; its log says where".into()))
            }
            Err(failure) => {
                let cause = failure.to_string();
                let trouble = Trouble { function: Some(name), cause: Some(&cause), ..Trouble::default() };
                log::write(Level::Error, "init", &trouble);
                Err("the function could not start; its log says why".into())
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_hangs_or_panics_is_our_fault() {
        let told = |outcome: Result<(), Failure>| outcome.unwrap_err().to_string();
        assert_eq!(told(contain(pending()).await), "the deadline passed");
        assert_eq!(told(contain(async { panic!("of a test") }).await), "panic");
        assert_eq!(contain(async { Ok(7) }).await.unwrap(), 7);
    }
}
