//! What the fuzz targets have in common: the functions over the local stack, in one thread of one process, built once;
//! and what must hold of every answer, whatever the input. docs/fuzzing.md says what each target looks for.

mod answer;
mod credentials;
mod event;
mod input;
pub mod provider;
mod store;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use functions::{Handler, Invocation, ROUTES, Route, TRIGGERS};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use local::{Options, Stack};
use serde_json::Value;
use serde_json::value::to_raw_value;
use shared::config::Environment;
use shared::provision::document::Document;
use shared::provision::{self, Report};
use shared::token::es256::SigningKey;
use shared::token::keys::{self, KeySet};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

pub use answer::Answer;
pub use credentials::{ADMIN_KEY, ANA, ANA_AT, Credentials, Tokens, UDID, WATCH_KEY};
pub use event::Call;
pub use input::{fill, split_first};

use answer::check_secrets;
use provider::wire::Wire;
use store::InProcess;

/// Epoch seconds at which all calls come, so that an input takes the same way whenever it is run.
pub const NOW: i64 = 1_800_000_000;

/// The id of every call.
pub const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The tenants, their keys and people, as in the tests.
pub const DOCUMENT: &str = include_str!("../../tests/src/document.json");

/// Where clients reach the functions: the tokens' `iss`.
pub const PUBLIC_URL: &str = "https://login.usher.example";

/// When a call is given up that waits on purpose: `watch-forgot-password` answers two seconds after it began.
const PATIENCE: Duration = Duration::from_millis(300);

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn log() -> MutexGuard<'static, Vec<u8>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The functions and what is under them, and the thread in which they run.
pub struct House {
    runtime: Runtime,
    parts: Parts,
    /// The file that holds the table as it is before every input.
    kept: String,
    credentials: OnceLock<Credentials>,
    hashing: Mutex<Hashing>,
}

/// What is built in that thread.
struct Parts {
    environment: Environment,
    store: InProcess,
    wire: Wire,
    handlers: BTreeMap<&'static str, (&'static Route, Handler)>,
    triggers: BTreeMap<&'static str, Invocation>,
    events: BTreeMap<&'static str, Value>,
    keys: Arc<KeySet>,
    /// Serves secrets, mail and text messages. It stops when it is dropped.
    stack: Mutex<Stack>,
}

impl fmt::Debug for House {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("House")
    }
}

/// A function that has not been called yet.
pub struct Fresh {
    route: &'static Route,
    handler: Handler,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.route.name)
    }
}

/// How much of the time went into calls that hash a password.
struct Hashing {
    began: Instant,
    spent: Duration,
}

/// The functions, which are built by the first call.
///
/// # Panics
/// When they cannot be built.
pub fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(|| {
        let house = House::open();
        let credentials = Credentials::gather(&house);
        assert!(house.credentials.set(credentials).is_ok(), "they are gathered once");
        house.keep();
        house
    })
}

impl House {
    fn open() -> Self {
        shared::log::divert(|line| log().extend_from_slice(line));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let kept = std::env::temp_dir().join(format!("usher-fuzz-{}.db", std::process::id()));
        Self {
            parts: runtime.block_on(Parts::build()),
            runtime,
            kept: kept.to_string_lossy().into_owned(),
            credentials: OnceLock::new(),
            hashing: Mutex::new(Hashing { began: Instant::now(), spent: Duration::ZERO }),
        }
    }

    /// What a client can have before an input comes.
    ///
    /// # Panics
    /// Before it was gathered.
    pub fn credentials(&self) -> &Credentials {
        self.credentials.get().expect("they are gathered first")
    }

    /// The key that signs.
    ///
    /// # Panics
    /// Never: one signs.
    pub fn signing_key(&self) -> &SigningKey {
        self.parts.keys.signing().expect("one signs")
    }

    /// The keys as they are in Secrets Manager now.
    ///
    /// # Panics
    /// When they cannot be read.
    pub fn current_keys(&self) -> String {
        let keys = self.runtime.block_on(keys::private(&self.parts.environment)).expect("the keys are there");
        format!("{:?}", keys.get(NOW).jwks)
    }

    /// Begins an input: the table is as it was before all others.
    pub fn begin(&self) {
        self.parts.store.restore(&self.kept);
        let stack = self.parts.stack.lock().unwrap_or_else(PoisonError::into_inner);
        *stack.world.outbox() = local::world::Outbox::default();
        *stack.world.usage() = local::world::Usage::default();
    }

    /// What was sent by mail and as text messages.
    fn outbox(&self) -> local::world::Outbox {
        self.parts.stack.lock().unwrap_or_else(PoisonError::into_inner).world.outbox().clone()
    }

    /// Whether there is time for a call that hashes a password. A hash takes as long as a hundred calls without one:
    /// together they get a third of the time.
    pub fn has_time_to_hash(&self) -> bool {
        let hashing = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        hashing.spent < Duration::from_secs(2) + hashing.began.elapsed() / 3
    }

    /// Makes a call, and holds its answer against what must hold of every one. `None` where the answer is waited
    /// for no longer.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn ask(&self, function: &str, call: &Call<'_>) -> Option<Answer> {
        let event = self.event(function, call).to_string();
        let read = serde_json::from_str(&event);
        let read = read.unwrap_or_else(|error| panic!("an event that cannot be read, {error}: {event}"));
        self.answer(function, read)
    }

    /// The event of a call.
    pub fn event(&self, function: &str, call: &Call<'_>) -> Value {
        call.event(&self.parts.events[function])
    }

    /// Sends an event to a function, and holds its answer against what must hold of every one. `None` where it is no
    /// event, or the answer is waited for no longer.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn send(&self, function: &str, event: &str) -> Option<Answer> {
        self.answer(function, serde_json::from_str(event).ok()?)
    }

    /// Builds a function once more: one that has been called keeps what it was told, and an input must find none that
    /// has heard of another.
    ///
    /// # Panics
    /// When it cannot be built.
    pub fn fresh(&self, function: &str) -> Fresh {
        let (route, _) = self.parts.handlers[function];
        let built = (route.build)(self.parts.environment.clone());
        Fresh { route, handler: self.runtime.block_on(built).expect("it is built") }
    }

    /// Makes a call to a function of one's own, as [`House::ask`]. What its provider does can make it fail: that is
    /// no fault of ours.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn ask_fresh(&self, fresh: &Fresh, call: &Call<'_>) -> Answer {
        let event = self.event(fresh.route.name, call).to_string();
        let read = serde_json::from_str(&event).expect("it can be read");
        log().clear();
        let answer = Answer::of(self.runtime.block_on((fresh.handler)(read, REQUEST_ID.to_owned())));
        answer.check(fresh.route, true);
        answer.check_log(&String::from_utf8_lossy(&log()), self.credentials.get());
        answer
    }

    /// What the last call has written into the log.
    pub fn last_log(&self) -> String {
        String::from_utf8_lossy(&log()).into_owned()
    }

    /// What stands in the providers' place.
    pub fn wire(&self) -> &Wire {
        &self.parts.wire
    }

    /// Keeps what is in the table now, as it is to be before every input.
    pub fn keep(&self) {
        self.parts.store.keep(&self.kept);
    }

    fn answer(&self, function: &str, event: ApiGatewayV2httpRequest) -> Option<Answer> {
        let (route, handler) = &self.parts.handlers[function];
        let waits = function == "watch-forgot-password" && self.credentials.get().is_some();
        log().clear();
        let began = Instant::now();
        let answer = handler(event, REQUEST_ID.to_owned());
        let answer = self.runtime.block_on(async {
            if waits { timeout(PATIENCE, answer).await.ok() } else { Some(answer.await) }
        });
        // Nothing else takes nearly as long.
        if began.elapsed() > Duration::from_millis(8) {
            self.hashing.lock().unwrap_or_else(PoisonError::into_inner).spent += began.elapsed();
        }
        let answer = Answer::of(answer?);
        answer.check(route, false);
        answer.check_log(&String::from_utf8_lossy(&log()), self.credentials.get());
        Some(answer)
    }

    /// Invokes a function that has no route.
    ///
    /// # Errors
    /// When the invocation fails.
    ///
    /// # Panics
    /// Never: a value serialises.
    pub fn invoke(&self, function: &str, event: &Value) -> Result<Value, String> {
        log().clear();
        let event = to_raw_value(event).expect("a value serialises");
        let answer = self.parts.triggers[function](event, REQUEST_ID.to_owned());
        let answer = self.runtime.block_on(answer).map_err(|error| error.to_string());
        check_secrets(&String::from_utf8_lossy(&log()), self.credentials.get());
        answer
    }

    /// Applies a provisioning document to the table.
    ///
    /// # Errors
    /// What an operator is told.
    pub fn apply(&self, document: &Document) -> Result<Report, String> {
        let began = Instant::now();
        let mut report = Report::default();
        let applied = self.runtime.block_on(provision::run(&self.parts.environment, document, &mut report));
        self.hashing.lock().unwrap_or_else(PoisonError::into_inner).spent += began.elapsed();
        applied.map(|()| report).map_err(|failure| failure.to_string())
    }
}

impl Parts {
    async fn build() -> Self {
        let database = Database::memory().expect("a store");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        tokio::spawn(serve_with_shutdown(listener, database.clone(), std::future::pending()));
        let stack = Stack::start(Options {
            port: 0,
            data: None,
            dynamodb: Some(url),
            table: "usher".to_owned(),
            document: Document::parse(DOCUMENT).expect("the document is valid"),
            is_demo: false,
            binaries: None,
            log: Arc::new(|_| ()),
            allows: None,
            patience: None,
        });
        let stack = stack.await.expect("the stack starts");
        let store = InProcess::new(database);
        let mut environment = stack.place.environment("fuzz");
        environment.aws = environment.aws.into_builder().http_client(store.clone()).build();
        PUBLIC_URL.clone_into(&mut environment.public_url);
        let wire = Wire::default();
        environment.to_providers = Some(wire.connector());
        let (mut handlers, mut triggers, mut events) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for route in ROUTES {
            let handler = (route.build)(environment.clone()).await.expect("it is built");
            handlers.insert(route.name, (route, handler));
            events.insert(route.name, event::read(route.name));
        }
        for trigger in TRIGGERS {
            let function = (trigger.build)(environment.clone()).await.expect("it is built");
            triggers.insert(trigger.name, function);
            events.insert(trigger.name, event::read(trigger.name));
        }
        let keys = keys::private(&environment).await.expect("the keys are there").get(NOW);
        Self { environment, store, wire, handlers, triggers, events, keys, stack: Mutex::new(stack) }
    }
}
