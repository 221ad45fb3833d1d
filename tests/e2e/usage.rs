//! What the functions use, held against what the template lets them use and against the README's costs.

use std::collections::{BTreeMap, BTreeSet};

use functions::{ROUTES, TRIGGERS};
use serde_json::json;
use serde_yaml_ng::Value as Yaml;
use shared::failure::Surface;
use tests::App;
use tests::costs::{LINK, call_everything, each_call, each_of_screeners, each_of_vidizmo, in_the_readme};

use crate::house::template_functions;
use crate::v1::admin::auth::sso::{OLGA_AT, Studio};

/// What a function's policy allows, as `dynamodb:GetItem`.
fn allowed_actions(function: &Yaml) -> BTreeSet<String> {
    let policies = function["Properties"]["Policies"].as_sequence().into_iter().flatten();
    let statements = policies.flat_map(|policy| policy["Statement"].as_sequence().unwrap());
    let actions = statements.flat_map(|statement| match &statement["Action"] {
        Yaml::Sequence(actions) => actions.clone(),
        one => vec![one.clone()],
    });
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_allows_what_the_functions_do_and_no_more() {
    let app = App::start().await;
    crate::key_rotation::rotate(&app).await;
    // With what they do at their start, with a body that is refused, an e-mail that fails, and a hash
    // that is replaced.
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    call_everything(&app).await;
    for route in ROUTES {
        (route.build)(app.stack.place.environment(route.name)).await.unwrap();
        let path = route
            .path
            .replace("{reset_code}", "x")
            .replace("{login_code}", "x")
            .replace("{screener_key}", "link");
        let key = if route.surface == Surface::Admin { app.admin() } else { app.watch() };
        key.send(route.method, &path, "not JSON").await;
    }
    for trigger in TRIGGERS {
        (trigger.build)(app.stack.place.environment(trigger.name)).await.unwrap();
    }
    app.advance(30);
    app.fail("sns", "*", "server_error", 3).await;
    app.watch().request_code(LINK).await.expect(500, "W5000");
    app.fail("ses", "*", "server_error", 3).await;
    app.watch().post("/v2/watch/auth/forgot-password", json!({ "email": "ana@acme.example" })).await;
    let studio = Studio::changed(|document| {
        document["enterprises"][0]["sso"]["jit"] = json!(true);
        document["enterprises"][0]["sso"]["email_domains"] = json!(["acme.example"]);
    })
    .await;
    for email in [OLGA_AT, "nina@acme.example"] {
        studio.sign_in(email, email).await.expect(200, "A0000");
    }
    studio.sign_in("ana@acme.example", "ana").await.expect(401, "A2002");
    for world in [&app.stack.world, &studio.app.stack.world] {
        for (name, usage) in &world.usage().functions {
            used.entry(name.clone()).or_default().extend(usage.touched.keys().cloned());
        }
    }
    let allowed = template_functions().into_iter().map(|(name, function)| (name, allowed_actions(&function)));
    assert_eq!(used, allowed.collect());
}

/// `DynamoDB` calls, read units and write units of a function since they were last forgotten.
fn cost(app: &App, function: &str) -> [f64; 3] {
    let usage = app.usage(function);
    let calls: u64 = app.dynamodb_calls(function).iter().map(|(_, times)| times).sum();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let calls = calls as f64;
    [calls, usage.read_units, usage.write_units]
}

/// Those rows of the README's table that are about single sign-on.
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
async fn every_call_costs_what_the_readme_says() {
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
    assert_eq!(measured, in_the_readme());
}
