//! Each call of each endpoint, each AWS call that it makes, each way in which that can fail:
//! `cargo test -p tests --features faults --test e2e -- faults::everywhere`. By itself, since a machine that is busy
//! with other tests lets AWS calls run out of time that nobody planned to fail.

mod kept;
mod rotation;
mod tries;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::AttributeValue;
use functions::{ROUTES, TRIGGERS};
use local::world::Fault;
use shared::store::Attributes;
use tests::costs::documented;
use tests::{Answer, App};
use tokio::sync::Semaphore;

use self::tries::{Outcome, Tries};
use super::bad_body;
use super::rows::{ALL_COPIES, BESIDE, Sent, Stage, prepare, status_of};

/// How many rows are under way at once, of all tests together: most of the time goes by in waiting for what does not
/// answer.
static AT_ONCE: Semaphore = Semaphore::const_new(10);
/// For long: more calls than any endpoint makes.
const LONG: u32 = 1000;
/// How an AWS call fails.
const ERRORS: [&str; 4] = ["throttle", "server_error", "lost_response", "timeout"];
/// How a write to `DynamoDB` can fail beside that.
const CONFLICT: &str = "conflict";
const WRITES: [&str; 4] =
    ["dynamodb.UpdateItem", "dynamodb.PutItem", "dynamodb.DeleteItem", "dynamodb.TransactWriteItems"];

/// What is in the table, by the items' keys.
type Table = BTreeMap<(String, String), Attributes>;

/// What has changed in the table: kind of item, what became of it, which attributes, how many such items.
type Change = BTreeMap<(String, &'static str, BTreeSet<String>), usize>;

/// Without the copies of what everybody reads, which only one row writes; there are 700.
async fn table(app: &App, row: &str) -> Table {
    let client = DynamoDb::new(&app.operator().aws);
    let mut scan = client.scan().table_name(&app.stack.place.table).consistent_read(true);
    if row != ALL_COPIES {
        let copy = AttributeValue::S("COPY".to_owned());
        scan = scan.filter_expression("sk <> :copy").expression_attribute_values(":copy", copy);
    }
    let items = scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    let key = |item: &Attributes, part: &str| item[part].as_s().unwrap().clone();
    items.into_iter().map(|item| ((key(&item, "pk"), key(&item, "sk")), item)).collect()
}

/// Makes the table what it was.
async fn restore(app: &App, row: &str, wanted: &Table) {
    let client = DynamoDb::new(&app.operator().aws);
    let name = &app.stack.place.table;
    let found = table(app, row).await;
    for (pk, sk) in found.keys().filter(|key| !wanted.contains_key(*key)) {
        let delete = client.delete_item().table_name(name);
        let delete = delete.key("pk", AttributeValue::S(pk.clone())).key("sk", AttributeValue::S(sk.clone()));
        delete.send().await.unwrap();
    }
    for (key, item) in wanted.iter().filter(|(key, item)| found.get(*key) != Some(*item)) {
        let put = client.put_item().table_name(name).set_item(Some(item.clone()));
        put.send().await.unwrap_or_else(|error| panic!("{key:?}: {error}"));
    }
}

/// What kind of item a key names: without what differs from one run to the next.
fn kind((pk, sk): &(String, String)) -> String {
    let is_name = |part: &&str| {
        part.starts_with("sms-") || (part.len() > 1 && part.bytes().all(|b| b.is_ascii_uppercase()))
    };
    // A login code can be all letters too.
    let names = |key: &str| key.split('#').filter(is_name).take(2).collect::<Vec<_>>().join("#");
    format!("{} {}", if pk.starts_with("QR#") { "QR".to_owned() } else { names(pk) }, names(sk))
}

/// An item's attributes that say something: nothing is counted as nothing, whether there is an item or not.
fn telling(item: &Attributes) -> Attributes {
    // A session is used in each second in which it is.
    let is_silent = |name: &str| ["pk", "sk", "expires_at", "used_at"].contains(&name);
    let is_zero = |value: &AttributeValue| value.as_n().is_ok_and(|number| number == "0");
    let telling = item.iter().filter(|(name, value)| !is_silent(name) && !is_zero(value));
    telling.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn change(before: &Table, after: &Table) -> Change {
    let mut change = Change::new();
    for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let [old, new] = [before, after].map(|table| table.get(key).map(telling).unwrap_or_default());
        // Tries are judged by themselves: see `tries`. Those of text messages that SNS refuses stay.
        if old == new
            || [&old, &new].iter().any(|item| item.contains_key("operations"))
            || key.0.contains("sms-attempts")
        {
            continue;
        }
        let what = if old.is_empty() {
            "new"
        } else if new.is_empty() {
            "gone"
        } else {
            "changed"
        };
        let names = old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name));
        *change.entry((kind(key), what, names.cloned().collect())).or_default() += 1;
    }
    change
}

/// Holds a failure against its surface's form; nothing of what failed is in it.
fn expect_failure(answer: Answer) {
    if answer.header("content-type").starts_with("text/html") {
        answer.expect_page(500, "Something went wrong");
    } else if answer.body.get("name").is_some() {
        answer.expect_exception(500, "InternalServerException");
    } else {
        let is_admin = answer.body["status_code"] == "A5000";
        answer.expect(500, if is_admin { "A5000" } else { "W5000" });
    }
}

/// One fault: the call of AWS, as `dynamodb.GetItem`, how many of these go well before, how, how often.
#[derive(Clone, Copy, Debug)]
struct Planned<'a> {
    call: &'a str,
    after: u32,
    error: &'static str,
    count: u32,
}

/// What a client is told that tries again what has been done, though it was told of a failure: HTTP statuses, where
/// that is not what it would have been told at first.
const ALREADY: [(&str, u16); 9] = [
    ("watch-sign-up", 400),
    ("watch-reset-password", 401),
    ("reset-submit", 404),
    ("watch-qr-approve", 401),
    ("watch-qr-get-token, pending", 429),
    // A message that may have been sent is not sent again at once, and its code works.
    ("screener-request", 429),
    // The code is spent; another can be asked for.
    ("screener-verify", 401),
    ("vidizmo-logout", 400),
    // The provider's code is spent with its first use; signing in begins again.
    ("admin-sso-login", 401),
];

/// What a row's call does without a fault.
struct Right {
    status: u16,
    change: Change,
    tries: Tries,
    /// Whether its answer has a token.
    gives_token: bool,
}

/// How a call went that met a fault.
struct Went {
    status: u16,
    answer: Option<Answer>,
    change: Change,
    tries: Tries,
    /// Whether the identity provider was asked, and so its code is spent.
    is_spent: bool,
    /// The status of the same again, without a fault.
    again: u16,
}

/// Whether a success leaves out, and says to the log alone, what this AWS call was for: nobody would be helped by a
/// failure.
fn is_told_anyway(row: &str, call: &str) -> bool {
    match row {
        // Whether anybody has the address, the answer does not tell.
        "watch-forgot-password" => call.starts_with("ses"),
        // It is refused all the same, and the next one finds that out by itself.
        "screener-request, API key, a limit met" => call == "dynamodb.UpdateItem",
        _ => false,
    }
}

/// What is wrong with it.
fn judge(row: &str, planned: Planned<'_>, went: Went, right: &Right) -> Option<String> {
    let is_sso = row.starts_with("admin-sso-login");
    // Only the provider tells who comes, so its state is held before, and each time counts.
    let is_state = |(kind, ..): &(String, _, _)| kind == "ENT#SSO STATE";
    let is_held = is_sso && !went.change.is_empty() && went.change.keys().all(is_state);
    // The first copy ends it for whoever writes; the next attempt finishes: docs/decisions/0021.
    let is_begun = row == ALL_COPIES && went.change.keys().any(|(kind, ..)| kind == "ENT KEY");
    // The session comes first; what failed before a weak hash was replaced leaves that to the next login.
    let is_left = row == "watch-login, imported hash" && planned.count == LONG;
    let is_rehash = |(_, _, names): &(String, _, BTreeSet<String>)| names.contains("password_hash");
    let without_rehash = right.change.iter().filter(|(what, _)| !is_rehash(what));
    let is_done = went.change == right.change || is_left && without_rehash.eq(&went.change);
    let wrong_tries = |outcome| tries::judge(row, planned, &outcome, &went.tries, &right.tries);
    if went.status == right.status {
        let is_part = went.change.iter().all(|(what, times)| right.change.get(what) == Some(times));
        let is_right = is_done || is_part && is_told_anyway(row, planned.call);
        return (!is_right)
            .then(|| format!("told of what did not happen: {:?}", went.change))
            .or_else(|| wrong_tries(Outcome::Told));
    }
    // A crowd after the same names is no fault of ours, and counts.
    let is_crowd = row.starts_with("watch-sign-up") && planned.error == CONFLICT && planned.count == LONG;
    if is_crowd && planned.call == "dynamodb.TransactWriteItems" {
        let is_right = went.status == 429 && went.change.is_empty() && went.tries == right.tries;
        return (!is_right || went.again != right.status).then(|| {
            format!("a crowd is answered {}, then {}, after {:?}", went.status, went.again, went.tries)
        });
    }
    if went.status != 500 {
        return Some(format!("answered {}", went.status));
    }
    if let Some(answer) = went.answer {
        expect_failure(answer);
    }
    if planned.count == 1 && planned.call.starts_with("dynamodb") {
        return Some("one failure is not ridden out".to_owned());
    }
    if !is_done && !is_held && !is_begun && !went.change.is_empty() {
        return Some(format!("half of it: {:?}", went.change));
    }
    let wrong_tries = wrong_tries(if status_of(row) != 200 {
        Outcome::Refusal
    } else if went.change.is_empty() {
        Outcome::Old
    } else {
        Outcome::New
    });
    if wrong_tries.is_some() {
        return wrong_tries;
    }
    let already = ALREADY.iter().find(|(start, _)| row.starts_with(start)).map(|(_, status)| *status);
    let is_reachable = went.again == right.status
        || (is_done && !right.change.is_empty() || is_held || went.is_spent) && already == Some(went.again);
    (!is_reachable).then(|| format!("the same again is answered {}, after {:?}", went.again, went.change))
}

/// Whether the token of a success works; `None` where there is none.
async fn is_good(app: &App, row: &str, answer: Option<&Answer>) -> Option<bool> {
    let body = &answer.filter(|answer| answer.status == 200)?.body;
    if let Some(token) = body["token"].as_str() {
        let surface = if body["status_code"] == "A0000" { "/v1/admin" } else { "/v2/watch" };
        let session = app.authorized(&format!("JWT {token}")).get(&format!("{surface}/auth/session")).await;
        return Some(session.status == 200);
    }
    let token = body.as_str()?;
    let address =
        if row.ends_with("client secret") { "importer+nightly@acme.example" } else { "ana@acme.example" };
    Some(app.vidizmo().bearing(token).user(address).await.status == 200)
}

/// Tries all of it with one row; what went wrong.
async fn try_row(row: String) -> Vec<String> {
    let row = row.as_str();
    let stage = Stage::of(row).await;
    let app = stage.app();
    let start = table(app, row).await;
    let (mut sent, mut before) = ready(&stage, row, &start).await;
    let now = app.stack.world.clock.now();
    app.forget_usage();
    let (status, answer) = sent.send(app).await;
    let calls = app.usage(row.split(',').next().unwrap()).calls;
    let made =
        app.dynamodb_calls(row.split(',').next().unwrap()).iter().map(|(_, times)| *times).sum::<u64>();
    let after = table(app, row).await;
    let (change, tries) = (change(&before, &after), tries::counted(&before, &after));
    let gives_token = is_good(app, row, answer.as_ref()).await.is_some();
    let right = Right { status, change, tries, gives_token };
    let mut wrong = Vec::new();
    if status != status_of(row) {
        wrong.push(format!("{row}: answered {status} without a fault"));
    }
    // What is tried here is what the table is about.
    if documented("call").get(row).is_some_and(|[calls, ..]| calls.to_string() != made.to_string()) {
        wrong.push(format!("{row}: {made} calls of DynamoDB without a fault"));
    }
    for (call, times) in calls {
        for after in some_of(times) {
            let conflict = WRITES.contains(&&*call).then_some(CONFLICT);
            for error in ERRORS.into_iter().chain(conflict) {
                for count in [1, LONG] {
                    let planned = Planned { call: &call, after, error, count };
                    if row.starts_with("admin-sso-login") {
                        // The provider does not forget.
                        (sent, before) = ready(&stage, row, &start).await;
                    } else {
                        restore(app, row, &before).await;
                        app.advance(now - app.stack.world.clock.now());
                    }
                    let judged = meet(&stage, row, planned, &sent, &before, &right).await;
                    wrong.extend(judged.map(|judged| format!("{row}, {planned:?}: {judged}")));
                }
            }
        }
    }
    wrong
}

/// How many of so many calls go well before one fails: the first, the second, one in the middle and the last. Of the 48
/// that end an API key, not each one.
fn some_of(times: u64) -> BTreeSet<u32> {
    let last = u32::try_from(times).unwrap() - 1;
    BTreeSet::from([0, last.min(1), last / 2, last])
}

/// One call that meets one fault, and the same again without: what is wrong with it.
async fn meet(
    stage: &Stage,
    row: &str,
    planned: Planned<'_>,
    sent: &Sent,
    before: &Table,
    right: &Right,
) -> Option<String> {
    let app = stage.app();
    let asked = stage.times_asked();
    plan(app, planned).await;
    let (status, answer) = sent.send(app).await;
    let is_met = has_met(app, planned);
    app.stack.world.clear_faults();
    let (after, is_spent) = (table(app, row).await, stage.times_asked() > asked);
    let (change, tries) = (change(before, &after), tries::counted(before, &after));
    let is_given = right.gives_token.then_some(true);
    let is_told = status == right.status;
    let is_wrong = is_told && is_good(app, row, answer.as_ref()).await != is_given;
    let (again, same) = sent.send(app).await;
    let is_wrong_again = again == right.status && is_good(app, row, same.as_ref()).await != is_given;
    let judged = judge(row, planned, Went { status, answer, change, tries, is_spent, again }, right);
    judged
        .or_else(|| (!is_met).then(|| "the fault was not met".to_owned()))
        .or_else(|| is_wrong.then(|| "the token does not work".to_owned()))
        .or_else(|| is_wrong_again.then(|| "the token of the same again does not work".to_owned()))
}

/// The call of a row, prepared where everything is as it was, and what is in the table then.
async fn ready(stage: &Stage, row: &str, start: &Table) -> (Sent, Table) {
    let app = stage.app();
    restore(app, row, start).await;
    // So that a client secret at a provider, which is kept for a minute, is read in the call. What is kept for longer
    // is fetched beside calls: see `kept`.
    app.advance(61);
    (prepare(stage, row).await, table(app, row).await)
}

async fn plan(app: &App, planned: Planned<'_>) {
    let Planned { call, after, error, count } = planned;
    let (service, operation) = call.split_once('.').unwrap();
    app.fail_after(after, service, operation, error, count).await;
}

/// Whether an AWS call has met the one fault that is planned.
fn has_met(app: &App, planned: Planned<'_>) -> bool {
    let is_whole = |fault: &Fault| fault.count == planned.count;
    !app.stack.world.faults().iter().any(is_whole)
}

/// Tries all of them, some at once; what went wrong.
async fn try_all<T: Future<Output = Vec<String>> + Send + 'static>(all: impl IntoIterator<Item = T>) {
    let tasks = all.into_iter().map(|one| {
        tokio::spawn(async {
            let _permit = AT_ONCE.acquire().await.unwrap();
            one.await
        })
    });
    let mut wrong = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        wrong.extend(task.await.unwrap());
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_the_state_is_the_old_or_the_new() {
    // The longest one first.
    let rows = BESIDE.map(ToOwned::to_owned).into_iter().chain(documented("call").into_keys());
    let rows: Vec<_> = rows.chain(bad_body::rows()).collect();
    let named: BTreeSet<_> = rows.iter().map(|row| row.split(',').next().unwrap()).collect();
    let all = ROUTES.iter().map(|route| route.name).chain(TRIGGERS.iter().map(|trigger| trigger.name));
    // For a rotation, whose caller is no client, see `rotation`.
    assert_eq!(named, all.filter(|name| *name != "key-rotation").collect());
    try_all(rows.into_iter().map(try_row)).await;
}
