//! What happens when AWS fails: calls are refused with 5000, retries find their own writes, and
//! nothing half-done stays behind (OWASP ASVS 16.5).

// Minutes, and a machine to themselves: see .ci/run.
#[cfg(feature = "faults")]
mod bad_body;
#[cfg(feature = "faults")]
mod everywhere;
#[cfg(feature = "faults")]
mod rows;

use serde_json::{Value, json};
use tests::{ANA, App, OLGA};

/// Each endpoint of the Watch surface that takes a body and an API key, for a person who is signed in.
fn calls(refresh_token: &str) -> Vec<(&'static str, Value)> {
    let login = json!({ "type": "password", "credentials": { "username": "ana", "password": ANA } });
    vec![
        ("login", login),
        ("login", json!({ "type": "pin", "credentials": { "pin": "K7QX-93WD" } })),
        ("logout", json!({ "refresh_token": refresh_token })),
        ("token/refresh", json!({ "refresh_token": refresh_token })),
        ("forgot-password", json!({ "email": "ana@acme.example" })),
        (
            "reset-password",
            json!({ "reset_code": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "new_password": "a new long password" }),
        ),
        (
            "users",
            json!({ "username": "nadia", "email": "nadia@acme.example", "password": "a new long password" }),
        ),
        ("login/qr/get-code", json!({ "device": "AppleTV", "udid": "a television" })),
        ("login/qr/get-token", json!({ "login_code": "BCD3FGH", "udid": "a television" })),
        (
            "login/qr",
            json!({ "login_code": "BCD3FGH", "type": "pin", "credentials": { "pin": "K7QX-93WD" } }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_table_fails_every_call_is_5000_and_tells_nothing() {
    let app = App::start().await;
    let (tokens, olga) = (app.ana().await, app.olga().await);
    for error in ["server_error", "throttle", "lost_response"] {
        for (path, body) in calls(&tokens.refresh_token) {
            app.fail("dynamodb", "*", error, 1000).await;
            let answer = app.watch().post(&format!("/v2/watch/auth/{path}"), body).await.expect(500, "W5000");
            assert_eq!(answer.body["detail"], "Server error", "{path}");
            app.anonymous().send("DELETE", "/_local/faults", "").await;
        }
        app.fail("dynamodb", "*", error, 1000).await;
        app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(500, "W5000");
        app.authorized(&olga.token).get("/v1/admin/auth/session").await.expect(500, "A5000");
        app.admin().admin_login("olga", OLGA).await.expect(500, "A5000");
        app.admin().admin_refresh(&olga.refresh_token).await.expect(500, "A5000");
        app.admin().post("/v1/admin/auth/logout", json!({ "token": olga.token })).await.expect(500, "A5000");
        let hotlist = json!({ "refresh_token": tokens.refresh_token });
        app.authorized(&olga.token).post("/v1/admin/auth/hotlist", hotlist).await.expect(500, "A5000");
        app.anonymous().send("DELETE", "/_local/faults", "").await;
    }
    // The endpoints work again, and nobody called nadia was half-made.
    app.watch().login("ana", ANA).await.expect(200, "W0000");
    app.watch().login("nadia", "a new long password").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_only_the_write_fails_nothing_half_done_stays_behind() {
    let app = App::start().await;
    for (path, body) in calls("a.b.c") {
        if ["login", "forgot-password", "users"].contains(&path) {
            let write = if path == "login" { "PutItem" } else { "TransactWriteItems" };
            app.fail("dynamodb", write, "server_error", 3).await;
            app.watch().post(&format!("/v2/watch/auth/{path}"), body).await.expect(500, "W5000");
        }
    }
    assert!(app.stack.world.outbox().email.is_empty());
    app.watch().login("nadia", "a new long password").await.expect(401, "W2002");
    let again =
        json!({ "username": "nadia", "email": "nadia@acme.example", "password": "a new long password" });
    app.watch().post("/v2/watch/auth/users", again).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_failures_lock_nobody_out() {
    let app = App::start().await;
    for operation in ["BatchGetItem", "PutItem", "TransactWriteItems"] {
        for _ in 0..11 {
            app.fail("dynamodb", operation, "server_error", 3).await;
            app.watch().login("ana", ANA).await.expect(500, "W5000");
        }
        if operation == "PutItem" {
            // Its try stays, so that those that follow free it in a transaction.
            app.ana().await;
        }
    }
    app.ana().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_table_does_not_answer_at_all_the_call_is_5000_within_the_functions_time() {
    let app = App::start().await;
    app.fail("dynamodb", "*", "timeout", 1000).await;
    let answer = app.watch().login("ana", ANA).await.expect(500, "W5000");
    // The function itself has answered: what Lambda cuts off leaves no line.
    let log = app.log_of(answer.header("x-request-id"));
    assert!(log.iter().any(|line| line["event"] == "sign_in" && line["outcome"] == "error"), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_of_any_kind_is_ridden_out() {
    let app = App::start().await;
    for error in ["server_error", "throttle", "lost_response", "timeout"] {
        for operation in ["BatchGetItem", "UpdateItem", "PutItem", "TransactWriteItems"] {
            app.forget_tries().await;
            if operation == "TransactWriteItems" {
                // Somebody before them, whose try they free.
                app.ana().await;
            }
            app.fail("dynamodb", operation, error, 1).await;
            app.watch().login("ana", ANA).await.expect(200, "W0000");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_whose_answer_was_lost_counts_once() {
    let app = App::start().await;
    for _ in 0..10 {
        app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
        app.fail("dynamodb", "TransactWriteItems", "lost_response", 1).await;
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
    }
    app.watch().login("ana", ANA).await.expect(429, "W5001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_a_logout_is_still_a_logout() {
    let app = App::start().await;
    let tokens = app.ana().await;
    app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
    app.watch().post("/v2/watch/auth/logout", json!({ "token": tokens.token })).await.expect(200, "W0000");
    app.watch().refresh(&tokens.refresh_token).await.expect(401, "W2003");
}

#[tokio::test(flavor = "multi_thread")]
async fn warm_functions_live_through_an_outage_of_secrets_manager() {
    let app = App::start().await;
    app.ana().await;
    app.fail("secretsmanager", "*", "server_error", 1000).await;
    for _ in 0..3 {
        app.advance(5 * 60 + 1);
        app.ana().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_again_every_five_minutes_and_not_before() {
    let app = App::start().await;
    app.ana().await;
    let fetched =
        |app: &App| app.usage("watch-login").calls.get("secretsmanager.GetSecretValue").copied().unwrap_or(0);
    app.forget_usage();
    app.advance(4 * 60);
    app.ana().await;
    assert_eq!(fetched(&app), 0);
    app.advance(60 + 1);
    // Beside a call: when it has been, nobody knows.
    while fetched(&app) == 0 {
        app.ana().await;
    }
    app.ana().await;
    assert_eq!(fetched(&app), 1, "the keys; the pepper only where a PIN is read");
}
