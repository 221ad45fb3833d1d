//! `bench alike`: whether an answer, or its time, tells who has an account.
//!
//! Known, unknown, disabled and locked people try in turn, two hundred times each. Their answers must be the same,
//! and a Mann-Whitney test must not tell their times apart. A call's time is the processor's, of which every step
//! that one kind of person has and another has not takes some; only where the answer waits for a fixed time is it
//! the clock's.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use local::runtime_api::Function;
use serde_json::{Value, json};
use shared::limits;
use tests::App;
use tests::provider::{CLIENT_ID, CLIENT_SECRET, Provider, REDIRECT_URI};
use tests::tries::Tries;
use tokio::task::JoinSet;
use ulid::Ulid;

use crate::event;
use crate::measure::{key, milliseconds};
use crate::process;
use crate::statistics::{median, rank_sum};

/// Tries of each kind of person.
const TRIES: usize = 200;
/// Tries before these, that start the function and fill its caches, and lock whoever is to be locked.
const TRIES_BEFORE: usize = 12;
/// The score beyond which two series differ, at a probability of 0.001 on both sides.
const MOST: f64 = 3.29;
/// Calls at once where the answer waits for its time.
const AT_ONCE: usize = 5;

/// Somebody's user name and address.
const WALT: [&str; 2] = ["walt", "walt@acme.example"];

/// By what the tries are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Processor,
    Clock,
}

/// One endpoint, and who tries there.
struct Question {
    function: &'static str,
    what: &'static str,
    by: By,
    /// Seconds from one try to the next: with a quarter of an hour, each is the first of its window.
    pause: i64,
    /// Whether the answers have parts that are random.
    is_random: bool,
    /// The event's other host name.
    host: Option<&'static str>,
    people: Vec<(&'static str, Value)>,
    /// Under which names nobody can log in, at the time of each try.
    locked: &'static [&'static str],
}

fn questions() -> Vec<Question> {
    let login = |name: &str, password: &str| json!({ "type": "password", "credentials": { "username": name, "password": password } });
    let named = |name: &str, password: &str| json!({ "username": name, "password": password });
    let opaque = |address: &str, password: &str| json!({ "emailAddress": address, "password": password });
    let (wrong, doras) = ("not the password", "locked out of the cinema");
    vec![
        Question {
            people: vec![
                ("known, wrong password", login("ana", wrong)),
                ("unknown", login("nobody", wrong)),
                ("disabled, right password", login("dora", doras)),
            ],
            ..Question::usual("watch-login", "login")
        },
        Question {
            pause: 0,
            people: vec![
                ("known, locked", login("ana", wrong)),
                ("unknown, locked", login("nobody", wrong)),
                ("disabled, locked", login("dora", doras)),
            ],
            ..Question::usual("watch-login", "login, locked")
        },
        Question {
            by: By::Clock,
            pause: 60 * 60,
            people: vec![
                ("known", json!({ "email": "ana@acme.example" })),
                ("unknown", json!({ "email": "nobody@acme.example" })),
                ("disabled", json!({ "email": "dora@acme.example" })),
                ("known, locked", json!({ "email": "walt@acme.example" })),
            ],
            locked: &WALT,
            ..Question::usual("watch-forgot-password", "forgotten password")
        },
        Question {
            by: By::Clock,
            pause: 0,
            people: vec![
                ("known, used up", json!({ "email": "ana@acme.example" })),
                ("unknown, used up", json!({ "email": "nobody@acme.example" })),
                ("disabled, used up", json!({ "email": "dora@acme.example" })),
            ],
            ..Question::usual("watch-forgot-password", "forgotten password, used up")
        },
        Question {
            people: vec![
                ("known, wrong password", named("olga", wrong)),
                ("unknown", named("nobody", wrong)),
                ("disabled, right password", named("dora", doras)),
            ],
            ..Question::usual("admin-login", "Admin's login")
        },
        Question {
            pause: 0,
            people: vec![
                ("known, locked", named("olga", wrong)),
                ("unknown, locked", named("nobody", wrong)),
                ("disabled, locked", named("dora", doras)),
            ],
            ..Question::usual("admin-login", "Admin's login, locked")
        },
        Question {
            is_random: true,
            people: vec![
                ("known", json!({ "username": "olga@acme.example" })),
                ("unknown", json!({ "username": "nobody@acme.example" })),
                ("disabled", json!({ "username": "dora@acme.example" })),
                ("known, locked", json!({ "username": "walt@acme.example" })),
            ],
            locked: &WALT,
            ..Question::usual("admin-sso-initiate", "single sign-on, its beginning")
        },
        Question {
            host: Some("acme.localhost"),
            people: vec![
                ("known, wrong password", opaque("ana@acme.example", wrong)),
                ("unknown", opaque("nobody@acme.example", wrong)),
                ("disabled, right password", opaque("dora@acme.example", doras)),
            ],
            ..Question::usual("vidizmo-authenticate", "VIDIZMO's login")
        },
        Question {
            pause: 0,
            host: Some("acme.localhost"),
            people: vec![
                ("known, locked", opaque("ana@acme.example", wrong)),
                ("unknown, locked", opaque("nobody@acme.example", wrong)),
                ("disabled, locked", opaque("dora@acme.example", doras)),
            ],
            ..Question::usual("vidizmo-authenticate", "VIDIZMO's login, locked")
        },
    ]
}

/// What one kind of person got.
struct Series {
    answer: Value,
    times: Vec<f64>,
}

impl Question {
    /// One by the processor's time, whose tries are each the first of its window.
    fn usual(function: &'static str, what: &'static str) -> Self {
        Self {
            function,
            what,
            by: By::Processor,
            pause: 15 * 60,
            is_random: false,
            host: None,
            people: Vec::new(),
            locked: &[],
        }
    }

    /// Epoch milliseconds of a try, of those that began at `began`.
    fn at(&self, began: i64, number: usize) -> i64 {
        began + self.pause * 1000 * i64::try_from(number).unwrap_or(0)
    }

    fn event(&self, app: &App, began: i64, number: usize, body: &Value) -> Result<Value, String> {
        let is_admin = self.function.starts_with("admin");
        let key = key(if is_admin { "acme-admin" } else { "acme-watch" })?;
        let mut event = event::of(app, self.function, &key, Some(body))?;
        let context = &mut event["requestContext"];
        context["timeEpoch"] = self.at(began, number).into();
        // From somewhere else each time, so that no address meets its limit.
        context["http"]["sourceIp"] = format!("198.18.{}.{}", number / 256, number % 256).into();
        if let Some(host) = self.host {
            context["domainName"] = host.into();
        }
        Ok(event)
    }

    /// What of an answer has to be the same for all.
    fn comparable(&self, mut answer: Value) -> Value {
        if self.is_random {
            let body: Value =
                serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
            answer["body"] = body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        }
        answer
    }

    async fn ask(&self, app: &App, binaries: &Path) -> Result<Vec<Series>, String> {
        let variables = app.stack.place.variables(self.function);
        let function = Function::new(self.function, binaries, variables, Arc::new(|_: &str| {}))?;
        // One clock for all, so that a lock ends as far away for each.
        let began = app.stack.world.clock.now_milliseconds();
        let at_once = if self.by == By::Clock { AT_ONCE } else { 1 };
        let tries = Tries::of(app);
        let mut series: Vec<Option<Series>> = self.people.iter().map(|_| None).collect();
        for first in (0..TRIES_BEFORE + TRIES).step_by(at_once) {
            let mut calls = JoinSet::new();
            for number in first..first + at_once {
                for name in self.locked {
                    let counter = limits::LOGIN_ACCOUNT.counter("acme", name, self.at(began, number) / 1000);
                    tries.leave(&counter, 0).await;
                }
                for turn in 0..self.people.len() {
                    // In another order each time.
                    let who = (number + turn) % self.people.len();
                    let event = self.event(app, began, number, &self.people[who].1)?;
                    let (function, by) = (Arc::clone(&function), self.by);
                    let call = async move { (number, who, time(&function, by, &event).await) };
                    calls.spawn(call);
                    if by == By::Processor {
                        // One after the other.
                        let done = calls.join_next().await.ok_or("no call")?;
                        self.note(&mut series, done.map_err(|error| error.to_string())?)?;
                    }
                }
            }
            while let Some(done) = calls.join_next().await {
                self.note(&mut series, done.map_err(|error| error.to_string())?)?;
            }
        }
        function.end_instances();
        Ok(series.into_iter().flatten().collect())
    }

    fn note(
        &self,
        series: &mut [Option<Series>],
        (number, who, called): (usize, usize, Result<(Value, f64), String>),
    ) -> Result<(), String> {
        let (answer, took) = called?;
        if number < TRIES_BEFORE {
            return Ok(());
        }
        let answer = self.comparable(answer);
        let of_this = series[who].get_or_insert_with(|| Series { answer: answer.clone(), times: Vec::new() });
        if of_this.answer != answer {
            return Err(format!("{}: the answers of one person differ", self.what));
        }
        of_this.times.push(took);
        Ok(())
    }
}

/// An answer, and the milliseconds that it took.
async fn time(function: &Arc<Function>, by: By, event: &Value) -> Result<(Value, f64), String> {
    let (began, before) = (Instant::now(), process::cpu(function.newest()));
    let id = Ulid::generate().to_string();
    let answer = function.invoke(&id, event).await?;
    let took = match by {
        By::Processor => process::cpu(function.newest()).saturating_sub(before),
        By::Clock => began.elapsed(),
    };
    // The call's own id is in its answer.
    let answer = answer.to_string().replace(&id, "");
    Ok((serde_json::from_str(&answer).map_err(|error| error.to_string())?, milliseconds(took)))
}

/// Writes `docs/enumeration.md`, and tells whether nobody can be told apart.
pub(crate) async fn run(root: &Path, binaries: &Path, date: &str) -> Result<bool, String> {
    let provider = Provider::start(|| 0).await;
    let app = App::changed(|document| {
        document["enterprises"][0]["sso"] = json!({
            "issuer": provider.issuer(),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": REDIRECT_URI,
        });
    })
    .await;
    let mut text = format!(
        "# Who has an account\n\nWritten by `cargo run -p bench -- alike` on {date}, on a machine with {}. \
         People of each kind try {TRIES} times, in turn; the score is that of a Mann-Whitney test against the first \
         kind, and {MOST} is where two series differ at p < 0.001. Statuses, headers and bodies are the same, or \
         this page would not have been written; those of the beginning of a single sign-on but for what is \
         random in them. Times are the processor's for the whole call, and the clock's where the answer waits \
         for its time.\n\n| call | who | by | median, ms | score | |\n|---|---|---|---|---|---|\n",
        process::machine()
    );
    let mut is_met = true;
    for question in questions() {
        eprintln!("{}", question.what);
        let series = question.ask(&app, binaries).await?;
        for (of_this, (who, _)) in series.iter().zip(&question.people) {
            if of_this.answer != series[0].answer {
                return Err(format!(
                    "{}: {who} has another answer than {}",
                    question.what, question.people[0].0
                ));
            }
            let score = rank_sum(&series[0].times, &of_this.times);
            let is_alike = score.abs() < MOST;
            is_met &= is_alike;
            let _ = writeln!(
                text,
                "| {} | {who} | {} | {:.3} | {score:.2} | {} |",
                question.what,
                if question.by == By::Clock { "clock" } else { "processor" },
                median(of_this.times.iter().copied()),
                if is_alike { "alike" } else { "**told apart**" },
            );
        }
    }
    let file = root.join("docs/enumeration.md");
    std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(is_met)
}
