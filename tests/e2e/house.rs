//! What must agree with each other: the list of endpoints, `template.yaml`, `events/`, the binaries
//! and the README; and what the functions use with what the template lets them use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use functions::{ROUTES, TRIGGERS};
use lambda_http::{Context, LambdaEvent, RequestExt};
use serde_json::{Value, json};
use serde_yaml_ng::Value as Yaml;
use shared::failure::Surface;
use shared::token::keys::KeySecret;
use tests::phone::Phone;
use tests::{ANA, App, OLGA};

use crate::v1::admin::auth::sso::{OLGA_AT, Studio};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn names() -> BTreeSet<String> {
    let triggers = TRIGGERS.iter().map(|trigger| trigger.name);
    ROUTES.iter().map(|route| route.name).chain(triggers).map(ToOwned::to_owned).collect()
}

/// The functions of the template by their binaries.
fn template_functions() -> BTreeMap<String, Yaml> {
    let template: Yaml = serde_yaml_ng::from_str(&read("template.yaml")).unwrap();
    let resources = template["Resources"].as_mapping().unwrap().values();
    let functions = resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    functions
        .map(|function| {
            let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap();
            (binary.to_owned(), function.clone())
        })
        .collect()
}

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

fn file_stems(folder: &str) -> BTreeSet<String> {
    let files = fs::read_dir(root().join(folder)).unwrap();
    files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_endpoint_has_a_binary_an_event_and_a_function_and_there_are_no_others() {
    assert_eq!(names().len(), ROUTES.len() + TRIGGERS.len(), "two functions share a name");
    assert_eq!(file_stems("functions/src/bin"), names());
    assert_eq!(file_stems("events"), names());
    assert_eq!(template_functions().into_keys().collect::<BTreeSet<_>>(), names());
    let manifest = read("functions/Cargo.toml");
    for name in names() {
        assert!(
            manifest
                .contains(&format!("[[bin]]\nname = \"{name}\"\npath = \"src/bin/{name}.rs\"\ntest = false"))
        );
    }
}

#[test]
fn the_template_routes_each_path_with_and_without_a_trailing_slash() {
    let functions = template_functions();
    for route in ROUTES {
        let events = functions[route.name]["Properties"]["Events"].as_mapping().unwrap().values();
        let routes: BTreeSet<_> = events
            .map(|event| {
                assert_eq!(event["Type"], "HttpApi");
                let text = |name: &str| event["Properties"][name].as_str().unwrap().to_uppercase();
                (text("Method"), event["Properties"]["Path"].as_str().unwrap().to_owned())
            })
            .collect();
        let wanted = [route.path.to_owned(), format!("{}/{{slash+}}", route.path)];
        assert_eq!(routes, wanted.map(|path| (route.method.to_owned(), path)).into(), "{}", route.name);
    }
}

#[test]
fn the_template_rotates_the_keys_and_exports_the_authorizer() {
    let template: Yaml = serde_yaml_ng::from_str(&read("template.yaml")).unwrap();
    let (resources, outputs) = (&template["Resources"], &template["Outputs"]);
    let schedules: Vec<_> = resources
        .as_mapping()
        .unwrap()
        .values()
        .filter(|resource| resource["Type"] == "AWS::SecretsManager::RotationSchedule")
        .collect();
    let [schedule] = schedules[..] else { panic!("one schedule") };
    assert_eq!(schedule["Properties"]["RotationRules"]["AutomaticallyAfterDays"], 30);
    assert_eq!(schedule["DependsOn"], "KeyRotationPermission");
    assert_ne!(schedule["Properties"]["RotateImmediatelyOnUpdate"], false, "it makes the first keys");
    let made = resources["KeysSecret"]["Properties"]["GenerateSecretString"]["SecretStringTemplate"].as_str();
    assert!(KeySecret::parse(made.unwrap()).unwrap().is_empty());
    assert!(!outputs["AuthorizerArn"]["Export"]["Name"].is_null());
    // What the function may read, what it looks for, and what an operator is told.
    let login = &resources["AdminSsoLogin"]["Properties"];
    let prefix = outputs["SsoSecrets"]["Value"].clone();
    assert_eq!(login["Environment"]["Variables"]["USHER_SSO_SECRETS"], prefix);
    let Yaml::Tagged(prefix) = prefix else { panic!("a !Sub") };
    let policy = serde_yaml_ng::to_string(&login["Policies"]).unwrap();
    assert!(policy.contains(&format!(":secret:{}/*", prefix.value.as_str().unwrap())), "{policy}");
}

#[test]
fn the_readme_lists_every_endpoint() {
    let readme = read("README.md");
    for route in ROUTES {
        let row = format!("| {} | `{}` | `{}` |", route.method, route.path, route.name);
        assert!(readme.contains(&row), "{row}");
    }
    for trigger in TRIGGERS {
        let row = format!("| `{}` |", trigger.name);
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn the_log_s_page_lists_every_event_with_its_functions() {
    let page = read("docs/audit.md");
    let mut events: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (event, name) in ROUTES.iter().map(|route| (route.event, route.name)) {
        events.entry(event).or_default().push(name);
    }
    for trigger in TRIGGERS {
        events.entry(trigger.event).or_default().push(trigger.name);
    }
    for (event, names) in events {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{event}` |"))).expect(event);
        assert!(names.iter().all(|name| row.contains(&format!("`{name}`"))), "{row}");
    }
}

/// Each event's name and what it gets, an HTTP status or a whole answer; `.ci/events` reads the same file.
fn events() -> Vec<(String, Value)> {
    let lines = include_str!("../src/events.tsv").lines();
    lines
        .map(|line| {
            let (name, wanted) = line.split_once('\t').unwrap();
            (name.to_owned(), serde_json::from_str(wanted).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_runs_as_it_is_against_the_demo() {
    let app = App::with(local::DEMO).await;
    assert_eq!(events().into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>(), names());
    for (name, wanted) in events() {
        let event = read(&format!("events/{name}.json"));
        let parsed: Value = serde_json::from_str(&event).unwrap();
        let Some(route) = ROUTES.iter().find(|route| route.name == name) else {
            let trigger = TRIGGERS.iter().find(|trigger| trigger.name == name).unwrap();
            let function = (trigger.build)(app.operator()).await.unwrap();
            let answer = function(LambdaEvent::new(parsed, Context::default())).await.unwrap();
            assert_eq!(answer, wanted, "{name}");
            continue;
        };
        assert_eq!(parsed["routeKey"], format!("{} {}", route.method, route.path));
        let handler = (route.build)(app.operator()).await.unwrap();
        let request = lambda_http::request::from_str(&event).unwrap();
        let answer = handler(request.with_lambda_context(Context::default())).await;
        assert_eq!(answer.status().as_u16(), wanted, "{name}: {:?}", answer.body());
    }
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
        let path = route.path.replace("{reset_code}", "x").replace("{login_code}", "x");
        let key = if route.surface == Surface::Admin { app.admin() } else { app.watch() };
        key.send(route.method, &path, "not JSON").await;
    }
    for trigger in TRIGGERS {
        (trigger.build)(app.stack.place.environment(trigger.name)).await.unwrap();
    }
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
    let studio = Studio::open().await;
    for _first_and_second_sight in 0..2 {
        studio.app.forget_usage();
        studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    }
    for row in ["admin-sso-initiate", "admin-sso-login"] {
        measured.insert(row.to_owned(), cost(&studio.app, row));
    }
    assert_eq!(measured, costs());
}
