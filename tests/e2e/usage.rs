//! What the functions use, held against what the template lets them use and against the README's costs.

use std::collections::{BTreeMap, BTreeSet};

use functions::{ROUTES, TRIGGERS};
use serde_json::{Value, json};
use serde_yaml_ng::Value as Yaml;
use shared::failure::Surface;
use tests::phone::Phone;
use tests::{ANA, App, OLGA};

use crate::api::v1::user as vidizmo;
use crate::house::{read, template_functions};
use crate::v1::admin::auth::sso::{OLGA_AT, Studio};
use crate::v2::watch::content::screeners::{LINK, US, link_and_request, wrong};

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

/// Calls each endpoint once so that it succeeds, and gives the README's name of each call.
async fn call_everything(app: &App) {
    let watch = app.watch();
    let tokens = watch.sign_in("ana", ANA).await;
    app.stack.invoke("authorizer", crate::authorizer::event(app, &tokens.token)).await.unwrap();
    watch.login_by_pin("K7QX-93WD").await.expect(200, "W0000");
    app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    watch.refresh(&tokens.refresh_token).await.expect(200, "W0000");
    let rotating = app.key("acme-rotating");
    let spent = rotating.sign_in("ana", ANA).await;
    rotating.refresh(&spent.refresh_token).await.expect(200, "W0000");
    watch.post("/v2/watch/auth/logout", json!({ "token": tokens.token })).await.expect(200, "W0000");
    watch.post("/v2/watch/auth/users", new_person()).await.expect(200, "W0000");
    let olga = app.olga().await;
    app.authorized(&olga.token).get("/v1/admin/auth/session").await.expect(200, "A0000");
    app.admin().admin_refresh(&olga.refresh_token).await.expect(200, "A0000");
    let rotating = app.key("acme-admin-rotating");
    let spent = rotating.admin_login("olga", OLGA).await.expect(200, "A0000").tokens();
    rotating.admin_refresh(&spent.refresh_token).await.expect(200, "A0000");
    let user = tests::part(&app.key("acme-tv").sign_in("ana", ANA).await.token, 1)["sub"].clone();
    let hotlisted = app.authorized(&olga.token).post("/v1/admin/auth/hotlist", json!({ "user": user })).await;
    hotlisted.expect(200, "A0000");
    app.admin().post("/v1/admin/auth/logout", json!({ "token": olga.token })).await.expect(200, "A0000");
    app.anonymous().get("/.well-known/jwks.json").await;
    app.anonymous().get("/assets/page.css").await;
    let code = link_and_request(app, &watch, LINK, US).await;
    watch.verify_code(LINK, &wrong(&code, 1)).await.expect(401, "W2002");
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
    for method in ["POST", "GET"] {
        let client = vidizmo::ana(app).await;
        client.user(vidizmo::ANA_AT).await.expect_value();
        let client = app.vidizmo().bearing(&client.refresh_opaque().await.opaque());
        client.send(method, "/api/v1/user/logout", "").await.expect_value();
    }
    sign_in_on_a_tv(app, &watch.sign_in("ana", ANA).await.token).await;
    for by_page in [false, true] {
        watch
            .post("/v2/watch/auth/forgot-password", json!({ "email": "ana@acme.example" }))
            .await
            .expect(200, "W0000");
        let code = app.reset_code("Ana@acme.example");
        let new = format!("seven reels of nitrate film {by_page}");
        if by_page {
            let page = format!("/reset/{code}");
            assert_eq!(app.anonymous().get(&page).await.status, 200);
            let form = [("new_password", &*new), ("again", &*new)];
            assert_eq!(app.anonymous().post_form(&page, &form).await.status, 200);
        } else {
            let body = json!({ "reset_code": code, "new_password": new });
            watch.post("/v2/watch/auth/reset-password", body).await.expect(200, "W0000");
        }
    }
}

/// Signs a TV in each way in which that can be done.
async fn sign_in_on_a_tv(app: &App, token: &str) {
    let watch = app.watch();
    let code = watch.get_code("tv").await;
    for picture in ["png", "svg"] {
        assert_eq!(app.anonymous().get(&format!("/qr/{code}/image.{picture}")).await.status, 200);
    }
    watch.get_token(&code, "tv").await.expect(202, "W3000");
    app.authorized(token).approve(&code).await.expect(200, "W0000");
    app.advance(10);
    watch.get_token(&code, "tv").await.expect(200, "W0000");
    let credentials = json!({ "username": "ana", "password": ANA });
    let body =
        json!({ "login_code": watch.get_code("tv").await, "type": "password", "credentials": credentials });
    watch.post("/v2/watch/auth/login/qr", body).await.expect(200, "W0000");
    let mut phone = Phone::open(app, &watch.get_code("tv").await).await;
    phone.sign_in("ana", ANA).await.expect_page(200, "Approve this Apple TV?");
    phone.answer("approve").await.expect_page(200, "You approved the Apple TV");
}

fn new_person() -> Value {
    json!({ "username": "nadia", "email": "nadia@acme.example", "password": "one ticket for the balcony" })
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
            let calls = usage.calls.keys().chain(&usage.transacted);
            let calls = calls.filter(|call| *call != "dynamodb.TransactWriteItems");
            used.entry(name.clone()).or_default().extend(calls.map(|call| call.replacen('.', ":", 1)));
        }
    }
    let allowed = template_functions().into_iter().map(|(name, function)| (name, allowed_actions(&function)));
    assert_eq!(used, allowed.collect());
}

/// The rows of the README's table of costs: the call, and its three figures.
fn costs() -> BTreeMap<String, [f64; 3]> {
    let readme = read("README.md");
    let table = readme.split("| call | calls | read units | write units |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let figure = |index: usize| cells[index].parse().unwrap();
        (cells[0].replace('`', ""), [figure(1), figure(2), figure(3)])
    })
    .collect()
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

/// Those rows of the README's table that are about VIDIZMO's API.
async fn costs_of_vidizmo() -> BTreeMap<String, [f64; 3]> {
    let app = App::start().await;
    let mut measured = BTreeMap::new();
    let mut note = |row: &str| {
        measured.insert(row.to_owned(), cost(&app, row.split(',').next().unwrap()));
        app.forget_usage();
    };
    app.forget_usage();
    let client = vidizmo::ana(&app).await;
    note("vidizmo-authenticate");
    client.user(vidizmo::ANA_AT).await.expect_value();
    note("vidizmo-user, first in a minute");
    client.user(vidizmo::ANA_AT).await.expect_value();
    note("vidizmo-user");
    let client = app.vidizmo().bearing(&client.refresh_opaque().await.opaque());
    note("vidizmo-refresh");
    client.send("POST", "/api/v1/user/logout", "").await.expect_value();
    note("vidizmo-logout");
    let client = vidizmo::ana(&app).await;
    app.forget_usage();
    client.get("/api/v1/user/logout").await.expect_value();
    measured.insert("vidizmo-logout-get".to_owned(), cost(&app, "vidizmo-logout-get"));
    measured
}

/// Those rows of the README's table that are about screeners.
async fn costs_of_screeners() -> BTreeMap<String, [f64; 3]> {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"]["sms"] = json!({ "daily_max": 3 });
    })
    .await;
    let mut measured = BTreeMap::new();
    // So that what the functions do at their start is no call's.
    let code = link_and_request(&app, &app.watch(), "link-2", (44, 7_400_123_456, "+447400123456")).await;
    app.watch().verify_code("link-2", &code).await.expect(200, "W0000");
    let clients = [(app.ana_client().await, "login", "token"), (app.watch(), LINK, "API key")];
    for (index, (client, screener, by)) in clients.into_iter().enumerate() {
        let phone = US.1 + index as u64;
        let mut note = |function: &str, what: &str| {
            measured.insert(format!("{function}, {what}"), cost(&app, function));
            app.forget_usage();
        };
        app.forget_usage();
        client.link_phone(screener, US.0, phone).await.expect(200, "W0000");
        note("screener-register", by);
        client.request_code(screener).await.expect(200, "W0000");
        assert_eq!(app.usage("screener-request").calls["sns.Publish"], 1);
        note("screener-request", by);
        let code = app.sms_code(&format!("+1{phone}"));
        client.verify_code(screener, &wrong(&code, 1)).await.expect(401, "W2002");
        note("screener-verify", &format!("{by}, wrong code"));
        client.verify_code(screener, &code).await.expect(200, "W0000");
        note("screener-verify", by);
    }
    app.advance(30);
    for what in ["API key, a limit met", "API key, the same again"] {
        app.forget_usage();
        app.watch().request_code(LINK).await.expect(429, "W5001");
        measured.insert(format!("screener-request, {what}"), cost(&app, "screener-request"));
    }
    measured
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_costs_what_the_readme_says() {
    let app = App::start().await;
    let watch = app.watch();
    call_everything(&app).await;
    let new = "seven reels of nitrate film true";
    let tokens = watch.sign_in("ana", new).await;
    let rotated = app.key("acme-rotating").sign_in("ana", new).await;
    let person =
        json!({ "username": "noor", "email": "noor@acme.example", "password": "one ticket for the balcony" });
    let forgot = json!({ "email": "ana@acme.example" });
    let (olga, other) = (app.olga().await, app.key("acme-tv").sign_in("ana", new).await);
    let qr = "/v2/watch/auth/login/qr";
    let codes = [watch.get_code("tv").await, watch.get_code("tv").await, watch.get_code("tv").await];
    let mut measured = BTreeMap::new();
    let mut note = |row: &str| {
        measured.insert(row.to_owned(), cost(&app, row.split(',').next().unwrap()));
        app.forget_usage();
    };
    app.forget_usage();
    watch.login("ana", new).await.expect(200, "W0000");
    note("watch-login, password");
    watch.login_by_pin("K7QX-93WD").await.expect(200, "W0000");
    note("watch-login, PIN");
    watch.refresh(&tokens.refresh_token).await.expect(200, "W0000");
    note("watch-token-refresh");
    app.key("acme-rotating").refresh(&rotated.refresh_token).await.expect(200, "W0000");
    note("watch-token-refresh, rotating");
    app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    note("watch-session");
    app.stack.invoke("authorizer", crate::authorizer::event(&app, &tokens.token)).await.unwrap();
    note("authorizer");
    watch.get_code("tv").await;
    note("watch-qr-get-code");
    watch.get_token(&codes[0], "tv").await.expect(202, "W3000");
    note("watch-qr-get-token, pending");
    app.authorized(&tokens.token).approve(&codes[0]).await.expect(200, "W0000");
    note("watch-qr-approve, token");
    let credentials = json!({ "username": "ana", "password": new });
    let body = json!({ "login_code": codes[1], "type": "password", "credentials": credentials });
    watch.post(qr, body).await.expect(200, "W0000");
    note("watch-qr-approve, password");
    app.advance(10);
    watch.get_token(&codes[0], "tv").await.expect(200, "W0000");
    note("watch-qr-get-token, approved");
    for picture in ["png", "svg"] {
        app.anonymous().get(&format!("/qr/{}/image.{picture}", codes[2])).await;
        note(&format!("qr-image-{picture}"));
    }
    let mut phone = Phone::open(&app, &codes[2]).await;
    note("qr-page");
    phone.sign_in("ana", new).await;
    note("qr-submit, password");
    phone.answer("approve").await.expect_page(200, "You approved the Apple TV");
    note("qr-submit, answer");
    app.anonymous().get("/assets/page.css").await;
    note("page-style");
    app.admin().admin_login("olga", OLGA).await.expect(200, "A0000");
    note("admin-login");
    app.admin().admin_refresh(&olga.refresh_token).await.expect(200, "A0000");
    note("admin-refresh");
    app.authorized(&olga.token).get("/v1/admin/auth/session").await.expect(200, "A0000");
    note("admin-session");
    watch.post("/v2/watch/auth/logout", json!({ "token": tokens.token })).await.expect(200, "W0000");
    note("watch-logout");
    let claims = tests::part(&other.token, 1);
    for (what, claim) in [("session", "sid"), ("user", "sub")] {
        let owner = app.authorized(&olga.token);
        owner.post("/v1/admin/auth/hotlist", json!({ what: claims[claim] })).await.expect(200, "A0000");
        note(&format!("admin-hotlist, {what}"));
    }
    app.admin().post("/v1/admin/auth/logout", json!({ "token": olga.token })).await.expect(200, "A0000");
    note("admin-logout");
    watch.post("/v2/watch/auth/users", person).await.expect(200, "W0000");
    note("watch-sign-up");
    watch.post("/v2/watch/auth/forgot-password", forgot).await.expect(200, "W0000");
    note("watch-forgot-password");
    let reset = json!({ "reset_code": app.reset_code("Ana@acme.example"), "new_password": "the very last picture show" });
    watch.post("/v2/watch/auth/reset-password", reset).await.expect(200, "W0000");
    note("watch-reset-password");
    app.anonymous().get("/.well-known/jwks.json").await;
    note("jwks");
    watch
        .post("/v2/watch/auth/forgot-password", json!({ "email": "ana@acme.example" }))
        .await
        .expect(200, "W0000");
    let page = format!("/reset/{}", app.reset_code("Ana@acme.example"));
    app.forget_usage();
    app.anonymous().get(&page).await;
    note("reset-page");
    let form = [("new_password", "the very first picture show"), ("again", "the very first picture show")];
    app.anonymous().post_form(&page, &form).await;
    note("reset-submit");
    measured.extend(costs_of_sso().await);
    measured.extend(costs_of_screeners().await);
    measured.extend(costs_of_vidizmo().await);
    assert_eq!(measured, costs());
}
