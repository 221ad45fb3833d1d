//! The way of the functions' AWS clients to the embedded `DynamoDB`: a call in the same thread. By HTTP on loopback,
//! as everywhere else in the local stack, it takes ten times as long, and through tasks whose order is another each
//! time.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::http::Http;

const TARGET: &str = "DynamoDB_20120810.";

/// An HTTP client for the SDK that carries out `DynamoDB`'s calls itself, and sends all others.
#[derive(Clone)]
pub(crate) struct InProcess {
    database: Database,
    others: Http,
    has_written: Arc<AtomicBool>,
    /// Secrets that were read, by the request: what a function that is built anew asks for again. Forgotten with any
    /// other call to Secrets Manager.
    secrets: Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("InProcess")
    }
}

impl InProcess {
    pub(crate) fn new(database: Database) -> Self {
        let others = Http::to_aws().expect("the certificates are in this binary");
        Self { database, others, has_written: Arc::default(), secrets: Arc::default() }
    }

    /// Keeps what is in the table, for [`InProcess::restore`].
    pub(crate) fn keep(&self, file: &str) {
        // What was kept before, or left by a process of the same number.
        let _ = std::fs::remove_file(file);
        self.database.vacuum_into(file).expect("the table can be kept");
        self.has_written.store(false, Ordering::Relaxed);
    }

    /// Brings the table back to what was kept, where something may have been written since.
    pub(crate) fn restore(&self, file: &str) {
        if self.has_written.swap(false, Ordering::Relaxed) {
            self.database.restore_from(file).expect("the table comes back");
        }
    }

    fn answer(&self, operation: &str, body: &[u8]) -> HttpResponse {
        match self.carry_out(operation, body) {
            Ok(answer) => response(200, answer),
            Err(error) => response(error.status_code(), error.to_json()),
        }
    }

    fn secrets(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Vec<u8>>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a secret, once.
    async fn read_secret(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let key = request.body().bytes().expect("the body is in memory").to_vec();
        let known = self.secrets().get(&key).cloned();
        if let Some(known) = known {
            return Ok(response(200, known));
        }
        let answer = self.others.send(request).await?;
        let status = answer.status().as_u16();
        let body = ByteStream::new(answer.into_body()).collect().await;
        let body = body.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
        if status == 200 {
            self.secrets().insert(key, body.clone());
        }
        Ok(response(status, body))
    }

    fn carry_out(&self, operation: &str, body: &[u8]) -> dynoxide::Result<String> {
        let database = &self.database;
        match operation {
            "GetItem" => return run(body, |request| database.get_item(request)),
            "BatchGetItem" => return run(body, |request| database.batch_get_item(request)),
            "Query" => return run(body, |request| database.query(request)),
            _ => self.has_written.store(true, Ordering::Relaxed),
        }
        match operation {
            "PutItem" => run(body, |request| database.put_item(request)),
            "UpdateItem" => run(body, |request| database.update_item(request)),
            "DeleteItem" => run(body, |request| database.delete_item(request)),
            "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
            other => panic!("no function calls {other}"),
        }
    }
}

fn response(status: u16, body: impl Into<SdkBody>) -> HttpResponse {
    let status = StatusCode::try_from(status).expect("an HTTP status");
    let mut response = HttpResponse::new(status, body.into());
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    call: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> dynoxide::Result<String> {
    let unread = |error: serde_json::Error| DynoxideError::ValidationException(error.to_string());
    let answer = call(serde_json::from_slice(body).map_err(unread)?)?;
    serde_json::to_string(&answer).map_err(unread)
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target");
        if let Some(operation) = target.and_then(|target| target.strip_prefix(TARGET)) {
            let body = request.body().bytes().expect("the body is in memory");
            return HttpConnectorFuture::ready(Ok(self.answer(operation, body)));
        }
        if target == Some("secretsmanager.GetSecretValue") {
            return HttpConnectorFuture::new(self.clone().read_secret(request));
        }
        self.secrets().clear();
        let others = self.others.clone();
        HttpConnectorFuture::new(async move { others.send(request).await })
    }
}
