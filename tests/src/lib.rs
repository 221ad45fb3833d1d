//! The harness of the end-to-end tests: a stack of its own for each test, and kinds of client.
//!
//! Everything goes over HTTP. With `USHER_BINARIES=<folder>` the same tests run against the built
//! functions, each in a process of its own behind a Lambda Runtime API.
//!
//! When a test's [`App`] is dropped, every secret that its clients sent or got is looked for in the
//! log of the whole run: a test that leaks one fails.

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "a harness: what panics fails its test"
)]

use std::env;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use local::{Options, Stack};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::config::Environment;
use shared::provision::document::Document;
use shared::provision::{self, Report};

/// The tenant that most tests use, and a second one; each with its keys, people and PINs.
pub const DOCUMENT: &str = include_str!("document.json");

/// The log of this process and of all function processes that it started.
static LOG: Mutex<String> = Mutex::new(String::new());

fn log() -> MutexGuard<'static, String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

struct LogWriter;

impl io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        log().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A running stack.
pub struct App {
    /// The stack itself.
    pub stack: Stack,
    secrets: Arc<Mutex<Vec<String>>>,
}

impl App {
    /// A stack with [`DOCUMENT`].
    pub async fn start() -> Self {
        Self::with(DOCUMENT).await
    }

    /// A stack with [`DOCUMENT`], changed.
    pub async fn changed(change: impl FnOnce(&mut Value)) -> Self {
        let mut document = serde_json::from_str(DOCUMENT).expect("the document is JSON");
        change(&mut document);
        Self::with(&document.to_string()).await
    }

    /// A stack with another document.
    pub async fn with(document: &str) -> Self {
        Self::placed(document, 0, None, env::var_os("USHER_BINARIES").map(Into::into)).await
    }

    /// A stack on a port, with a folder to keep its data in, and a folder with binaries.
    pub async fn placed(document: &str, port: u16, data: Option<PathBuf>, binaries: Option<PathBuf>) -> Self {
        static LOG_TO_MEMORY: Once = Once::new();
        LOG_TO_MEMORY.call_once(|| shared::log::init(|| LogWriter));
        let app = Self {
            stack: Stack::start(Options {
                port,
                data,
                document: Document::parse(document).expect("the document is valid"),
                binaries,
                log: Arc::new(|line| log().extend([line, "\n"])),
            })
            .await
            .expect("the stack starts"),
            secrets: Arc::default(),
        };
        // To the beginning of an hour, and so of every limit's window: no test runs across its end.
        let now = app.stack.world.clock.now();
        app.advance(3600 - now.rem_euclid(3600));
        app.remember(&serde_json::from_str(document).expect("the document is JSON"));
        app
    }

    fn client(&self, authorization: Option<&str>) -> Client {
        Client {
            http: reqwest::Client::new(),
            url: self.stack.url.clone(),
            authorization: authorization.map(ToOwned::to_owned),
            secrets: Arc::clone(&self.secrets),
        }
    }

    /// A client without a key.
    pub fn anonymous(&self) -> Client {
        self.client(None)
    }

    /// A client with any `Authorization` header.
    pub fn authorized(&self, header: &str) -> Client {
        self.client(Some(header))
    }

    /// A client with the API key called `id`.
    pub fn key(&self, id: &str) -> Client {
        let document: Value = serde_json::from_str(DOCUMENT).expect("the document is JSON");
        let keys = document["enterprises"].as_array().into_iter().flatten();
        let mut keys = keys.flat_map(|enterprise| enterprise["api_keys"].as_array().into_iter().flatten());
        let key = keys.find(|key| key["id"] == id).expect("the document has the key");
        self.client(Some(&format!("Bearer {}", key["key"].as_str().expect("a key"))))
    }

    /// A viewer's application.
    pub fn watch(&self) -> Client {
        self.key("acme-watch")
    }

    /// Ana, signed in with [`App::watch`].
    pub async fn ana(&self) -> SignedIn {
        self.watch().sign_in("ana", ANA).await
    }

    /// Moves the stack's clock.
    pub fn advance(&self, seconds: i64) {
        self.stack.world.clock.advance(seconds);
    }

    /// Makes the next `count` calls of the functions fail.
    pub async fn fail(&self, service: &str, operation: &str, error: &str, count: u32) {
        let fault = json!({ "service": service, "operation": operation, "error": error, "count": count });
        let answer = self.anonymous().post("/_local/faults", fault).await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// Forgets what was used so far.
    pub fn forget_usage(&self) {
        *self.stack.world.usage() = local::world::Usage::default();
    }

    /// What a function used since then.
    pub fn usage(&self, function: &str) -> local::world::FunctionUsage {
        self.stack.world.usage().functions.get(function).cloned().unwrap_or_default()
    }

    /// `DynamoDB` calls of a function since [`App::forget_usage`].
    pub fn dynamodb_calls(&self, function: &str) -> Vec<(String, u64)> {
        let calls = self.usage(function).calls.into_iter();
        calls.filter(|(name, _)| name.starts_with("dynamodb.")).collect()
    }

    /// The newest e-mail to `to`.
    pub fn last_email(&self, to: &str) -> Option<local::world::Email> {
        self.stack.world.outbox().email.iter().rev().find(|email| email.to == to).cloned()
    }

    /// The reset code in the newest e-mail to `to`.
    pub fn reset_code(&self, to: &str) -> String {
        let email = self.last_email(to).expect("an e-mail was sent");
        code_in(&email.text).expect("the e-mail has a link")
    }

    /// The lines of the log that belong to one request.
    pub fn log_of(&self, request_id: &str) -> Vec<Value> {
        let log = log();
        let lines = log.lines().filter(|line| line.contains(request_id));
        lines.map(|line| serde_json::from_str(line).expect("a line of log is JSON")).collect()
    }

    fn remember(&self, value: &Value) {
        remember(&self.secrets, value);
    }

    /// The stand-ins, as an operator's tool reaches them.
    pub fn operator(&self) -> Environment {
        local::environment("local-operator", &self.stack.aws_url, &self.stack.url)
    }

    /// Applies [`DOCUMENT`], changed, to the running stack.
    pub async fn apply(&self, change: impl FnOnce(&mut Value)) {
        let mut document = serde_json::from_str(DOCUMENT).expect("the document is JSON");
        change(&mut document);
        self.remember(&document);
        let document = Document::parse(&document.to_string()).expect("the document is valid");
        provision::run(&self.operator(), &document, &mut Report::default())
            .await
            .expect("the document applies");
    }

    /// Everything in the table, as text.
    pub async fn table_text(&self) -> String {
        let client = aws_sdk_dynamodb::Client::new(&self.operator().aws);
        let answer = client.scan().table_name("usher").send().await.expect("the table answers");
        format!("{:?}", answer.items())
    }

    /// The private key that signs, as an operator can read it, with its `kid`.
    pub async fn signing_key(&self) -> (String, Vec<u8>) {
        let client = aws_sdk_secretsmanager::Client::new(&self.operator().aws);
        let text = shared::secrets::read(&client, "usher/keys").await.expect("the secret is there");
        let secret: Value = serde_json::from_str(&text).expect("the secret is JSON");
        let key = &secret["keys"][0];
        let pkcs8 = data_encoding::BASE64.decode(key["pkcs8"].as_str().expect("a key").as_bytes());
        (key["kid"].as_str().expect("a kid").to_owned(), pkcs8.expect("base64"))
    }
}

/// Ana's password.
pub const ANA: &str = "rosebud and the red balloon";

impl Drop for App {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for email in &self.stack.world.outbox().email {
            self.remember(&json!({ "reset_code": code_in(&email.text) }));
        }
        let log = log();
        for secret in self.secrets.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            assert!(!log.contains(secret), "a secret is in the log: {secret}");
        }
    }
}

fn code_in(text: &str) -> Option<String> {
    let link = text.split_whitespace().find(|word| word.contains("/reset/"))?;
    link.rsplit('/').next().map(ToOwned::to_owned)
}

/// Notes every value of a field that must not be logged.
fn remember(secrets: &Mutex<Vec<String>>, value: &Value) {
    const PRIVATE: [&str; 9] = [
        "password",
        "new_password",
        "pin",
        "token",
        "refresh_token",
        "reset_code",
        "email",
        "key",
        "password_hash",
    ];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if PRIVATE.contains(&name.as_str()) && text.len() > 5 => {
                        secrets.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
                    }
                    _ => remember(secrets, value),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| remember(secrets, item)),
        _ => {}
    }
}

/// Something that calls the API.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    authorization: Option<String>,
    secrets: Arc<Mutex<Vec<String>>>,
}

/// A user's two tokens.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
}

impl Client {
    /// The same client, calling from another loopback address.
    pub fn from(mut self, address: &str) -> Self {
        let address: IpAddr = address.parse().expect("an address");
        let builder = reqwest::Client::builder().local_address(address);
        self.http = builder.build().expect("a client");
        self
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.authorization {
            Some(header) => request.header("authorization", header),
            None => request,
        }
    }

    /// Sends any bytes as a JSON body.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(method, path).header("content-type", "application/json");
        self.read(request.body(body)).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        remember(&self.secrets, &body);
        self.send("POST", path, body.to_string()).await
    }

    /// Sends an HTML form.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        remember(&self.secrets, &fields.iter().copied().collect());
        self.read(self.request("POST", path).form(fields)).await
    }

    /// Gets.
    pub async fn get(&self, path: &str) -> Answer {
        self.read(self.request("GET", path)).await
    }

    /// Gets, as a browser does.
    pub async fn get_html(&self, path: &str) -> Answer {
        self.read(self.request("GET", path).header("accept", "text/html")).await
    }

    /// Sends with one header more.
    pub async fn post_with(&self, path: &str, body: Value, header: (&str, &str)) -> Answer {
        remember(&self.secrets, &body);
        self.read(self.request("POST", path).header(header.0, header.1).json(&body)).await
    }

    async fn read(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("the stack answers");
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let text = answer.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or_default();
        remember(&self.secrets, &body);
        Answer { status, headers, text, body }
    }

    /// Signs in by password and expects success.
    pub async fn sign_in(&self, username: &str, password: &str) -> SignedIn {
        let answer = self.login(username, password).await.expect(200, "W0000");
        answer.tokens()
    }

    /// Tries to sign in by password.
    pub async fn login(&self, username: &str, password: &str) -> Answer {
        let credentials = json!({ "username": username, "password": password });
        self.post("/v2/watch/auth/login", json!({ "type": "password", "credentials": credentials })).await
    }

    /// Tries to sign in by PIN.
    pub async fn login_by_pin(&self, pin: &str) -> Answer {
        self.post("/v2/watch/auth/login", json!({ "type": "pin", "credentials": { "pin": pin } })).await
    }

    /// Refreshes.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/v2/watch/auth/token/refresh", json!({ "refresh_token": refresh_token })).await
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

impl Answer {
    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Holds the answer against a row of the status table, with the headers that every answer has.
    #[track_caller]
    pub fn expect(self, http: u16, status_code: &str) -> Self {
        assert_eq!((self.status, &self.body["status_code"]), (http, &json!(status_code)), "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("x-request-id").len(), 36, "{self:?}");
        assert_eq!(self.headers.contains_key("www-authenticate"), http == 401, "{self:?}");
        let retry_after = self.header("retry-after").parse::<u32>();
        assert_eq!(retry_after.is_ok_and(|seconds| seconds > 0), http == 429, "{self:?}");
        if http >= 400 {
            assert!(self.body["detail"].is_string(), "{self:?}");
            assert_eq!(self.body.as_object().map(serde_json::Map::len), Some(2), "{self:?}");
        }
        self
    }

    /// Holds the answer against 4900 and the field that it has to name.
    #[track_caller]
    pub fn expect_invalid(self, field: &str) -> Self {
        let answer = self.expect(400, "W4900");
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with(&format!("{field}: ")), "{detail}");
        answer
    }

    /// The tokens of a login.
    pub fn tokens(&self) -> SignedIn {
        let token = |name: &str| self.body[name].as_str().expect("a token").to_owned();
        SignedIn { token: token("token"), refresh_token: token("refresh_token") }
    }
}

/// A token's part as JSON: 0 the header, 1 the claims.
pub fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    let json = data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

/// Makes the same call many times at once, and counts the status codes.
pub async fn at_once<F>(times: usize, call: impl Fn(usize) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let tasks: Vec<_> = (0..times).map(|index| tokio::spawn(call(index))).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("a call does not panic"));
    }
    answers
}

/// How many of `answers` have this status code.
pub fn count(answers: &[Answer], status_code: &str) -> usize {
    answers.iter().filter(|answer| answer.body["status_code"] == status_code).count()
}
