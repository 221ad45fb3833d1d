//! What the functions' calls cost, held against docs/units.md.

use std::collections::{BTreeMap, BTreeSet};

use functions::ROUTES;
use serde_json::json;
use tests::App;
use tests::costs::{documented, each_call, each_of_screeners, each_of_vidizmo};
use tests::refusals::{each_of_sso, each_refusal};

use crate::v1::admin::auth::sso::{OLGA_AT, Studio};

/// `DynamoDB` calls, read units and write units of a function since they were last forgotten.
fn cost(app: &App, function: &str) -> [f64; 3] {
    let usage = app.usage(function);
    let calls: u64 = app.dynamodb_calls(function).iter().map(|(_, times)| times).sum();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let calls = calls as f64;
    [calls, usage.read_units, usage.write_units]
}

/// Those rows of the first table that are about single sign-on.
async fn costs_of_sso() -> BTreeMap<String, [f64; 3]> {
    let studio = Studio::open().await;
    for _first_and_second_sight in 0..2 {
        studio.app.forget_usage();
        studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    }
    let rows = ["admin-sso-initiate", "admin-sso-login"];
    rows.map(|row| (row.to_owned(), cost(&studio.app, row))).into()
}

/// Those rows that `calls` makes.
async fn costs_of(
    app: App,
    calls: impl AsyncFnOnce(&App, &mut dyn FnMut(&str)),
) -> BTreeMap<String, [f64; 3]> {
    let mut measured = BTreeMap::new();
    calls(&app, &mut |row| {
        let function = row.split(',').next().unwrap();
        if !function.is_empty() {
            measured.insert(row.to_owned(), cost(&app, function));
        }
        app.forget_usage();
    })
    .await;
    measured
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_costs_what_the_document_says() {
    let mut measured = costs_of_sso().await;
    measured
        .extend(costs_of(App::start().await, async |app, mut note| each_call(app, &mut note).await).await);
    let vidizmo = costs_of(App::start().await, async |app, mut note| each_of_vidizmo(app, &mut note).await);
    measured.extend(vidizmo.await);
    let three_messages = App::changed(|document| {
        document["enterprises"][0]["settings"]["sms"] = json!({ "daily_max": 3 });
    });
    let screeners =
        costs_of(three_messages.await, async |app, mut note| each_of_screeners(app, &mut note).await);
    measured.extend(screeners.await);
    assert_eq!(measured, documented("call"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_costs_what_the_document_says() {
    let app = App::start().await;
    let mut measured = costs_of(app, async |app, mut note| each_refusal(app, &mut note).await).await;
    let studio = Studio::open().await;
    each_of_sso(&studio, &mut |row| {
        if let Some((function, _)) = row.split_once(',') {
            measured.insert(row.to_owned(), cost(&studio.app, function));
        }
        studio.app.forget_usage();
    })
    .await;
    assert_eq!(measured, documented("refusal"));
    let refusing: BTreeSet<_> = measured.keys().map(|row| row.split(',').next().unwrap()).collect();
    let never_refuse = ["jwks", "page-style"];
    let all = ROUTES.iter().map(|route| route.name).chain(["authorizer"]);
    assert_eq!(refusing, all.filter(|name| !never_refuse.contains(name)).collect());
}
