//! The harness of the end-to-end tests: a stack of its own for each test, and kinds of client.
//!
//! Everything goes over HTTP. With `USHER_DYNAMODB=<URL>` the same tests run on another store, and
//! with `USHER_BINARIES=<folder>` against the built functions, each in processes of its own behind a
//! Lambda Runtime API.
//!
//! When a test's [`App`] is dropped, every secret that its clients sent or got is looked for in the
//! log of the whole run: a test that leaks one fails. So does one in which a function does what its policy in
//! `template.yaml` does not allow: the stand-ins of AWS refuse that.

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "a harness: what panics fails its test"
)]

mod client;
pub mod costs;
pub mod phone;
pub mod picture;
pub mod policy;
pub mod provider;
pub mod refusals;
mod secrets;
pub mod studio;
pub mod table;
pub mod tries;

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

pub use client::{Answer, Client, SignedIn};
use local::world::Outbox;
use local::{Options, Stack};
use secrets::remember;
use serde_json::{Value, json};
use shared::config::Environment;
use shared::provision::document::Document;
use shared::provision::{self, Report};
use ulid::Ulid;

/// The tenant that most tests use, and a second one; each with its keys, people and PINs.
pub const DOCUMENT: &str = include_str!("document.json");

/// How long an attempt at an AWS call may take in races. All that is under way in them is in one process: if the
/// machine lets that stand still for a second, what Lambda waits for would be too late for everybody at once.
const PATIENCE_IN_RACES: Duration = Duration::from_secs(8);

/// What the log says of an e-mail that SES did not take in time.
pub const MAIL_WAS_LATE: &str = "SendEmail took too long";

/// The log of this process and of all function processes that it started.
static LOG: Mutex<String> = Mutex::new(String::new());

fn log() -> MutexGuard<'static, String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running stack.
pub struct App {
    /// The stack itself.
    pub stack: Stack,
    secrets: Arc<Mutex<Vec<String>>>,
    /// How long the log was when this stack started: what it logs comes after that.
    log_before: usize,
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
        // A folder is for the embedded store.
        let dynamodb = env::var("USHER_DYNAMODB").ok().filter(|_| data.is_none());
        LOG_TO_MEMORY
            .call_once(|| shared::log::divert(|line| log().push_str(&String::from_utf8_lossy(line))));
        let log_before = log().len();
        let app = Self {
            stack: Stack::start(Options {
                port,
                data,
                // A store that is shared with other tests has a table for each.
                table: if dynamodb.is_some() {
                    format!("usher-{}", Ulid::generate())
                } else {
                    "usher".into()
                },
                dynamodb,
                document: Document::parse(document).expect("the document is valid"),
                is_demo: document == local::DEMO,
                binaries,
                log: Arc::new(|line| log().extend([line, "\n"])),
                allows: Some(Arc::new(policy::allows)),
                patience: cfg!(feature = "races").then_some(PATIENCE_IN_RACES),
            })
            .await
            .expect("the stack starts"),
            secrets: Arc::default(),
            log_before,
        };
        // At the beginning of an hour, and so of every limit's window: what comes of a call does not depend on how
        // fast the test is.
        app.stack.world.clock.stop();
        let now = app.stack.world.clock.now();
        app.advance(3600 - now.rem_euclid(3600));
        app.remember(&serde_json::from_str(document).expect("the document is JSON"));
        let operator = app.operator();
        let client = aws_sdk_secretsmanager::Client::new(&operator.aws);
        for id in [&operator.keys_secret, &operator.pepper_secret] {
            let secret = shared::secrets::read(&client, id).await.expect("the stack has its secrets");
            app.remember(&serde_json::from_str(&secret).expect("a secret is JSON"));
        }
        app
    }

    /// The same, with a clock that goes on: for what lives by the machine's, as browsers do.
    pub fn ticking(self) -> Self {
        self.stack.world.clock.go();
        self
    }

    fn client(&self, authorization: Option<&str>) -> Client {
        Client {
            http: reqwest::Client::new(),
            url: self.stack.place.url.clone(),
            authorization: authorization.map(ToOwned::to_owned),
            cookie: None,
            host: None,
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

    /// An application for a studio's staff.
    pub fn admin(&self) -> Client {
        self.key("acme-admin")
    }

    /// A player that speaks VIDIZMO's API, at acme's host name.
    pub fn vidizmo(&self) -> Client {
        self.anonymous().at("acme.localhost")
    }

    /// Olga, signed in with [`App::admin`].
    pub async fn olga(&self) -> SignedIn {
        self.admin().admin_login("olga", OLGA).await.expect(200, "A0000").tokens()
    }

    /// Ana, signed in with [`App::watch`].
    pub async fn ana(&self) -> SignedIn {
        self.watch().sign_in("ana", ANA).await
    }

    /// A client with Ana's token.
    pub async fn ana_client(&self) -> Client {
        self.authorized(&format!("JWT {}", self.ana().await.token))
    }

    /// Moves the stack's clock.
    pub fn advance(&self, seconds: i64) {
        self.stack.world.clock.advance(seconds);
    }

    /// Makes the next `count` calls of the functions fail.
    pub async fn fail(&self, service: &str, operation: &str, error: &str, count: u32) {
        self.fail_after(0, service, operation, error, count).await;
    }

    /// The same, once `after` of them have gone well.
    pub async fn fail_after(&self, after: u32, service: &str, operation: &str, error: &str, count: u32) {
        let fault = json!({
            "service": service, "operation": operation, "error": error, "count": count, "after": after,
        });
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

    /// Whether SES did not take the e-mail of a forgotten password within the time that its call has.
    pub fn was_mail_late(&self, told: &Answer) -> bool {
        self.log_of(told.header("x-request-id")).iter().any(|line| line["cause"] == MAIL_WAS_LATE)
    }

    /// The text messages that were sent to `number`, oldest first.
    pub fn sms_to(&self, number: &str) -> Vec<local::world::Sms> {
        self.stack.world.outbox().sms.iter().filter(|sms| sms.to == number).cloned().collect()
    }

    /// The code in the newest text message to `number`.
    pub fn sms_code(&self, number: &str) -> String {
        let sms = self.sms_to(number).pop().expect("a text message was sent");
        let (_, code) = sms.body.rsplit_once('#').expect("the message ends with a code");
        self.remember(&json!({ "otp": code }));
        code.to_owned()
    }

    /// The lines of the log that belong to one request.
    pub fn log_of(&self, request_id: &str) -> Vec<Value> {
        self.log_with(request_id)
    }

    /// The lines of the log that have a text in them.
    pub fn log_with(&self, text: &str) -> Vec<Value> {
        let log = log();
        let lines = log[self.log_before..].lines().filter(|line| line.contains(text));
        lines.map(|line| serde_json::from_str(line).expect("a line of log is JSON")).collect()
    }

    /// The line of each call since this stack started.
    pub fn calls_in_the_log(&self) -> Vec<Value> {
        self.log_with("\"message\":\"call\"")
    }

    fn remember(&self, value: &Value) {
        remember(&self.secrets, value);
    }

    /// Does not look in the log for what was sent or got so far: for a test that makes thousands.
    pub fn forget_secrets(&self) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.stack.world.outbox() = Outbox::default();
    }

    /// The stand-ins, as an operator's tool reaches them.
    pub fn operator(&self) -> Environment {
        self.stack.place.environment("local-operator")
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

    /// The private key that signs, as an operator can read it, with its `kid`.
    pub async fn signing_key(&self) -> (String, Vec<u8>) {
        let client = aws_sdk_secretsmanager::Client::new(&self.operator().aws);
        let text = shared::secrets::read(&client, "usher/keys").await.expect("the secret is there");
        let secret: Value = serde_json::from_str(&text).expect("the secret is JSON");
        let mut keys = secret["keys"].as_array().into_iter().flatten();
        let key = keys.find(|key| key["kid"] == secret["signing"]).expect("one signs");
        let pkcs8 = data_encoding::BASE64.decode(key["pkcs8"].as_str().expect("a key").as_bytes());
        (key["kid"].as_str().expect("a kid").to_owned(), pkcs8.expect("base64"))
    }
}

/// Ana's password.
pub const ANA: &str = "rosebud and the red balloon";

/// The password of Olga, who owns acme.
pub const OLGA: &str = "the projectionist never sleeps";

impl Drop for App {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let refused = self.stack.world.refused();
        assert!(refused.is_empty(), "no policy allows this: {refused:?}");
        for email in &self.stack.world.outbox().email {
            self.remember(&json!({ "reset_code": code_in(&email.text) }));
        }
        // A copy, so that other tests can log meanwhile; each secret once.
        let log = log()[self.log_before..].to_owned();
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets.iter().collect::<BTreeSet<_>>() {
            assert!(!log.contains(secret), "a secret is in the log: {secret}");
        }
    }
}

fn code_in(text: &str) -> Option<String> {
    let link = text.split_whitespace().find(|word| word.contains("/reset/"))?;
    link.rsplit('/').next().map(ToOwned::to_owned)
}

/// A token's part as JSON: 0 the header, 1 the claims.
pub fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    let json = data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

/// Makes the same call many times at once.
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
