//! The way to the embedded store: its own HTTP server on a port of its own.

use std::path::Path;

use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::{Answer, failure};
use crate::world::World;

const JSON: &str = "application/x-amz-json-1.0";

pub(super) struct Upstream {
    client: Client,
    url: String,
    server: Option<AbortHandle>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

impl Upstream {
    /// Takes the store at `url`, or starts the embedded one: in memory, or in a file of `data`.
    pub(super) async fn start(data: Option<&Path>, url: Option<String>) -> Result<Self, String> {
        if let Some(url) = url {
            return Ok(Self { client: Client::new(), url, server: None });
        }
        let database = match data {
            None => Database::memory(),
            Some(folder) => Database::new(&folder.join("table.db").to_string_lossy()),
        };
        let database = database.map_err(|error| format!("the store does not open: {error}"))?;
        if data.is_some() {
            database.sweep_ttl().map_err(|error| format!("the store cannot be swept: {error}"))?;
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let server = tokio::spawn(serve_with_shutdown(listener, database, std::future::pending()));
        let server = Some(server.abort_handle());
        Ok(Self { client: Client::new(), url: format!("http://{address}/"), server })
    }

    /// Passes a call on, and notes the capacity that it took.
    pub(super) async fn call(
        &self,
        operation: &str,
        headers: &HeaderMap,
        mut request: Value,
        function: Option<&str>,
        world: &World,
    ) -> Answer {
        if !request.is_object() {
            return failure("dynamodb", 400, "SerializationException");
        }
        request["ReturnConsumedCapacity"] = json!("TOTAL");
        let mut sent = self.client.post(&self.url).header(CONTENT_TYPE, JSON);
        for name in ["x-amz-target", "authorization", "x-amz-date"] {
            if let Some(value) = headers.get(name) {
                sent = sent.header(name, value.as_bytes());
            }
        }
        let Ok(answer) = sent.body(request.to_string()).send().await else {
            return failure("dynamodb", 500, "InternalServerError");
        };
        let status = answer.status().as_u16();
        let Ok(body) = answer.bytes().await else {
            return failure("dynamodb", 500, "InternalServerError");
        };
        if let (Some(function), Ok(answer)) = (function, serde_json::from_slice::<Value>(&body)) {
            let refused = units_of_refusal(&request, &answer);
            note_capacity(world, function, operation, &answer["ConsumedCapacity"], refused);
        }
        Answer { status, content_type: JSON, error_type: None, body: body.to_vec() }
    }
}

/// What a write is told that meets another call's transaction, as the embedded store never says: of several writes, the
/// first one does. <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub(super) fn conflict(operation: &str, request: &[u8]) -> Answer {
    if operation != "TransactWriteItems" {
        return failure("dynamodb", 400, "TransactionConflictException");
    }
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let writes = request["TransactItems"].as_array().map_or(0, Vec::len);
    let reason = |at| json!({ "Code": if at == 0 { "TransactionConflict" } else { "None" } });
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "planned",
        "CancellationReasons": (0..writes).map(reason).collect::<Vec<_>>(),
    });
    Answer { status: 400, content_type: JSON, error_type: None, body: body.to_string().into() }
}

/// The write units of a call whose condition did not hold: DynamoDB bills what it would have written, and does not say
/// so in its answer. Our items are of less than 1 KB, which is one unit, and two in a transaction.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>
fn units_of_refusal(request: &Value, answer: &Value) -> f64 {
    let kind = answer["__type"].as_str().unwrap_or_default();
    if kind.ends_with("ConditionalCheckFailedException") {
        1.0
    } else if kind.ends_with("TransactionCanceledException") {
        request["TransactItems"].as_array().into_iter().flatten().map(|_| 2.0).sum()
    } else {
        0.0
    }
}

fn note_capacity(world: &World, function: &str, operation: &str, consumed: &Value, refused: f64) {
    let units = |table: &Value| table["CapacityUnits"].as_f64().unwrap_or_default();
    let units = match consumed {
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => units(table) + refused,
    };
    let mut usage = world.usage();
    let usage = usage.functions.entry(function.to_owned()).or_default();
    if operation.contains("Get") || operation == "Query" {
        usage.read_units += units;
    } else {
        usage.write_units += units;
    }
}
