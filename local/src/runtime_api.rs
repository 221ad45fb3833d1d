//! The Lambda Runtime API, for running the real binaries.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//!
//! Each instance of a function is a child process with a Runtime API of its own on a loopback port,
//! so that the stack knows which instance holds which invocation. Instances are started as Lambda
//! starts them: when an invocation finds none that is idle. One that crashes, or that passes an
//! invocation's deadline and is killed, fails that invocation; the next one gets a new instance.

pub(crate) mod killing;
mod output;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lambda_http::BoxFuture;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc, oneshot};

use self::killing::Mortal;
use self::output::Output;
use crate::Log;

/// How long an invocation may take, as in `template.yaml`.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// How many instances of one function run at once.
const MOST_INSTANCES: usize = 16;

/// Why an invocation has no answer: for the log.
pub type Broken = String;

struct Job {
    request_id: String,
    /// When an instance took it.
    taken_at: Option<Instant>,
    event: String,
    reply: oneshot::Sender<Result<Value, Broken>>,
}

/// One function: its binary, its queue, its instances.
pub struct Function {
    name: &'static str,
    binary: PathBuf,
    variables: BTreeMap<String, String>,
    log: Log,
    queue: mpsc::UnboundedSender<Job>,
    jobs: AsyncMutex<mpsc::UnboundedReceiver<Job>>,
    /// Jobs in the queue.
    waiting: AtomicUsize,
    /// Instances that ask for a job, or will once they have started.
    ready: AtomicUsize,
    instances: AtomicUsize,
    /// The newest instance's process.
    newest: AtomicU32,
    /// Microseconds that invocations took, from taking them to answering them: what Lambda bills.
    busy: AtomicU64,
    /// Bytes that its instances have logged.
    logged: AtomicU64,
    /// Ends the instances.
    end: Notify,
}

/// An instance that has just started.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// Its process.
    pub process: u32,
    /// From starting the process to its asking for an invocation.
    pub init: Duration,
}

/// One child process.
struct Instance {
    function: Arc<Function>,
    outputs: Vec<Arc<Output>>,
    current: Mutex<Option<Job>>,
    mortal: Mortal,
    /// When it has asked for its first job, or never will.
    started: Notify,
    /// Whether it has asked for a job yet.
    has_started: AtomicBool,
    /// Whether it is counted in [`Function::ready`].
    is_ready: AtomicBool,
}

impl Function {
    /// A function whose binary is in `folder`, and that starts no process yet.
    ///
    /// # Errors
    /// When the binary is not there.
    pub fn new(
        name: &'static str,
        folder: &std::path::Path,
        variables: BTreeMap<String, String>,
        log: Log,
    ) -> Result<Arc<Self>, String> {
        // cargo-lambda builds `<name>/bootstrap`, cargo builds `<name>`.
        let candidates = [folder.join(name).join("bootstrap"), folder.join(name)];
        let binary = candidates.into_iter().find(|path| path.is_file());
        let binary = binary.ok_or_else(|| format!("{} has no binary called {name}", folder.display()))?;
        let (queue, jobs) = mpsc::unbounded_channel();
        Ok(Arc::new(Self {
            name,
            binary,
            variables,
            log,
            queue,
            jobs: AsyncMutex::new(jobs),
            waiting: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            instances: AtomicUsize::new(0),
            newest: AtomicU32::new(0),
            busy: AtomicU64::new(0),
            logged: AtomicU64::new(0),
            end: Notify::new(),
        }))
    }

    /// The process of the instance that was started last.
    #[must_use]
    pub fn newest(&self) -> u32 {
        self.newest.load(Ordering::Acquire)
    }

    /// How long its invocations took, all together: what Lambda bills.
    #[must_use]
    pub fn busy(&self) -> Duration {
        Duration::from_micros(self.busy.load(Ordering::Acquire))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many bytes its instances have logged.
    #[must_use]
    pub fn logged(&self) -> u64 {
        self.logged.load(Ordering::Acquire)
    }

    /// Ends all of its instances, whatever they do.
    pub fn end_instances(&self) {
        self.end.notify_waiters();
    }

    /// Starts an instance before there is anything to do, and waits until it asks for an invocation.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn warm_up(self: &Arc<Self>) -> Result<Started, Broken> {
        let began = Instant::now();
        let (instance, process) = Arc::clone(self).spawn().await?;
        instance.started.notified().await;
        let init = began.elapsed();
        let has_started = instance.has_started.load(Ordering::Acquire);
        has_started
            .then_some(Started { process, init })
            .ok_or_else(|| format!("{} does not start", self.name))
    }

    /// Invokes the function and waits for its answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn invoke(self: &Arc<Self>, request_id: &str, event: &Value) -> Result<Value, Broken> {
        let (reply, answer) = oneshot::channel();
        let job = Job { request_id: request_id.to_owned(), taken_at: None, event: event.to_string(), reply };
        let waiting = self.waiting.fetch_add(1, Ordering::AcqRel) + 1;
        // Before the job is sent: whoever takes it at once is not ready any more, and needs no other beside it.
        let is_one_short = waiting > self.ready.load(Ordering::Acquire);
        self.queue.send(job).map_err(|_| "the queue is closed".to_owned())?;
        if is_one_short && self.instances.load(Ordering::Acquire) < MOST_INSTANCES {
            self.start().await?;
        }
        // Twice the deadline: once in the queue at most, once at work.
        match tokio::time::timeout(DEADLINE * 2, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the instance is gone".to_owned()),
            Err(_) => Err("no instance took the invocation in time".to_owned()),
        }
    }

    /// Starts an instance. Boxed, since an instance that ends can start the next.
    fn start(self: &Arc<Self>) -> BoxFuture<'static, Result<(), Broken>> {
        let function = Arc::clone(self);
        Box::pin(async move { function.spawn().await.map(|_| ()) })
    }

    /// The new instance, and its process.
    async fn spawn(self: Arc<Self>) -> Result<(Arc<Instance>, u32), Broken> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let mortal = Mortal::new(self.name);
        let mut child = Command::new(&self.binary)
            .env_clear()
            .envs(&self.variables)
            .env("AWS_ACCESS_KEY_ID", &mortal.access_key_id)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", self.name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", self.name)
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", self.name))?;
        let outputs = [
            child.stdout.take().map(ChildStdout::into_owned_fd),
            child.stderr.take().map(ChildStderr::into_owned_fd),
        ];
        let outputs = outputs.into_iter().flatten().map(|fd| Ok(Arc::new(Output::new(fd?)?)));
        let outputs = outputs.collect::<io::Result<Vec<_>>>().map_err(|error| error.to_string())?;
        self.instances.fetch_add(1, Ordering::AcqRel);
        self.ready.fetch_add(1, Ordering::AcqRel);
        let process = child.id().unwrap_or_default();
        self.newest.store(process, Ordering::Release);
        let instance = Arc::new(Instance {
            function: Arc::clone(&self),
            outputs,
            current: Mutex::new(None),
            mortal,
            started: Notify::new(),
            has_started: AtomicBool::new(false),
            is_ready: AtomicBool::new(true),
        });
        for output in &instance.outputs {
            let (output, function) = (Arc::clone(output), Arc::clone(&self));
            tokio::spawn(async move { output.follow(&function).await });
        }
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&instance));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let watched = Arc::clone(&instance);
        tokio::spawn(async move {
            watched.watch(child).await;
            server.abort();
        });
        Ok((instance, process))
    }
}

impl Instance {
    /// Logs what it has written: before its answer, so that whoever has the answer finds it in the log.
    fn log_written(&self) {
        for output in &self.outputs {
            let _ = output.log_written(&self.function);
        }
    }

    fn take_current(&self, id: &str) -> Option<Job> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|job| job.request_id == id)
    }

    fn set_ready(&self, is_ready: bool) {
        if self.is_ready.swap(is_ready, Ordering::AcqRel) != is_ready {
            let ready = &self.function.ready;
            if is_ready {
                ready.fetch_add(1, Ordering::AcqRel)
            } else {
                ready.fetch_sub(1, Ordering::AcqRel)
            };
        }
    }

    /// Waits for the process to end, by itself or by force, and fails what it held.
    async fn watch(&self, mut child: Child) {
        let how = tokio::select! {
            status = child.wait() => status.map_or_else(|error| error.to_string(), |status| status.to_string()),
            () = self.mortal.kill.notified() => {
                let _ = child.kill().await;
                "killed".to_owned()
            }
            () = self.function.end.notified() => {
                let _ = child.kill().await;
                "ended".to_owned()
            }
        };
        self.log_written();
        let function = &self.function;
        function.instances.fetch_sub(1, Ordering::AcqRel);
        self.set_ready(false);
        self.started.notify_one();
        let mut held = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        if !self.has_started.load(Ordering::Acquire) {
            // It died during init, and so would the next one: the job that it was started for
            // fails with it. Where the queue is locked, another instance waits for a job.
            if let Ok(mut jobs) = function.jobs.try_lock()
                && let Ok(job) = jobs.try_recv()
            {
                function.waiting.fetch_sub(1, Ordering::AcqRel);
                held = Some(job);
            }
        }
        if let Some(job) = held {
            let _ = job.reply.send(Err(format!("{} ended: {how}", function.name)));
        }
        if function.waiting.load(Ordering::Acquire) > function.ready.load(Ordering::Acquire) {
            let _ = function.start().await;
        }
    }
}

async fn next(State(instance): State<Arc<Instance>>) -> Response {
    let function = &instance.function;
    if !instance.has_started.swap(true, Ordering::AcqRel) {
        instance.started.notify_one();
    }
    instance.set_ready(true);
    let Some(mut job) = function.jobs.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    job.taken_at = Some(Instant::now());
    instance.set_ready(false);
    function.waiting.fetch_sub(1, Ordering::AcqRel);
    let headers = [
        ("lambda-runtime-aws-request-id", job.request_id.clone()),
        ("lambda-runtime-deadline-ms", deadline().as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:us-east-1:123456789012:function:{}", function.name),
        ),
    ];
    let (event, id) = (job.event.clone(), job.request_id.clone());
    *instance.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
    let watched = Arc::clone(&instance);
    tokio::spawn(async move {
        tokio::time::sleep(DEADLINE).await;
        if let Some(job) = watched.take_current(&id) {
            let _ = job.reply.send(Err("the deadline passed".to_owned()));
            watched.mortal.kill.notify_one();
        }
    });
    (headers, event).into_response()
}

/// When an invocation that begins now must have ended, since the epoch.
#[expect(clippy::disallowed_methods, reason = "Lambda's deadlines are by the machine's clock")]
fn deadline() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + DEADLINE
}

fn finish(instance: &Instance, id: &str, answer: Result<Value, Broken>) -> Response {
    match instance.take_current(id) {
        Some(job) => {
            instance.log_written();
            // It will ask for the next job in a moment; counted from now on, so that a caller
            // that follows at once does not find nobody ready.
            instance.set_ready(true);
            let took = job.taken_at.map_or(Duration::ZERO, |at| at.elapsed());
            let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            instance.function.busy.fetch_add(took, Ordering::AcqRel);
            let _ = job.reply.send(answer);
            (StatusCode::ACCEPTED, axum::Json(json!({ "status": "OK" }))).into_response()
        }
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn response(State(instance): State<Arc<Instance>>, Path(id): Path<String>, body: Bytes) -> Response {
    let answer = serde_json::from_slice(&body).map_err(|_| "the response is not JSON".to_owned());
    finish(&instance, &id, answer)
}

async fn error(State(instance): State<Arc<Instance>>, Path(id): Path<String>, body: Bytes) -> Response {
    let cause = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let cause = cause["errorType"].as_str().unwrap_or("unknown").to_owned();
    finish(&instance, &id, Err(format!("the function failed: {cause}")))
}

async fn init_error() -> StatusCode {
    StatusCode::ACCEPTED
}
