//! What the template lets the functions do, held against what they do on all their ways: both are the same, action by
//! action and partition key by partition key. That no test makes a function do more, the stand-ins of AWS see to:
//! they refuse what no policy allows.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use functions::{ROUTES, TRIGGERS};
use serde_json::json;
use shared::failure::Surface;
use tests::costs::{LINK, call_everything, link_and_request, wrong_code};
use tests::phone::Phone;
use tests::policy::{Keys, POLICIES, Statement, is_like};
use tests::{App, Client, part};

use crate::v1::admin::auth::sso::{OLGA_AT, Studio};

/// Whose hash is outdated until their first login by each function that takes passwords.
const WEAK: [&str; 5] = ["weak-watch", "weak-admin", "weak-vidizmo", "weak-tv", "weak-page"];
const WEAK_PASSWORD: &str = "correct horse battery";
const WALT: &str = "one seat in the last row";
const PIN: &str = "K7QX-93WD";

/// Actions, each with the forms of the partition keys that it was for.
type Touched = BTreeMap<String, BTreeSet<String>>;

fn weak(name: &str) -> serde_json::Value {
    json!({
        "username": name, "email": format!("{name}@acme.example"),
        "password_hash": bcrypt::hash(WEAK_PASSWORD, 4).unwrap(),
        "roles": ["admin"], "surfaces": ["watch", "admin", "vidizmo"],
    })
}

/// What a function does at its start, and with a body that is refused.
async fn starts_and_refusals(app: &App) {
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
}

/// Answers a TV's code with credentials.
async fn answer_tv(watch: &Client, kind: &str, credentials: serde_json::Value) -> u16 {
    let code = watch.get_code("tv").await;
    let body = json!({ "login_code": code, "type": kind, "credentials": credentials });
    watch.post("/v2/watch/auth/login/qr", body).await.status
}

/// Wrong passwords and PINs, right ones after them, and hashes that are replaced.
async fn sign_ins(app: &App) {
    let watch = app.watch();
    for (password, status) in [("wrong password", 401), (WEAK_PASSWORD, 200)] {
        let [on_watch, on_admin, on_vidizmo, on_tv, on_page] = WEAK;
        assert_eq!(watch.login(on_watch, password).await.status, status);
        assert_eq!(app.admin().admin_login(on_admin, password).await.status, status);
        let at_host = app.vidizmo().authenticate(on_vidizmo, password).await;
        assert_eq!(at_host.status == 200, status == 200, "{at_host:?}");
        let credentials = json!({ "username": on_tv, "password": password });
        assert_eq!(answer_tv(&watch, "password", credentials).await, status);
        let mut phone = Phone::open(app, &watch.get_code("tv").await).await;
        let page = phone.sign_in(on_page, password).await;
        assert_eq!(page.text.contains("is wrong"), status == 401, "{page:?}");
    }
    for pin in ["WRNG-0000", PIN] {
        watch.login_by_pin(pin).await;
        answer_tv(&watch, "pin", json!({ "pin": pin })).await;
        let mut phone = Phone::open(app, &watch.get_code("tv").await).await;
        phone.send(&[("type", "pin"), ("pin", pin)]).await;
    }
}

/// A code that nobody shows, one that a session of another application approves, and an answer that is asked for again.
async fn tvs(app: &App) {
    let watch = app.watch();
    watch.get_token("BCDF-GHJK", "tv").await.expect(401, "W2002");
    let code = watch.get_code("tv").await;
    let walt = app.key("acme-tv").sign_in("walt", WALT).await;
    app.authorized(&walt.token).approve(&code).await.expect(200, "W0000");
    for _ in 0..2 {
        watch.get_token(&code, "tv").await.expect(200, "W0000");
    }
}

/// Somebody who has signed in, and messages that SNS refuses.
async fn screeners(app: &App) {
    let walt = app.authorized(&app.watch().sign_in("walt", WALT).await.token);
    let code = link_and_request(app, &walt, "login", (44, 7_400_123_456, "+447400123456")).await;
    walt.verify_code("login", &wrong_code(&code, 1)).await.expect(401, "W2002");
    walt.verify_code("login", &code).await.expect(200, "W0000");
    app.advance(30);
    app.fail("sns", "*", "server_error", 3).await;
    app.watch().request_code(LINK).await.expect(500, "W5000");
}

/// Each thing that an owner can end.
async fn hotlists(app: &App) {
    let owner = app.authorized(&app.olga().await.token);
    let claims = part(&app.watch().sign_in("walt", WALT).await.token, 1);
    let by_pin = part(&app.watch().login_by_pin(PIN).await.expect(200, "W0000").tokens().token, 1);
    let refresh_token = app.watch().sign_in("walt", WALT).await.refresh_token;
    for body in [
        json!({ "refresh_token": refresh_token }),
        json!({ "session": claims["sid"] }),
        json!({ "user": claims["sub"] }),
        json!({ "user": by_pin["sub"] }),
        json!({ "api_key": "acme-tv" }),
    ] {
        owner.post("/v1/admin/auth/hotlist", body).await.expect(200, "A0000");
    }
}

/// Somebody who is found by their address, who is known with another one, who is new, and who is no admin.
async fn single_sign_on() -> Studio {
    let studio = Studio::changed(|document| {
        document["enterprises"][0]["sso"]["jit"] = json!(true);
        document["enterprises"][0]["sso"]["email_domains"] = json!(["acme.example"]);
    })
    .await;
    for (email, sub) in
        [(OLGA_AT, "olga-1"), ("olga.orlova@acme.example", "olga-1"), ("nina@acme.example", "nina-1")]
    {
        studio.sign_in(email, sub).await.expect(200, "A0000");
    }
    studio.sign_in("ana@acme.example", "ana").await.expect(401, "A2002");
    studio
}

/// What each function has touched, and the forms of all partition keys that there are.
async fn everything() -> (BTreeMap<String, Touched>, BTreeSet<String>) {
    let app = App::changed(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.extend(WEAK.iter().map(|name| weak(name)));
    })
    .await;
    crate::key_rotation::rotate(&app).await;
    call_everything(&app).await;
    starts_and_refusals(&app).await;
    sign_ins(&app).await;
    tvs(&app).await;
    screeners(&app).await;
    app.fail("ses", "*", "server_error", 3).await;
    app.watch().post("/v2/watch/auth/forgot-password", json!({ "email": "ana@acme.example" })).await;
    hotlists(&app).await;
    let studio = single_sign_on().await;
    let mut seen: BTreeMap<String, Touched> = BTreeMap::new();
    let mut forms = BTreeSet::new();
    for app in [&app, &studio.app] {
        for (name, usage) in &app.stack.world.usage().functions {
            let function = seen.entry(name.clone()).or_default();
            for (action, keys) in &usage.touched {
                function.entry(action.clone()).or_default().extend(keys.iter().cloned());
                forms.extend(keys.iter().cloned());
            }
        }
        forms.extend(app.key_forms().await);
    }
    (seen, forms)
}

/// A partition key of this form.
fn of_form(form: &str) -> String {
    form.replace('*', "x")
}

/// What a statement allows that nothing needs, with its function's name.
fn superfluous(statement: &Statement, keys: &Keys, seen: &Touched, forms: &BTreeSet<String>) -> Vec<String> {
    let actions = || statement.actions.iter();
    let allowed: BTreeSet<_> = forms.iter().filter(|form| statement.covers(&[of_form(form)])).collect();
    let used: BTreeSet<_> = actions().filter_map(|action| seen.get(action)).flatten().collect();
    let idle = actions()
        .filter(|action| seen.get(*action).is_none_or(|keys| !keys.iter().any(|key| allowed.contains(key))));
    let dead = keys.like.iter().filter(|like| !used.iter().any(|form| is_like(like, &of_form(form))));
    // What it takes away, something else would let through.
    let needless = keys.not_like.iter().filter(|not_like| {
        let is_taken = |form: &&String| is_like(not_like, &of_form(form));
        !forms.iter().filter(is_taken).any(|form| keys.like.iter().any(|like| is_like(like, &of_form(form))))
    });
    let unused = allowed.difference(&used).map(|form| format!("{form} by {:?}", statement.actions));
    unused
        .chain(idle.chain(dead).chain(needless).map(|text| format!("{text} in {:?}", statement.actions)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_allows_what_the_functions_do_and_no_more() {
    let (seen, forms) = everything().await;
    let actions = |touched: &Touched| touched.keys().cloned().collect::<BTreeSet<_>>();
    let used: BTreeMap<_, _> = seen.iter().map(|(name, touched)| (name.clone(), actions(touched))).collect();
    let allowed = POLICIES.iter().map(|(name, statements)| {
        let actions = statements.iter().flat_map(|statement| statement.actions.iter().cloned());
        (name.clone(), actions.collect())
    });
    assert_eq!(used, allowed.collect());
    let mut wrong = Vec::new();
    for (name, statements) in &*POLICIES {
        let seen = &seen[name];
        for (statement, keys) in statements.iter().filter_map(|each| Some((each, each.keys.as_ref()?))) {
            let superfluous = superfluous(statement, keys, seen, &forms);
            wrong.extend(superfluous.into_iter().map(|what| format!("{name} does not need {what}")));
        }
        for (action, forms) in seen {
            let refused = forms.iter().filter(|form| !tests::policy::allows(name, action, &[of_form(form)]));
            wrong.extend(refused.map(|form| format!("{name} needs {action} of {form}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_policy_allows_is_refused() {
    let app = App::start().await;
    let client = DynamoDb::new(&app.stack.place.environment("watch-session").aws);
    let table = &app.stack.place.table;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let get = client.get_item().table_name(table).key("pk", text("KEYS")).key("sk", text("KEYS"));
    get.send().await.unwrap();
    let get = client.get_item().table_name(table).key("pk", text("ENT#acme#ID#x")).key("sk", text("ID"));
    let refused = get.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    let put = client.put_item().table_name(table).item("pk", text("KEYS")).item("sk", text("KEYS"));
    put.send().await.unwrap_err();
    client.scan().table_name(table).send().await.unwrap_err();
    let noted = std::mem::take(&mut *app.stack.world.refused());
    assert_eq!(
        noted,
        [
            "watch-session: dynamodb:GetItem of ENT#*#ID#*",
            "watch-session: dynamodb:PutItem of KEYS",
            "watch-session: dynamodb:Scan of ",
        ]
    );
}

#[test]
fn a_pattern_is_matched_as_iam_matches_it() {
    for (pattern, text, wanted) in [
        ("KEYS", "KEYS", true),
        ("KEYS", "KEYS#1", false),
        ("ENT#*#USER#*", "ENT#acme#USER#1", true),
        ("ENT#*#USER#*", "ENT#acme#ID#1", false),
        // What `*` stands for can have a `#` in it, and can be nothing.
        ("ENT#*#USER#*", "ENT#acme#ID#1#USER#1", true),
        ("ENT#*#LIMIT#*", "ENT##LIMIT#reset-source#1", true),
        ("ENT#*", "ent#acme", false),
        ("ENT#*#SSO#*", "ENT#acme#SSO-SUB#1", false),
        ("?EYS", "KEYS", true),
        ("?KEYS", "KEYS", false),
    ] {
        assert_eq!(is_like(pattern, text), wanted, "{pattern} {text}");
    }
}

#[test]
fn a_request_is_allowed_by_one_statement_or_not_at_all() {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let hotlist = |action: &str, of: &[&str]| tests::policy::allows("admin-hotlist", action, &keys(of));
    assert!(hotlist("dynamodb:GetItem", &["ENT#acme"]));
    assert!(hotlist("dynamodb:GetItem", &["ENT#acme#USER#1"]));
    assert!(!hotlist("dynamodb:GetItem", &["ENT#acme#ID#1"]));
    assert!(hotlist("dynamodb:BatchGetItem", &["ENT#acme#USER#1", "ENT#acme#KEY#a#1"]));
    assert!(!hotlist("dynamodb:BatchGetItem", &["ENT#acme#USER#1", "ENT#acme"]));
    assert!(!hotlist("dynamodb:BatchGetItem", &["ENT#acme#USER#1", "ENT#acme#ID#1"]));
    // `ForAllValues` alone would allow it.
    assert!(!hotlist("dynamodb:GetItem", &[]));
    assert!(!hotlist("dynamodb:DeleteItem", &["ENT#acme#USER#1"]));
}
