//! What functions fetch at their start and keep, and fetch again beside a call once it is five minutes old: keys and
//! pepper. Each of these AWS calls, each way in which it can fail.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use functions::{ROUTES, TRIGGERS};
use shared::failure::Failure;
use shared::secrets;
use tests::App;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{ERRORS, LONG, Planned, expect_failure, has_met, is_good, plan, ready, table, try_all};
use crate::faults::rows::{Stage, prepare};

const SECRET: &str = "secretsmanager.GetSecretValue";
const ITEM: &str = "dynamodb.GetItem";

/// Rows whose calls fetch again: the AWS call, how many of these the row makes for itself before, how many fetch.
const FETCHING: [(&str, &str, u32, u32); 20] = [
    ("admin-hotlist, session", ITEM, 0, 1),
    ("admin-login", SECRET, 0, 1),
    ("admin-logout", ITEM, 1, 1),
    ("admin-refresh", SECRET, 0, 1),
    ("admin-session", ITEM, 0, 1),
    ("admin-sso-login", SECRET, 1, 1),
    ("authorizer", ITEM, 0, 1),
    ("jwks", ITEM, 0, 1),
    ("qr-submit, PIN", SECRET, 0, 1),
    ("screener-register, token", ITEM, 0, 1),
    ("screener-request, token", ITEM, 0, 1),
    ("screener-request, token", SECRET, 0, 1),
    ("screener-verify, token", SECRET, 0, 2),
    ("watch-login, PIN", SECRET, 0, 2),
    ("watch-logout", ITEM, 1, 1),
    ("watch-qr-approve, PIN", SECRET, 0, 1),
    ("watch-qr-approve, token", ITEM, 0, 1),
    ("watch-qr-get-token, approved", SECRET, 0, 1),
    ("watch-session", ITEM, 0, 1),
    ("watch-token-refresh", SECRET, 0, 1),
];

/// How long to wait for what is fetched beside a call.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts a function, as Lambda does before its first call.
async fn build(app: &App, name: &str) -> Result<(), Failure> {
    let environment = app.stack.place.environment(name);
    if let Some(route) = ROUTES.iter().find(|route| route.name == name) {
        return (route.build)(environment).await.map(|_| ());
    }
    let trigger = TRIGGERS.iter().find(|trigger| trigger.name == name).unwrap();
    (trigger.build)(environment).await.map(|_| ())
}

/// The AWS calls of functions that make any at their start.
async fn at_the_start() -> BTreeMap<&'static str, BTreeMap<String, u64>> {
    let app = App::start().await;
    let mut calls = BTreeMap::new();
    for name in ROUTES.iter().map(|route| route.name).chain(TRIGGERS.iter().map(|trigger| trigger.name)) {
        app.forget_usage();
        build(&app, name).await.unwrap();
        calls.insert(name, app.usage(name).calls);
    }
    calls.retain(|_, calls| !calls.is_empty());
    calls
}

/// Gives the SDK back what it may retry: the clients of a process share it, failures use it up, and successes, of which
/// there are few here, refill it.
async fn refill(app: &App) {
    let environment = app.operator();
    let client = Client::new(&environment.aws);
    for _ in 0..20 {
        secrets::read(&client, &environment.keys_secret).await.unwrap();
    }
}

/// Each fault of `call`, once `after` of them have gone well.
fn faults(call: &str, after: u32) -> impl Iterator<Item = Planned<'_>> {
    let all = ERRORS.into_iter().flat_map(|error| [(error, 1), (error, LONG)]);
    all.map(move |(error, count)| Planned { call, after, error, count })
}

/// Starts a function with each fault of each AWS call that its start makes; what went wrong.
async fn try_start(name: &'static str, calls: BTreeMap<String, u64>) -> Vec<String> {
    let app = App::start().await;
    let mut wrong = Vec::new();
    for (call, times) in &calls {
        for planned in (0..u32::try_from(*times).unwrap()).flat_map(|after| faults(call, after)) {
            plan(&app, planned).await;
            let built = build(&app, name).await;
            if !has_met(&app, planned) {
                wrong.push(format!("{name}, {planned:?}: the fault was not met"));
            }
            app.stack.world.clear_faults();
            if built.is_ok() != (planned.count == 1) {
                wrong.push(format!("{name}, {planned:?}: {:?}", built.err()));
            }
            refill(&app).await;
        }
    }
    wrong
}

/// Makes the call of a row once what its function keeps is old, with each fault of what is fetched then; what went
/// wrong.
async fn try_row(row: &'static str, call: &'static str, before: u32, fetches: u32) -> Vec<String> {
    let stage = Stage::of(row).await;
    let (app, function) = (stage.app(), row.split(',').next().unwrap());
    let start = table(app, row).await;
    // The age of what is kept counts from the first call.
    let (status, answer) = prepare(&stage, row).await.send(app).await;
    let gives_token = is_good(app, row, answer.as_ref()).await;
    let all = before + fetches;
    let mut wrong = Vec::new();
    for planned in (before..all).flat_map(|after| faults(call, after)) {
        app.advance(301);
        let (sent, _) = ready(&stage, row, &start).await;
        app.forget_usage();
        plan(app, planned).await;
        let (got, answer) = sent.send(app).await;
        // Nobody waits for what is fetched, and so the call does not fail: what was kept is as good as it was.
        if got != status {
            // But for one that reads in the same way itself: whichever of the two comes second meets the fault.
            if before == 0 || got != 500 {
                wrong.push(format!("{row}, {planned:?}: answered {got}"));
            }
            if let Some(failure) = answer.filter(|_| got == 500) {
                expect_failure(failure);
            }
            app.stack.world.clear_faults();
            continue;
        }
        // What gets no answer takes seconds to give up, and goes on by itself.
        let attempts = match planned {
            Planned { error: "timeout", after, .. } => after + 1,
            Planned { count: 1, .. } => all + 1,
            Planned { after, .. } => after + (all - after) * 3,
        };
        let made = || app.usage(function).calls.get(call).copied().unwrap_or(0);
        let done = timeout(PATIENCE, async {
            while made() < attempts.into() || !has_met(app, planned) {
                yield_now().await;
            }
        });
        if done.await.is_err() {
            wrong.push(format!("{row}, {planned:?}: {} calls instead of {attempts}", made()));
        }
        app.stack.world.clear_faults();
        if is_good(app, row, answer.as_ref()).await != gives_token {
            wrong.push(format!("{row}, {planned:?}: the token does not work"));
        }
        refill(app).await;
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_cannot_have_its_keys_does_not_start() {
    try_all(at_the_start().await.into_iter().map(|(name, calls)| try_start(name, calls))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_can_be_fetched_what_is_kept_is_good() {
    let mut fetched: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for (row, call, _, fetches) in FETCHING {
        let calls = fetched.entry(row.split(',').next().unwrap()).or_default();
        *calls.entry(call.to_owned()).or_insert(0) += u64::from(fetches);
    }
    assert_eq!(fetched, at_the_start().await, "what a function fetches at its start it fetches again");
    let rows = FETCHING.into_iter().map(|(row, call, before, fetches)| try_row(row, call, before, fetches));
    try_all(rows).await;
}
