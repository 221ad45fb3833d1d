//! What stands in API Gateway's place: matches a route, makes the event, hands it to the function
//! in this process or to its binary, and passes the answer on.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use functions::{Handler, Route};
use serde_json::{Map, Value, json};
use shared::failure::Failure;
use uuid::Uuid;

use crate::Log;
use crate::event::{Incoming, match_path};
use crate::runner::Runner;
use crate::world::World;

/// API Gateway's limit on a body, in bytes.
const MOST_BYTES: usize = 10 * 1024 * 1024;

/// The routes and what answers them.
pub(crate) struct Gateway {
    pub(crate) world: Arc<World>,
    pub(crate) runners: BTreeMap<&'static str, Runner<Handler>>,
    pub(crate) log: Log,
}

pub(crate) async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let matched = functions::ROUTES
        .iter()
        .filter(|route| route.method == parts.method.as_str())
        .filter_map(|route| Some((route, match_path(route.path, parts.uri.path())?)))
        // The most of the path that is the route's own, as API Gateway chooses.
        .max_by_key(|(route, parameters)| {
            (!parameters.contains_key("slash"), Reverse(parameters.len()), route.path.len())
        });
    let Some((route, parameters)) = matched else {
        return own_answer(StatusCode::NOT_FOUND, "Not Found");
    };
    let Ok(body) = axum::body::to_bytes(body, MOST_BYTES).await else {
        return own_answer(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let request_id = Uuid::new_v4().to_string();
    let incoming = Incoming {
        route,
        parameters,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
        source_ip: peer.ip().to_string(),
        request_id: &request_id,
        now: gateway.world.clock.now_milliseconds(),
    };
    gateway.world.count_invocation(route.name);
    let answer = match gateway.runners.get(route.name) {
        Some(Runner::Here(handler)) => in_process(handler, &incoming.event(), &request_id).await,
        Some(Runner::Binary(function)) => match function.invoke(&request_id, &incoming.event()).await {
            Ok(answer) => {
                from_lambda(&answer).ok_or_else(|| "the response is not a proxy response".to_owned())
            }
            Err(broken) => Err(broken),
        },
        None => Err("the function was not built".to_owned()),
    };
    answer.unwrap_or_else(|cause| broken(&gateway, route, &request_id, &cause))
}

/// An answer of API Gateway itself.
fn own_answer(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}

/// What stands in the place of an answer that a function did not give.
fn broken(gateway: &Gateway, route: &Route, request_id: &str, cause: &str) -> Response {
    (gateway.log)(
        &json!({ "level": "ERROR", "function": route.name, "request_id": request_id, "cause": cause })
            .to_string(),
    );
    let reply = Failure::Internal(String::new()).reply(route.surface, request_id);
    from_function(reply.into_response(request_id))
}

async fn in_process(handler: &Handler, event: &Value, request_id: &str) -> Result<Response, String> {
    let event =
        serde_json::from_str(&event.to_string()).map_err(|_| "the event cannot be read".to_owned())?;
    Ok(from_function(handler(event, request_id.to_owned()).await))
}

fn from_function(response: Response<lambda_http::Body>) -> Response {
    response.map(|body| Body::from(body.to_vec()))
}

/// An HTTP response out of a function's answer (payload format 2.0).
fn from_lambda(answer: &Value) -> Option<Response> {
    let status = u16::try_from(answer["statusCode"].as_u64()?).ok()?;
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"].as_bool().unwrap_or_default() {
        data_encoding::BASE64.decode(text.as_bytes()).ok()?
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let empty = Map::new();
    for (name, value) in answer["headers"].as_object().unwrap_or(&empty) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        response.headers_mut().insert(name, HeaderValue::from_str(value.as_str()?).ok()?);
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
    }
    Some(response)
}
