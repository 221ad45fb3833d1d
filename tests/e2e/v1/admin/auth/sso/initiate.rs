//! `POST /v1/admin/auth/sso/initiate`

use serde_json::{Value, json};
use tests::App;
use tests::provider::Trouble;

use super::{INITIATE, OLGA_AT, Studio};

#[tokio::test(flavor = "multi_thread")]
async fn the_published_body_gives_the_published_answer() {
    let studio = Studio::open().await;
    let body = json!({ "username": OLGA_AT });
    let answer = studio.app.admin().post(INITIATE, body).await.expect(200, "A0000");
    let fields: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["nonce", "redirect", "state", "status_code", "status_message"]);
    // It holds the redirect against every parameter of the contract.
    studio.provider.sign_in(answer.body["redirect"].as_str().unwrap(), OLGA_AT, "olga-1");
    let redirect = answer.body["redirect"].as_str().unwrap();
    for name in ["state", "nonce"] {
        assert!(redirect.contains(&format!("{name}={}", answer.body[name].as_str().unwrap())), "{redirect}");
    }
    let again = studio.begin().await;
    for (name, other) in [("state", again.state), ("nonce", again.nonce)] {
        assert_ne!(answer.body[name], other);
        assert_eq!(other.len(), 43);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_somebody_has_the_address_makes_no_difference() {
    let studio = Studio::open().await;
    let mut shapes = Vec::new();
    for username in [OLGA_AT, "nobody@acme.example", "dora@acme.example", "olga@elsewhere.example"] {
        studio.app.forget_usage();
        let answer =
            studio.app.admin().post(INITIATE, json!({ "username": username })).await.expect(200, "A0000");
        let redirect = answer.body["redirect"].as_str().unwrap().split('?').next().unwrap().to_owned();
        let usage = studio.app.usage("admin-sso-initiate");
        shapes.push((redirect, answer.text.len(), usage.calls));
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "{shapes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_with_a_query_of_its_own_keeps_it() {
    let studio = Studio::open().await;
    let endpoint = format!("{}/authorize?tenant=acme", studio.provider.issuer());
    studio.provider.set(|behaviour| behaviour.discovery = json!({ "authorization_endpoint": endpoint }));
    let begun = studio.begin().await;
    assert!(begun.redirect.starts_with(&format!("{endpoint}&")), "{}", begun.redirect);
    studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_4900_and_begins_nothing() {
    let studio = Studio::open().await;
    studio.app.forget_usage();
    for username in [
        Value::Null,
        json!(1),
        json!(""),
        json!("olga"),
        json!("olga@"),
        json!([OLGA_AT]),
        json!(format!("{}@acme.example", "x".repeat(300))),
    ] {
        studio.app.admin().post(INITIATE, json!({ "username": username })).await.expect_invalid("username");
    }
    studio.app.admin().post(INITIATE, json!({})).await.expect_invalid("username");
    assert!(studio.app.usage("admin-sso-initiate").write_units <= 0.0);
    assert_eq!(studio.provider.calls("discovery"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_it_is_2101() {
    let app = App::start().await;
    app.admin().post(INITIATE, json!({ "username": OLGA_AT })).await.expect(403, "A2101");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_publishes_is_kept_for_ten_minutes() {
    let studio = Studio::open().await;
    for _ in 0..3 {
        studio.begin().await;
    }
    assert_eq!(studio.provider.calls("discovery"), 1);
    studio.app.advance(600);
    studio.begin().await;
    assert_eq!(studio.provider.calls("discovery"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_or_odd_is_5000_and_asked_again() {
    let studio = Studio::open().await;
    let issuer = studio.provider.issuer().to_owned();
    let admin = studio.app.admin();
    for trouble in [
        Trouble::Huge,
        Trouble::Redirect,
        Trouble::Status(500),
        Trouble::Status(404),
        Trouble::NotJson,
        Trouble::Closed,
    ] {
        studio.trouble("discovery", trouble);
        let answer = admin.post(INITIATE, json!({ "username": OLGA_AT })).await;
        assert_eq!(answer.body["status_code"], "A5000", "{trouble:?}");
    }
    assert_eq!(studio.provider.calls("moved"), 0, "no redirect is followed");
    studio.provider.set(|behaviour| behaviour.trouble.clear());
    for discovery in [
        json!({ "issuer": "https://evil.example" }),
        json!({ "issuer": format!("{issuer}/") }),
        json!({ "issuer": null }),
        json!({ "authorization_endpoint": "http://evil.example/authorize" }),
        json!({ "authorization_endpoint": "javascript:alert(1)" }),
        json!({ "token_endpoint": "http://evil.example/token" }),
        json!({ "token_endpoint": "http://127.0.0.1@evil.example/token" }),
        json!({ "token_endpoint": null }),
        json!({ "jwks_uri": "file:///etc/passwd" }),
    ] {
        studio.provider.set(|behaviour| behaviour.discovery = discovery.clone());
        let answer = admin.post(INITIATE, json!({ "username": OLGA_AT })).await;
        assert_eq!(answer.body["status_code"], "A5000", "{discovery}");
    }
    studio.provider.set(|behaviour| behaviour.discovery = json!({}));
    studio.begin().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_is_given_up_after_three_seconds() {
    let studio = Studio::open().await;
    studio.trouble("discovery", Trouble::Slow);
    let answer = studio.app.admin().post(INITIATE, json!({ "username": OLGA_AT })).await;
    let answer = answer.expect(500, "A5000");
    let line = &studio.app.log_of(answer.header("x-request-id"))[0];
    // The call to the provider, and not the whole call, which is cut off later.
    assert_eq!(line["cause"], "identity provider: discovery took too long");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_begins_300_in_a_quarter_of_an_hour() {
    let studio = Studio::open().await;
    let admin = studio.app.admin().forgetting();
    for _ in 0..300 {
        admin.post(INITIATE, json!({ "username": OLGA_AT })).await.expect(200, "A0000");
    }
    admin.post(INITIATE, json!({ "username": OLGA_AT })).await.expect(429, "A5001");
    let other = admin.clone().from("127.0.0.2");
    other.post(INITIATE, json!({ "username": OLGA_AT })).await.expect(200, "A0000");
    studio.app.advance(900);
    admin.post(INITIATE, json!({ "username": OLGA_AT })).await.expect(200, "A0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_fails_is_5000_and_a_lost_answer_is_none() {
    let studio = Studio::open().await;
    let admin = studio.app.admin();
    for operation in ["BatchGetItem", "UpdateItem", "PutItem"] {
        studio.app.fail("dynamodb", operation, "server_error", 3).await;
        let answer = admin.post(INITIATE, json!({ "username": OLGA_AT })).await.expect(500, "A5000");
        assert!(!answer.text.contains("dynamodb") && !answer.text.contains(operation), "{answer:?}");
        studio.app.fail("dynamodb", operation, "lost_response", 1).await;
        let begun = studio.begin().await;
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        studio.login(&begun, OLGA_AT, &code).await.expect(200, "A0000");
    }
}
