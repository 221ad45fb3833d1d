//! `/_local/…`: the stack's own routes, which no Lambda has.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::page;
use crate::world::{Fault, Outbox, Usage, World};

pub(crate) async fn health() -> Json<serde_json::Value> {
    Json(json!({ "status": "ready" }))
}

pub(crate) async fn outbox(State(world): State<Arc<World>>, headers: HeaderMap) -> Response {
    let outbox = world.outbox().clone();
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        Html(page::outbox(&outbox)).into_response()
    } else {
        Json(outbox).into_response()
    }
}

pub(crate) async fn empty_outbox(State(world): State<Arc<World>>) -> StatusCode {
    *world.outbox() = Outbox::default();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Advance {
    advance_seconds: i64,
}

pub(crate) async fn clock(
    State(world): State<Arc<World>>,
    advance: Result<Json<Advance>, JsonRejection>,
) -> Response {
    match advance {
        Ok(Json(advance)) => {
            world.clock.advance(advance.advance_seconds);
            Json(json!({ "now": world.clock.now() })).into_response()
        }
        Err(rejection) => bad_request(&rejection),
    }
}

pub(crate) async fn add_fault(
    State(world): State<Arc<World>>,
    fault: Result<Json<Fault>, JsonRejection>,
) -> Response {
    match fault {
        Ok(Json(fault))
            if !["dynamodb", "sns", "ses", "secretsmanager", "*"].contains(&fault.service.as_str()) =>
        {
            let message = "service: must be dynamodb, sns, ses, secretsmanager or *";
            (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response()
        }
        Ok(Json(fault)) => {
            world.add_fault(fault);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(rejection) => bad_request(&rejection),
    }
}

pub(crate) async fn clear_faults(State(world): State<Arc<World>>) -> StatusCode {
    world.clear_faults();
    StatusCode::NO_CONTENT
}

pub(crate) async fn usage(State(world): State<Arc<World>>) -> Json<Usage> {
    Json(world.usage().clone())
}

pub(crate) async fn empty_usage(State(world): State<Arc<World>>) -> StatusCode {
    *world.usage() = Usage::default();
    StatusCode::NO_CONTENT
}

fn bad_request(rejection: &JsonRejection) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "message": rejection.body_text() }))).into_response()
}
