//! The local stack: the functions, a store, and stand-ins for SNS, SES and Secrets Manager, in one
//! process on loopback. Nothing here reaches a Lambda binary.

mod aws;
mod control;
mod event;
mod gateway;
mod page;
mod runner;
pub mod runtime_api;
pub mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use functions::Invocation;
use functions::platform::key_rotation::KeyRotation;
use serde_json::Value;
use shared::aws::describe;
use shared::config::{Environment, timeouts};
use shared::provision::document::Document;
use shared::provision::{self, Report};
use shared::secrets;
use shared::store::Store;
use shared::token::keys::KeySecret;
use shared::triggered::Triggered;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::aws::Aws;
pub use crate::aws::access::form;
use crate::gateway::Gateway;
use crate::runner::Runner;
use crate::runtime_api::Function;
use crate::world::World;

/// Where lines of the functions' logs go that are made outside this process' own log.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// Whether a function's policy allows an action, as `dynamodb:GetItem`, for items with these partition keys.
pub type Allows = Arc<dyn Fn(&str, &str, &[String]) -> bool + Send + Sync>;

/// The built-in demo's provisioning document.
pub const DEMO: &str = include_str!("demo.json");

/// See [`Options::patience`], where the store is not the embedded one: an emulator that serves many at once is slower
/// than DynamoDB. Three of them still fit into a call.
const PATIENCE_WITH_STORES: Duration = Duration::from_millis(2_500);
/// How long the first keys may take to be made.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who calls AWS when the stack itself does.
const OPERATOR: &str = "local-operator";

/// How the stack is to run.
pub struct Options {
    /// The port on 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// A folder to keep the table and the secrets in; in memory when absent.
    pub data: Option<PathBuf>,
    /// Another store that speaks DynamoDB's protocol, instead of the embedded one.
    pub dynamodb: Option<String>,
    /// The table's name; `usher` unless the store is shared.
    pub table: String,
    /// The provisioning document.
    pub document: Document,
    /// Whether that is [`DEMO`], whose person the start page can show how to sign in.
    pub is_demo: bool,
    /// A folder with a binary for each function; in this process when absent.
    pub binaries: Option<PathBuf>,
    /// See [`Log`].
    pub log: Log,
    /// See [`Allows`]; every function may do everything when absent.
    pub allows: Option<Allows>,
    /// How long an attempt at an AWS call may take of functions in this process; as on Lambda when absent.
    pub patience: Option<Duration>,
}

/// Where the parts of a stack are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The API, as `http://127.0.0.1:9000`.
    pub url: String,
    /// The AWS stand-ins.
    pub aws_url: String,
    /// The table's name.
    pub table: String,
    /// See [`Options::patience`].
    patience: Option<Duration>,
}

/// A running stack. It stops when it is dropped.
pub struct Stack {
    /// Where its parts are.
    pub place: Place,
    /// What provisioning did.
    pub report: Report,
    /// The clock, outbox and usage.
    pub world: Arc<World>,
    tasks: JoinSet<()>,
    triggers: BTreeMap<&'static str, Runner<Invocation>>,
    functions: Vec<Arc<Function>>,
}

impl Stack {
    /// Starts everything; it is ready when this returns.
    ///
    /// # Errors
    /// A text for the person who started it: a port that is taken, a folder that cannot be
    /// written, a binary that is not there.
    pub async fn start(options: Options) -> Result<Self, String> {
        let world = Arc::new(World::default());
        let mut tasks = JoinSet::new();
        if let Some(folder) = &options.data {
            std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let listener = bind(options.port).await?;
        let url = format!("http://{}", listener.local_addr().map_err(|error| error.to_string())?);
        let (dynamodb, allows) = (options.dynamodb.clone(), options.allows.clone());
        let aws = Arc::new(Aws::new(Arc::clone(&world), options.data.as_deref(), dynamodb, allows).await?);
        // Beside the API's port, so that it can be written down; any other when that one is taken.
        let beside = if options.port == 0 { 0 } else { options.port.saturating_add(1) };
        let aws_listener = match bind(beside).await {
            Ok(listener) => listener,
            Err(_) => bind(0).await?,
        };
        let aws_url = format!("http://{}", aws_listener.local_addr().map_err(|error| error.to_string())?);
        let serving = Arc::clone(&aws);
        tasks.spawn(async move {
            serving.serve(aws_listener).await;
        });

        let patience = options.patience.or(options.dynamodb.is_some().then_some(PATIENCE_WITH_STORES));
        let place = Place { url, aws_url, table: options.table.clone(), patience };
        let operator = place.environment(OPERATOR);
        create_resources(&operator).await?;
        let mut triggers = BTreeMap::new();
        let rotation = make_first_keys(&options, &place, &aws).await?;
        triggers.insert(KeyRotation::NAME, rotation);
        let mut report = Report::default();
        let provisioned = provision::run(&operator, &options.document, &mut report).await;
        provisioned.map_err(|failure| failure.to_string())?;
        let mut runners = BTreeMap::new();
        for route in functions::ROUTES {
            let runner = Runner::new(route.name, route.build, &options, &place).await?;
            runners.insert(route.name, runner);
        }
        for trigger in functions::TRIGGERS.iter().filter(|trigger| trigger.name != KeyRotation::NAME) {
            let runner = Runner::new(trigger.name, trigger.build, &options, &place).await?;
            triggers.insert(trigger.name, runner);
        }
        let functions = runners.values().filter_map(Runner::binary);
        let functions = functions.chain(triggers.values().filter_map(Runner::binary)).collect();
        // What the functions did to start is no call's usage.
        *world.usage() = world::Usage::default();
        let curl = options.is_demo.then(|| first_curl(&place.url));
        let gateway = Arc::new(Gateway { world: Arc::clone(&world), runners, log: options.log });
        let tv_key = options.document.watch_key().map(|key| key.expose().to_owned());
        let router = router(Arc::clone(&world), gateway, place.url.clone(), curl, tv_key);
        tasks.spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let _ = axum::serve(listener, service).await;
        });
        Ok(Self { place, report, world, tasks, triggers, functions })
    }

    /// Invokes a function that has no route, as API Gateway or Secrets Manager does.
    ///
    /// # Errors
    /// What the invocation fails with; and when there is no such function.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, String> {
        self.world.count_invocation(function);
        let runner = self.triggers.get(function).ok_or_else(|| format!("there is no {function}"))?;
        runner.invoke(event).await
    }

    /// The functions, where they run as binaries.
    #[must_use]
    pub fn functions(&self) -> &[Arc<Function>] {
        &self.functions
    }

    /// Stops the servers, so that their ports are free when this returns.
    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Runs until the stack's servers end, which they do not by themselves.
    pub async fn run(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn bind(port: u16) -> Result<TcpListener, String> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| format!("port {port}: {error}"))
}

fn router(
    world: Arc<World>,
    gateway: Arc<Gateway>,
    url: String,
    curl: Option<String>,
    tv_key: Option<String>,
) -> Router {
    let start = {
        let world = Arc::clone(&world);
        move || async move {
            let outbox = world.outbox().clone();
            Html(page::start(&url, curl.as_deref(), tv_key.as_deref(), &outbox))
        }
    };
    let control = Router::new()
        .route("/_local/health", get(control::health))
        .route("/_local/outbox", get(control::outbox).delete(control::empty_outbox))
        .route("/_local/clock", post(control::clock))
        .route("/_local/faults", post(control::add_fault).delete(control::clear_faults))
        .route("/_local/usage", get(control::usage).delete(control::empty_usage))
        .with_state(world);
    Router::new().route("/", get(start)).merge(control).fallback(gateway::handle).with_state(gateway)
}

/// Connects the rotation function to its secret, and has it make the first keys where there are none: what
/// the template's rotation schedule does on AWS. Gives the function.
async fn make_first_keys(options: &Options, place: &Place, aws: &Aws) -> Result<Runner<Invocation>, String> {
    let mut triggers = functions::TRIGGERS.iter();
    let trigger = triggers.find(|trigger| trigger.name == KeyRotation::NAME).ok_or("no key rotation")?;
    let runner = Runner::new(trigger.name, trigger.build, options, place).await?;
    let rotation = runner.clone();
    aws.secrets.rotate_with(Box::new(move |event| {
        let runner = rotation.clone();
        Box::pin(async move { runner.invoke(event).await })
    }));
    let operator = place.environment(OPERATOR);
    let client = SecretsManager::new(&operator.aws);
    let text = secrets::read(&client, &operator.keys_secret).await.map_err(|failure| failure.to_string())?;
    if KeySecret::parse(&text).map_err(|failure| failure.to_string())?.is_empty() {
        let rotated = secrets::rotate(&client, &operator.keys_secret, PATIENCE).await;
        rotated.map_err(|failure| failure.to_string())?;
    }
    Ok(runner)
}

/// Makes the table, the secret of the keys without any, and the pepper's without a text, as the template
/// does on AWS.
///
/// # Errors
/// A text for the person who runs it.
pub async fn create_resources(environment: &Environment) -> Result<(), String> {
    Store::new(environment).create_table().await.map_err(|error| error.to_string())?;
    let client = SecretsManager::new(&environment.aws);
    let keys = KeySecret::default().to_text();
    for (name, text) in [(&environment.keys_secret, Some(keys)), (&environment.pepper_secret, None)] {
        match client.create_secret().name(name).set_secret_string(text).send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceExistsException") => {}
            Err(error) => return Err(describe("CreateSecret", &error)),
        }
    }
    Ok(())
}

impl Place {
    /// The environment of a caller in this process, who is known by its access key id.
    ///
    /// # Panics
    /// When this binary has no certificates, which are a part of it.
    #[must_use]
    pub fn environment(&self, caller: &str) -> Environment {
        let variables = self.variables(caller);
        let environment = Environment::from_variables(|name| variables.get(name).cloned());
        let mut environment =
            environment.expect("the variables are all there, and the certificates in this binary");
        if let Some(patience) = self.patience {
            let patient = timeouts().to_builder().operation_attempt_timeout(patience);
            environment.aws = environment.aws.into_builder().timeout_config(patient.build()).build();
        }
        environment
    }

    /// The same environment for a binary.
    #[must_use]
    pub fn variables(&self, function: &str) -> BTreeMap<String, String> {
        [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", function),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_ENDPOINT_URL", &self.aws_url),
            ("USHER_TABLE", &self.table),
            ("USHER_KEYS_SECRET", "usher/keys"),
            ("USHER_PEPPER_SECRET", "usher/pepper"),
            ("USHER_SSO_SECRETS", "usher/sso"),
            ("USHER_PUBLIC_URL", &self.url),
            ("USHER_MAIL_FROM", "no-reply@usher.localhost"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

/// A login with the demo's key and person.
#[must_use]
pub fn first_curl(url: &str) -> String {
    format!(
        "curl -s {url}/v2/watch/auth/login \\\n  -H 'Authorization: Bearer usk_demo_tv_LocalDemoKeyForTheWatchSurface000001' \\\n  \
         -d '{{\"type\":\"password\",\"credentials\":{{\"username\":\"ana\",\"password\":\"rosebud and the red balloon\"}}}}'"
    )
}
