//! What is measured: one function with its events, or one server with its request, started anew in each
//! round.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use local::runtime_api::Function;
use serde_json::Value;
use tests::App;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::process;

/// What is asked, and of whom.
pub(crate) struct Subject {
    /// What the report calls it.
    pub(crate) name: &'static str,
    /// As whom it calls AWS.
    pub(crate) caller: &'static str,
    kind: Kind,
    /// Calls of one round that are measured, after the first one and as many that are not: a just-in-time compiler
    /// has seen them all then.
    times: usize,
}

enum Kind {
    /// A Lambda function. Its events are sent one after the other, and from the beginning again.
    Function { function: Arc<Function>, events: Vec<Value>, next: AtomicUsize },
    /// A program that prints one line of JSON when it is ready: the request to send.
    Server { command: PathBuf, arguments: Vec<String>, folder: PathBuf, variables: BTreeMap<String, String> },
}

/// What one round found out about a subject.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// From starting the process to its being ready.
    pub(crate) init: Duration,
    /// From sending the first call to its answer.
    pub(crate) first: Duration,
    /// The same of each later one.
    pub(crate) warm: Vec<Duration>,
    /// The processor time of one of those, on average.
    pub(crate) cpu: Duration,
    /// In MiB.
    pub(crate) peak_memory: f64,
    /// `DynamoDB` calls of one of the later ones, on average.
    pub(crate) calls: f64,
}

/// A started subject.
enum Running<'a> {
    Function(&'a Arc<Function>, &'a [Value], &'a AtomicUsize),
    Server(Child, reqwest::Client, Value),
}

impl Subject {
    /// A function whose binary `file` is in `folder`.
    pub(crate) fn function(
        name: &'static str,
        (folder, file): (&Path, &'static str),
        variables: BTreeMap<String, String>,
        events: Vec<Value>,
        times: usize,
    ) -> Result<Self, String> {
        let function = Function::new(file, folder, variables, Arc::new(|_: &str| {}))?;
        let kind = Kind::Function { function, events, next: AtomicUsize::new(0) };
        Ok(Self { name, caller: file, kind, times })
    }

    /// A server that `command` starts in `folder`.
    pub(crate) fn server(
        (name, caller): (&'static str, &'static str),
        (command, arguments): (&Path, Vec<String>),
        folder: &Path,
        variables: BTreeMap<String, String>,
        times: usize,
    ) -> Self {
        let (command, folder) = (command.to_owned(), folder.to_owned());
        Self { name, caller, kind: Kind::Server { command, arguments, folder, variables }, times }
    }

    /// Starts it, calls it, and ends it.
    pub(crate) async fn round(&self, app: &App) -> Result<Round, String> {
        self.try_round(app).await.map_err(|problem| format!("{}: {problem}", self.name))
    }

    async fn try_round(&self, app: &App) -> Result<Round, String> {
        let (mut running, process, init) = self.start().await?;
        let first = running.call().await?;
        for _ in 0..self.times {
            running.call().await?;
        }
        app.forget_usage();
        let before = process::cpu(process);
        let mut warm = Vec::with_capacity(self.times);
        for _ in 0..self.times {
            warm.push(running.call().await?);
        }
        let cpu = process::cpu(process).saturating_sub(before) / u32::try_from(self.times).unwrap_or(1);
        let peak_memory = process::peak_memory(process);
        let calls: u64 = app.dynamodb_calls(self.caller).iter().map(|(_, times)| times).sum();
        #[expect(clippy::cast_precision_loss, reason = "hundreds")]
        let calls = calls as f64 / self.times as f64;
        running.end().await;
        Ok(Round { init, first, warm, cpu, peak_memory, calls })
    }

    async fn start(&self) -> Result<(Running<'_>, u32, Duration), String> {
        match &self.kind {
            Kind::Function { function, events, next } => {
                let started = function.warm_up().await?;
                Ok((Running::Function(function, events, next), started.process, started.init))
            }
            Kind::Server { command, arguments, folder, variables } => {
                let began = Instant::now();
                let mut child = Command::new(command)
                    .args(arguments)
                    .current_dir(folder)
                    .envs(variables)
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .kill_on_drop(true)
                    .spawn()
                    .map_err(|error| error.to_string())?;
                let output = child.stdout.take().ok_or("it has no output")?;
                let line = BufReader::new(output).lines().next_line().await;
                let line = line.map_err(|error| error.to_string())?.ok_or("it ended")?;
                let init = began.elapsed();
                let request = serde_json::from_str(&line).map_err(|error| error.to_string())?;
                let process = child.id().ok_or("it ended")?;
                Ok((Running::Server(child, reqwest::Client::new(), request), process, init))
            }
        }
    }
}

impl Running<'_> {
    /// One call, which has to succeed.
    async fn call(&mut self) -> Result<Duration, String> {
        let began = Instant::now();
        let (is_success, answer) = match self {
            Self::Function(function, events, next) => {
                let event = &events[next.fetch_add(1, Ordering::Relaxed) % events.len()];
                let answer = function.invoke("bench", event).await?;
                let is_success = matches!(answer["statusCode"].as_u64(), Some(200..=399));
                (is_success || answer["isAuthorized"] == true, answer)
            }
            Self::Server(_, client, request) => {
                let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
                let mut sent = client.post(text("url")).body(text("body"));
                for (name, value) in request["headers"].as_object().into_iter().flatten() {
                    sent = sent.header(name, value.as_str().unwrap_or_default());
                }
                let answer = sent.send().await.map_err(|error| error.to_string())?;
                let is_success = answer.status().is_success();
                (is_success, answer.text().await.map_err(|error| error.to_string())?.into())
            }
        };
        let took = began.elapsed();
        is_success.then_some(took).ok_or_else(|| format!("it answers {answer}"))
    }

    async fn end(self) {
        match self {
            Self::Function(function, ..) => function.end_instances(),
            Self::Server(mut child, ..) => {
                let _ = child.kill().await;
            }
        }
    }
}
