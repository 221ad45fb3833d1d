//! The local stack's own routes, `/_local/…` and `/`.

use serde_json::json;
use tests::{ANA, App};

#[tokio::test(flavor = "multi_thread")]
async fn health_says_ready() {
    let app = App::start().await;
    assert_eq!(app.anonymous().get("/_local/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_json_or_a_page_and_can_be_emptied() {
    let app = App::start().await;
    let body = json!({ "email": "ana@acme.example" });
    app.watch().post("/v2/watch/auth/forgot-password", body).await.expect(200, "W0000");
    let outbox = app.anonymous().get("/_local/outbox").await;
    let email = &outbox.body["email"][0];
    assert_eq!((&email["to"], &outbox.body["sms"]), (&json!("Ana@acme.example"), &json!([])));
    assert!(email["subject"].is_string() && email["text"].is_string() && email["at"].is_i64());
    let page = app.anonymous().get_html("/_local/outbox").await;
    assert!(
        page.header("content-type").starts_with("text/html")
            && page.text.contains("Set a new password for Acme &amp; Daughters")
    );
    assert_eq!(app.anonymous().send("DELETE", "/_local/outbox", "").await.status, 204);
    assert_eq!(app.anonymous().get("/_local/outbox").await.body, json!({ "sms": [], "email": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn text_messages_of_the_real_sns_client_land_in_the_outbox() {
    let app = App::start().await;
    let sns = aws_sdk_sns::Client::new(&app.operator().aws);
    let sent = sns.publish().phone_number("+14155550100").message("Acme: 123456").send().await.unwrap();
    assert!(sent.message_id().is_some());
    let outbox = app.anonymous().get("/_local/outbox").await;
    assert_eq!(
        (&outbox.body["sms"][0]["to"], &outbox.body["sms"][0]["body"]),
        (&json!("+14155550100"), &json!("Acme: 123456"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_moves_for_all_functions() {
    let app = App::start().await;
    let now = |answer: &tests::Answer| answer.body["now"].as_i64().unwrap();
    let first = now(&app.anonymous().post("/_local/clock", json!({ "advance_seconds": 0 })).await);
    let later = now(&app.anonymous().post("/_local/clock", json!({ "advance_seconds": 86_400 })).await);
    assert!((86_400..86_410).contains(&(later - first)));
    let claims = tests::part(&app.ana().await.token, 1);
    assert!((later..later + 10).contains(&claims["iat"].as_i64().unwrap()));
    let bad = app.anonymous().post("/_local/clock", json!({ "advance_seconds": "1" })).await;
    assert!((400..500).contains(&bad.status));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_checked_and_used_up() {
    let app = App::start().await;
    for bad in [
        json!({ "service": "s3", "operation": "*", "error": "throttle", "count": 1 }),
        json!({ "service": "dynamodb", "operation": "*", "error": "sulk", "count": 1 }),
        json!({ "service": "dynamodb", "operation": "*", "error": "throttle" }),
    ] {
        assert_eq!(app.anonymous().post("/_local/faults", bad).await.status, 400);
    }
    app.fail("dynamodb", "BatchGetItem", "server_error", 3).await;
    app.watch().login("ana", ANA).await.expect(500, "W5000");
    app.watch().login("ana", ANA).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_counts_invocations_calls_and_units_since_it_was_emptied() {
    let app = App::start().await;
    assert_eq!(app.anonymous().get("/_local/usage").await.body, json!({ "functions": {} }));
    app.ana().await;
    let usage = app.anonymous().get("/_local/usage").await;
    let login = &usage.body["functions"]["watch-login"];
    assert_eq!((&login["invocations"], &login["calls"]["dynamodb.BatchGetItem"]), (&json!(1), &json!(1)));
    assert!(login["read_units"].as_f64().unwrap() > 0.0 && login["write_units"].as_f64().unwrap() > 0.0);
    assert_eq!(app.anonymous().send("DELETE", "/_local/usage", "").await.status, 204);
    assert_eq!(app.anonymous().get("/_local/usage").await.body, json!({ "functions": {} }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_page_shows_endpoints_a_curl_and_the_outbox() {
    let app = App::with(::local::DEMO).await;
    let page = app.anonymous().get("/").await;
    assert_eq!(page.status, 200);
    for route in functions::ROUTES {
        assert!(page.text.contains(&format!("<code>{}</code>", route.path)), "{}", route.path);
    }
    assert!(page.text.contains("curl -s ") && page.text.contains("id=\"outbox\""));
    assert!(page.text.contains("data-key=\"usk_demo_tv_") && page.text.contains("K7QX-93WD"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_watch_key_there_is_no_tv() {
    let app = App::changed(|document| {
        for enterprise in document["enterprises"].as_array_mut().unwrap() {
            enterprise["api_keys"].as_array_mut().unwrap().retain(|key| key["surface"] == "admin");
        }
    })
    .await;
    let page = app.anonymous().get("/").await;
    assert!(page.status == 200 && page.text.contains("no Watch API key") && !page.text.contains("usk_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_data_folder_sessions_outlive_a_restart() {
    let folder = std::env::temp_dir().join(format!("usher-data-{}", ulid::Ulid::generate()));
    let mut first = App::placed(tests::DOCUMENT, 0, Some(folder.clone()), None).await;
    let port = first.stack.place.url.rsplit(':').next().unwrap().parse().unwrap();
    let tokens = first.ana().await;
    first.stack.stop().await;
    let second = App::placed(tests::DOCUMENT, port, Some(folder.clone()), None).await;
    assert!(second.stack.report.changes.iter().all(|change| change.to_string().starts_with("unchanged")));
    second.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
    second.watch().login_by_pin("K7QX-93WD").await.expect(200, "W0000");
    drop(second);
    std::fs::remove_dir_all(folder).unwrap();
}
