//! Where a function runs: in this process, or as its binary.

use std::sync::Arc;

use functions::Invocation;
use lambda_http::BoxFuture;
use serde_json::Value;
use serde_json::value::to_raw_value;
use shared::config::Environment;
use shared::failure::Failure;
use uuid::Uuid;

use crate::runtime_api::Function;
use crate::{Options, Place};

/// A function of the stack; `H` is what answers for it in this process.
#[derive(Clone)]
pub(crate) enum Runner<H> {
    /// In this process.
    Here(H),
    /// In its own binary.
    Binary(Arc<Function>),
}

impl<H> Runner<H> {
    /// Gets a function ready to be called. Its binary, if it has one, starts with the first call.
    pub(crate) async fn new(
        name: &'static str,
        build: fn(Environment) -> BoxFuture<'static, Result<H, Failure>>,
        options: &Options,
        place: &Place,
    ) -> Result<Self, String> {
        if let Some(folder) = &options.binaries {
            let log = Arc::clone(&options.log);
            return Function::new(name, folder, place.variables(name), log).map(Self::Binary);
        }
        let here = build(place.environment(name)).await;
        here.map(Self::Here).map_err(|failure| format!("{name}: {failure}"))
    }

    /// The function, where it runs as a binary.
    pub(crate) fn binary(&self) -> Option<Arc<Function>> {
        match self {
            Self::Here(_) => None,
            Self::Binary(function) => Some(Arc::clone(function)),
        }
    }
}

impl Runner<Invocation> {
    /// Invokes a function that has no route.
    pub(crate) async fn invoke(&self, event: Value) -> Result<Value, String> {
        let request_id = Uuid::new_v4().to_string();
        match self {
            Self::Here(invocation) => {
                let event = to_raw_value(&event).map_err(|error| error.to_string())?;
                invocation(event, request_id).await.map_err(|error| error.to_string())
            }
            Self::Binary(function) => function.invoke(&request_id, &event).await,
        }
    }
}
