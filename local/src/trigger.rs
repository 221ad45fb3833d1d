//! Runs the functions that have no route, in this process or as binaries.

use std::sync::Arc;

use functions::{Invocation, Trigger};
use serde_json::Value;
use serde_json::value::to_raw_value;
use uuid::Uuid;

use crate::runtime_api::Function;
use crate::{Options, Place};

/// One such function.
#[derive(Clone)]
pub(crate) enum TriggerRunner {
    /// In this process.
    Here(Invocation),
    /// In its own binary.
    Binary(Arc<Function>),
}

impl TriggerRunner {
    pub(crate) async fn start(trigger: &Trigger, options: &Options, place: &Place) -> Result<Self, String> {
        if let Some(folder) = &options.binaries {
            let variables = place.variables(trigger.name);
            return Function::new(trigger.name, folder, variables, Arc::clone(&options.log))
                .map(Self::Binary);
        }
        let built = (trigger.build)(place.environment(trigger.name)).await;
        built.map(Self::Here).map_err(|failure| format!("{}: {failure}", trigger.name))
    }

    /// The function, where it runs as a binary.
    pub(crate) fn binary(&self) -> Option<&Arc<Function>> {
        match self {
            Self::Here(_) => None,
            Self::Binary(function) => Some(function),
        }
    }

    /// Invokes the function.
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
