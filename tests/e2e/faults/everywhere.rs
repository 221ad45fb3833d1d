//! Each call of each endpoint, each AWS call that it makes, each way in which that can fail:
//! `cargo test -p tests --features faults --test e2e -- faults::everywhere`. By itself, since a machine that is busy
//! with other tests lets AWS calls run out of time that nobody planned to fail.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::AttributeValue;
use functions::{ROUTES, TRIGGERS};
use futures_util::{StreamExt, stream};
use shared::store::Attributes;
use tests::costs::documented;
use tests::{Answer, App};

use super::rows::{Sent, Stage, prepare};

/// How many rows are under way at once: most of the time goes by in waiting for what does not answer.
const AT_ONCE: usize = 6;
/// For long: more calls than any endpoint makes.
const LONG: u32 = 1000;

/// The row whose call writes each copy of an item, one after the other.
const ALL_COPIES: &str = "admin-hotlist, API key";

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
        // A try that is counted, though the call failed, lets nobody in. Others see that it keeps nobody out.
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

/// How a call went that met a fault.
struct Went {
    status: u16,
    answer: Option<Answer>,
    change: Change,
    /// The status of the same again, without a fault.
    again: u16,
}

/// What is wrong with it, where `status` and `right` are what happens without a fault.
fn judge(row: &str, planned: Planned<'_>, went: Went, status: u16, right: &Change) -> Option<String> {
    let is_told_anyway = row == "watch-forgot-password" && planned.call.starts_with("ses");
    // Only the provider tells who comes, so its state is held before, and each time counts.
    let is_held = row == "admin-sso-login" && went.change.keys().all(|(kind, ..)| kind == "ENT#SSO STATE");
    // The first copy ends it for whoever writes; the next attempt finishes: docs/decisions/0021.
    let is_begun = row == ALL_COPIES && went.change.keys().any(|(kind, ..)| kind == "ENT KEY");
    let is_done = went.change == *right;
    if went.status == status {
        return (!is_done && !is_told_anyway)
            .then(|| format!("told of what did not happen: {:?}", went.change));
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
    let already = ALREADY.iter().find(|(start, _)| row.starts_with(start)).map(|(_, status)| *status);
    let is_reachable = went.again == status || (is_done || is_held) && already == Some(went.again);
    (!is_reachable).then(|| format!("the same again is answered {}, after {:?}", went.again, went.change))
}

/// Tries all of it with one row; what went wrong.
async fn try_row(row: &str) -> Vec<String> {
    let stage = Stage::of(row).await;
    let app = stage.app();
    let start = table(app, row).await;
    let (mut sent, mut before) = ready(&stage, row, &start).await;
    let now = app.stack.world.clock.now();
    app.forget_usage();
    let (status, _) = sent.send(app).await;
    let right = change(&before, &table(app, row).await);
    let function = row.split(',').next().unwrap();
    let mut wrong = Vec::new();
    for (call, times) in app.usage(function).calls {
        let last = u32::try_from(times).unwrap() - 1;
        // Of the 48 calls that end an API key, not each one.
        for after in BTreeSet::from([0, last.min(1), last / 2, last]) {
            for error in ["throttle", "server_error", "lost_response", "timeout"] {
                for count in [1, LONG] {
                    let planned = Planned { call: &call, after, error, count };
                    if row == "admin-sso-login" {
                        // The provider does not forget.
                        (sent, before) = ready(&stage, row, &start).await;
                    } else {
                        restore(app, row, &before).await;
                        app.advance(now - app.stack.world.clock.now());
                    }
                    plan(app, planned).await;
                    let (got, answer) = sent.send(app).await;
                    app.stack.world.clear_faults();
                    let change = change(&before, &table(app, row).await);
                    let (again, _) = sent.send(app).await;
                    let went = Went { status: got, answer, change, again };
                    let judged = judge(row, planned, went, status, &right);
                    wrong.extend(judged.map(|judged| format!("{row}, {planned:?}: {judged}")));
                }
            }
        }
    }
    wrong
}

/// The call of a row, prepared where everything is as it was, and what is in the table then.
async fn ready(stage: &Stage, row: &str, start: &Table) -> (Sent, Table) {
    let app = stage.app();
    restore(app, row, start).await;
    // So that what functions keep is read again.
    app.advance(301);
    (prepare(stage, row).await, table(app, row).await)
}

async fn plan(app: &App, planned: Planned<'_>) {
    let Planned { call, after, error, count } = planned;
    let (service, operation) = call.split_once('.').unwrap();
    app.fail_after(after, service, operation, error, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_the_state_is_the_old_or_the_new() {
    let mut rows: Vec<_> = documented("call").into_keys().collect();
    rows.push(ALL_COPIES.to_owned());
    let named: BTreeSet<_> = rows.iter().map(|row| row.split(',').next().unwrap()).collect();
    let all = ROUTES.iter().map(|route| route.name).chain(TRIGGERS.iter().map(|trigger| trigger.name));
    // A rotation has tests of its own, since its caller is no client.
    assert_eq!(named, all.filter(|name| *name != "key-rotation").collect());
    let wrong: Vec<_> = stream::iter(rows)
        .map(|row| tokio::spawn(async move { try_row(&row).await }))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let wrong: Vec<_> = wrong.into_iter().flat_map(Result::unwrap).collect();
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
