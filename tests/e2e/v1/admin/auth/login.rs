//! `POST /v1/admin/auth/login`

use serde_json::{Value, json};
use tests::{ANA, App, OLGA, at_once, count, part};

const LOGIN: &str = "/v1/admin/auth/login";
const DAY: i64 = 24 * 60 * 60;

fn lifetime(refresh_token: &str) -> i64 {
    let claims = part(refresh_token, 1);
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_body_gives_the_published_answer() {
    let app = App::start().await;
    let body = json!({ "username": "olga", "password": OLGA, "extended_expiry": false });
    let answer = app.admin().post(LOGIN, body).await.expect(200, "A0000");
    let fields: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["refresh_token", "status_code", "status_message", "token"]);
    let tokens = answer.tokens();
    let claims = part(&tokens.token, 1);
    assert_eq!((&claims["aud"], &claims["scope"]), (&json!("admin"), &json!("owner")));
    assert_eq!((&claims["client_id"], &claims["amr"]), (&json!("acme-admin"), &json!(["pwd"])));
    assert_eq!(lifetime(&tokens.refresh_token), DAY);
    for name in ["OLGA", "Olga@acme.example"] {
        app.admin().admin_login(name, OLGA).await.expect(200, "A0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extended_expiry_gives_the_enterprises_maximum() {
    let app = App::start().await;
    let body = json!({ "username": "olga", "password": OLGA, "extended_expiry": true });
    let tokens = app.admin().post(LOGIN, body).await.expect(200, "A0000").tokens();
    assert_eq!(lifetime(&tokens.refresh_token), 30 * DAY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_4900_and_changes_nothing() {
    let app = App::start().await;
    app.forget_usage();
    let with = |extended: Value| json!({ "username": "olga", "password": OLGA, "extended_expiry": extended });
    for (body, field) in [
        (json!({ "password": OLGA }), "username"),
        (json!({ "username": 1, "password": OLGA }), "username"),
        (json!({ "username": "olga" }), "password"),
        (json!({ "username": "olga", "password": true }), "password"),
        (json!({ "username": "olga", "password": "" }), "password"),
        (with(json!("False")), "extended_expiry"),
        (with(json!(0)), "extended_expiry"),
        (json!({ "type": "pin", "credentials": { "pin": "K7QX-93WD" } }), "username"),
    ] {
        app.admin().post(LOGIN, body).await.expect_invalid(field);
    }
    assert!(app.usage("admin-login").write_units <= 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_wrong_disabled_and_not_of_this_surface_get_one_answer() {
    let app = App::start().await;
    let mut bodies = Vec::new();
    for (username, password) in [
        ("nobody", OLGA),
        ("olga", "wrong password"),
        ("dora", "locked out of the cinema"),
        // A viewer, with the right password.
        ("ana", ANA),
    ] {
        bodies.push(app.admin().admin_login(username, password).await.expect(401, "A2002").body);
    }
    assert_eq!(bodies[0], json!({ "status_code": "A2002", "status_message": "Access Denied" }));
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_the_identity_provider_counts_a_password_is_2101() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"] = json!({ "sso_only": true });
    })
    .await;
    for password in [OLGA, "wrong password"] {
        app.admin().admin_login("olga", password).await.expect(403, "A2101");
    }
    // Viewers sign in as before.
    app.watch().login("olga", OLGA).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_has_one_budget_on_both_surfaces() {
    let app = App::start().await;
    for _ in 0..5 {
        app.admin().admin_login("olga", "wrong password").await.expect(401, "A2002");
        app.watch().login("olga@acme.example", "wrong password").await.expect(401, "W2002");
    }
    app.admin().admin_login("olga", OLGA).await.expect(429, "A5001");
    app.watch().login("olga", OLGA).await.expect(429, "W5001");
    app.advance(15 * 60);
    app.olga().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_many_at_once_gains_nothing() {
    let app = App::start().await;
    let client = app.admin();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let client = client.clone();
        answers.extend(
            at_once(16, |_| {
                let client = client.clone();
                async move { client.admin_login("olga", "wrong password").await }
            })
            .await,
        );
    }
    assert_eq!((count(&answers, "A2002"), count(&answers, "A5001")), (10, 22));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_four_calls_in_two_steps() {
    let app = App::start().await;
    app.olga().await;
    app.forget_tries().await;
    app.forget_usage();
    app.olga().await;
    let calls: u64 = app.dynamodb_calls("admin-login").iter().map(|(_, times)| times).sum();
    assert_eq!(calls, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_of_one_surface_works_on_the_other() {
    let app = App::start().await;
    let (admin, watch) = (app.olga().await, app.watch().sign_in("olga", OLGA).await);
    app.authorized(&admin.token).get("/v2/watch/auth/session").await.expect(401, "W2003");
    app.authorized(&watch.token).get("/v1/admin/auth/session").await.expect(401, "A2003");
    app.watch().refresh(&admin.refresh_token).await.expect(401, "W2003");
    app.admin().admin_refresh(&watch.refresh_token).await.expect(401, "A2003");
    app.watch().post("/v2/watch/auth/logout", json!({ "token": admin.token })).await.expect(401, "W2003");
    app.admin().post("/v1/admin/auth/logout", json!({ "token": watch.token })).await.expect(401, "A2003");
    let code = app.watch().get_code("tv").await;
    app.authorized(&admin.token).approve(&code).await.expect(401, "W2003");
}
