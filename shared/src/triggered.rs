//! Functions that have no route: another AWS service invokes them.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Error, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::audit::{Line, Notes, Outcome};
use crate::config::Environment;
use crate::endpoint::{contain, milliseconds_since, start};
use crate::failure::Failure;

/// One such function. What [`crate::endpoint::Endpoint`] is to a route.
pub trait Triggered: Sized + Send + Sync + 'static {
    /// The binary's name, as `key-rotation`.
    const NAME: &'static str;
    /// What an invocation of it is, in the log; docs/audit.md lists these.
    const EVENT: &'static str;
    /// What the service sends.
    type Event: DeserializeOwned + Send + 'static;
    /// What it gets.
    type Answer: Serialize + Send + 'static;

    /// Builds what the function keeps between invocations.
    fn build(environment: &Environment) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// Answers one invocation.
    fn handle(
        &self,
        event: Self::Event,
        notes: &Notes,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

/// Answers one invocation and writes its one line of log. What fails is an error of the invocation, which
/// the service treats as such: nothing was allowed, nothing was done.
///
/// # Errors
/// A text without a cause; that is in the log.
pub async fn invoke<T: Triggered>(
    function: Arc<T>,
    event: Box<RawValue>,
    request_id: String,
) -> Result<Value, Error> {
    let started = Instant::now();
    let notes = Notes::default();
    let answer = contain(async {
        let event = serde_json::from_str(event.get())
            .map_err(|_| Failure::Internal("the event cannot be read".into()))?;
        let answer = function.handle(event, &notes).await?;
        serde_json::to_value(answer).map_err(|_| Failure::Internal("the answer does not serialise".into()))
    });
    let answer = answer.await;
    let cause = answer.as_ref().err().map(ToString::to_string);
    let line = Line {
        event: T::EVENT,
        outcome: if cause.is_some() { Outcome::Error } else { Outcome::Success },
        function: T::NAME,
        request_id: &request_id,
        status_code: None,
        http: None,
        milliseconds: milliseconds_since(started),
        cause: cause.as_deref(),
        about: &notes.take(),
    };
    line.write();
    answer.map_err(|_| "the function failed; its log says why".into())
}

/// The whole of a Lambda binary that a service invokes.
///
/// # Errors
/// When the function cannot be built, or the Lambda Runtime API is gone.
pub fn serve<T: Triggered>() -> Result<(), Error> {
    start(
        T::NAME,
        async |environment| T::build(environment).await,
        // Boxed: the types of all that is nested here are deeper than the compiler follows.
        |function| {
            lambda_runtime::run(service_fn(move |event: LambdaEvent<_>| {
                Box::pin(invoke(Arc::clone(&function), event.payload, event.context.request_id))
            }))
        },
    )
}
