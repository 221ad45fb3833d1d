//! What all endpoints have in common (docs/api.md): the order of checks, the status
//! table's first rows, bad bodies, headers. One loop over all endpoints that an API key gates.

use serde_json::{Value, json};
use tests::App;

/// Each endpoint of the Admin surface that an API key gates, its function, and a body that it would take.
fn gated_admin() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("/v1/admin/auth/login", "admin-login", json!({ "username": "olga", "password": "wrong password" })),
        ("/v1/admin/auth/sso/initiate", "admin-sso-initiate", json!({ "username": "olga@acme.example" })),
        (
            "/v1/admin/auth/sso/login",
            "admin-sso-login",
            json!({ "state": "x", "nonce": "x", "email": "olga@acme.example", "code": "x", "error": false }),
        ),
        ("/v1/admin/auth/refresh", "admin-refresh", json!({ "refresh_token": "a.b.c" })),
        ("/v1/admin/auth/logout", "admin-logout", json!({ "token": "a.b.c" })),
    ]
}

/// Each endpoint of the Watch surface that an API key gates, its function, and a body that it would take.
fn gated() -> Vec<(&'static str, &'static str, Value)> {
    let login =
        json!({ "type": "password", "credentials": { "username": "ana", "password": "wrong password" } });
    vec![
        ("/v2/watch/auth/login", "watch-login", login),
        ("/v2/watch/auth/login", "watch-login", json!({ "type": "pin", "credentials": { "pin": "0000" } })),
        ("/v2/watch/auth/logout", "watch-logout", json!({ "token": "a.b.c" })),
        ("/v2/watch/auth/token/refresh", "watch-token-refresh", json!({ "refresh_token": "a.b.c" })),
        ("/v2/watch/auth/forgot-password", "watch-forgot-password", json!({ "email": "ana@acme.example" })),
        (
            "/v2/watch/auth/reset-password",
            "watch-reset-password",
            json!({ "reset_code": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "new_password": "a new long password" }),
        ),
        (
            "/v2/watch/auth/users",
            "watch-sign-up",
            json!({ "username": "nadia", "email": "nadia@acme.example", "password": "a new long password" }),
        ),
        (
            "/v2/watch/auth/login/qr/get-code",
            "watch-qr-get-code",
            json!({ "device": "AppleTV", "udid": "a television" }),
        ),
        (
            "/v2/watch/auth/login/qr/get-token",
            "watch-qr-get-token",
            json!({ "login_code": "BCD3FGH", "udid": "a television" }),
        ),
    ]
}

/// Bodies that no endpoint takes, and what they have wrong.
pub(crate) fn bad_bodies() -> Vec<Vec<u8>> {
    vec![
        b"".to_vec(),
        b"  ".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"{\"a\":1".to_vec(),
        b"{\"a\":1}{}".to_vec(),
        b"{\"a\":1,\"a\":1}".to_vec(),
        b"{\"a\":{\"b\":1,\"b\":2}}".to_vec(),
        b"{\"a\":\"\\ud800\"}".to_vec(),
        b"{\"a\":\"\xff\xfe\"}".to_vec(),
        b"{\"a\":\0}".to_vec(),
        [b"{\"a\":".repeat(300), b"1".to_vec(), b"}".repeat(300)].concat(),
        [b"[".repeat(8_000), b"]".repeat(8_000)].concat(),
        format!("{{\"a\":\"{}\"}}", "x".repeat(16 * 1024)).into_bytes(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_unparseable_header_is_2000() {
    let app = App::start().await;
    for (path, _, body) in gated() {
        app.anonymous().post(path, body.clone()).await.expect(401, "W2000");
        for header in ["Basic YW5hOmFuYQ==", "Bearer", "Bearer a b", "usk_acme_acme-watch_bare"] {
            app.authorized(header).post(path, body.clone()).await.expect(401, "W2000");
        }
        // Before the body is looked at.
        app.anonymous().send("POST", path, "not JSON").await.expect(401, "W2000");
    }
    for (path, _, body) in gated_admin() {
        app.anonymous().post(path, body.clone()).await.expect(401, "A2000");
        app.authorized("Basic YW5hOmFuYQ==").send("POST", path, "not JSON").await.expect(401, "A2000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_work_is_2001_and_changes_nothing() {
    let app = App::start().await;
    let long = format!("Bearer {}", "x".repeat(4000));
    let unknown = format!("Bearer usk_acme_nobody_{}", "0".repeat(40));
    let stranger = format!("Bearer usk_nowhere_acme-watch_{}", "0".repeat(40));
    let wrong = format!("Bearer usk_acme_acme-watch_{}", "0".repeat(40));
    for (path, function, body) in gated() {
        for header in [&*long, &unknown, &stranger, &wrong, "Bearer x.y.z"] {
            app.authorized(header).post(path, body.clone()).await.expect(401, "W2001");
            app.authorized(header).send("POST", path, "not JSON").await.expect(401, "W2001");
        }
        for key in ["acme-revoked", "acme-expired"] {
            app.key(key).post(path, body.clone()).await.expect(401, "W2001");
        }
        assert!(app.usage(function).invocations > 0);
    }
    for (path, _, body) in gated_admin() {
        for header in [&*unknown, &stranger, &wrong, "Bearer x.y.z"] {
            app.authorized(header).post(path, body.clone()).await.expect(401, "A2001");
            app.authorized(header).send("POST", path, "not JSON").await.expect(401, "A2001");
        }
    }
    // None of these tries was counted: the accounts still have all their tries.
    for _ in 0..10 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
        app.admin().admin_login("olga", "wrong password").await.expect(401, "A2002");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_surface_is_2101_before_the_body_is_looked_at() {
    let app = App::start().await;
    for (path, _, body) in gated() {
        app.key("acme-admin").post(path, body).await.expect(403, "W2101");
        app.key("acme-admin").send("POST", path, "not JSON").await.expect(403, "W2101");
    }
    for (path, _, body) in gated_admin() {
        app.watch().post(path, body).await.expect(403, "A2101");
        app.watch().send("POST", path, "not JSON").await.expect(403, "A2101");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_object_is_4900_and_changes_nothing() {
    let app = App::start().await;
    for (path, function, _) in gated() {
        app.forget_usage();
        for body in bad_bodies() {
            app.watch().send("POST", path, body).await.expect(400, "W4900");
        }
        assert!(app.usage(function).write_units <= 0.0, "{path}");
    }
    for (path, function, _) in gated_admin() {
        app.forget_usage();
        for body in bad_bodies() {
            app.admin().send("POST", path, body).await.expect(400, "A4900");
        }
        assert!(app.usage(function).write_units <= 0.0, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_wrong_is_named_and_changes_nothing() {
    let app = App::start().await;
    let login = |credentials: Value| json!({ "type": "password", "credentials": credentials });
    let cases = [
        ("login", json!({}), "type"),
        ("login", json!({ "type": 1, "credentials": {} }), "type"),
        ("login", json!({ "type": "sms", "credentials": {} }), "type"),
        ("login", json!({ "type": "pin" }), "credentials"),
        ("login", json!({ "type": "pin", "credentials": "0000" }), "credentials"),
        ("login", json!({ "type": "pin", "credentials": { "pin": 1234 } }), "credentials.pin"),
        ("login", json!({ "type": "pin", "credentials": { "pin": "" } }), "credentials.pin"),
        ("login", json!({ "type": "pin", "credentials": { "pin": "0".repeat(65) } }), "credentials.pin"),
        ("login", json!({ "type": "pin", "credentials": { "pin": "1234" }, "persist": "true" }), "persist"),
        ("login", login(json!({ "password": "x" })), "credentials.username"),
        ("login", login(json!({ "username": "ana" })), "credentials.password"),
        ("login", login(json!({ "username": "a\0na", "password": "x" })), "credentials.username"),
        ("login", login(json!({ "username": "ana", "password": null })), "credentials.password"),
        ("login", login(json!({ "username": "ana", "password": "x".repeat(513) })), "credentials.password"),
        ("logout", json!({}), "token"),
        ("logout", json!({ "token": 1 }), "token"),
        ("logout", json!({ "refresh_token": ["a.b.c"] }), "refresh_token"),
        ("token/refresh", json!({ "token": "a.b.c" }), "refresh_token"),
        ("token/refresh", json!({ "refresh_token": "a".repeat(5000) }), "refresh_token"),
        ("forgot-password", json!({ "email": "ana" }), "email"),
        ("forgot-password", json!({ "email": "ana@acme.example\r\nBcc: x@y.example" }), "email"),
        ("reset-password", json!({ "new_password": "a new long password" }), "reset_code"),
        ("reset-password", json!({ "reset_code": "x" }), "new_password"),
        ("reset-password", json!({ "reset_code": "x", "new_password": "short" }), "new_password"),
        ("users", json!({ "email": "n@acme.example", "password": "a new long password" }), "username"),
        (
            "users",
            json!({ "username": "a b", "email": "n@acme.example", "password": "a new long password" }),
            "username",
        ),
        (
            "users",
            json!({ "username": "n@x.example", "email": "n@acme.example", "password": "a new long password" }),
            "username",
        ),
        (
            "users",
            json!({ "username": "nadia", "email": "n@acme", "password": "a new long password" }),
            "email",
        ),
        (
            "users",
            json!({ "username": "nadia", "email": "n@acme.example", "password": 12_345_678 }),
            "password",
        ),
    ];
    for (endpoint, body, field) in cases {
        app.watch().post(&format!("/v2/watch/auth/{endpoint}"), body).await.expect_invalid(field);
    }
    // Nothing was counted and nobody was created.
    app.watch().login("nadia", "a new long password").await.expect(401, "W2002");
    for _ in 0..10 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_ignored_and_paths_work_with_one_trailing_slash() {
    let app = App::start().await;
    let body =
        json!({ "type": "pin", "credentials": { "pin": "K7QX-93WD", "x": 1 }, "y": [{}], "persist": null });
    app.watch().post("/v2/watch/auth/login/", body).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_which_no_url_can_be_made_change_nothing() {
    let app = App::start().await;
    let ana = app.ana_client().await;
    for header in [("x-forwarded-proto", "http,s"), ("x-forwarded-proto", "1"), ("x-forwarded-host", "[")] {
        ana.get_with("/v2/watch/auth/session", header).await.expect(200, "W0000");
    }
    for host in ["[", "a b", "acme.localhost:port"] {
        ana.clone().at(host).get("/v2/watch/auth/session").await.expect(200, "W0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_route_matches_is_answered_as_api_gateway_does() {
    let app = App::start().await;
    for (method, path) in [
        ("GET", "/v2/watch/auth/login"),
        ("POST", "/v2/watch/auth/login//"),
        ("POST", "/v2/watch/auth/Login"),
        ("GET", "/reset/"),
        ("POST", "/nothing"),
    ] {
        let answer = app.watch().send(method, path, "{}").await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (404, r#"{"message":"Not Found"}"#),
            "{method} {path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_is_one_line_of_log_with_the_request_id_of_the_answer() {
    let app = App::start().await;
    let answers = [
        app.watch().login("ana", tests::ANA).await.expect(200, "W0000"),
        app.watch().login("ana", "wrong password").await.expect(401, "W2002"),
        app.anonymous().get("/reset/01ARZ3NDEKTSV4RRFFQ69G5FAV").await,
    ];
    let wanted = [("watch-login", "W0000"), ("watch-login", "W2002"), ("reset-page", "404")];
    for (answer, (function, status_code)) in answers.iter().zip(wanted) {
        let lines = app.log_of(answer.header("x-request-id"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(
            (&lines[0]["function"], &lines[0]["status_code"]),
            (&json!(function), &json!(status_code))
        );
    }
}
