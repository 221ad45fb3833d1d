//! `POST /v2/watch/auth/login/qr/get-code`.

use std::collections::BTreeSet;

use serde_json::json;
use tests::{App, at_once, count};

const PATH: &str = "/v2/watch/auth/login/qr/get-code";

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_device_gets_a_code_with_the_published_fields() {
    let app = App::start().await;
    for device in ["iPad", "AppleTV", "Firestick", "Roku"] {
        let body = json!({ "device": device, "udid": "5f1c2d0e-8a43-4b6e-9d4f-1c2b3a4d5e6f" });
        let answer = app.watch().post(PATH, body).await.expect(200, "W0000").body;
        let code = answer["login_code"].as_str().unwrap();
        assert_eq!(code.len(), 7);
        assert!(code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()));
        assert!(!code.contains(['0', 'O', '1', 'I', 'L']), "{code}");
        let url = format!("{}/qr/{code}", app.stack.place.url);
        let wanted = json!({
            "status_code": "W0000", "login_code": code, "login_url": url,
            "polling_interval": 10, "login_code_expiry": 300, "page_redirect_time": 900,
        });
        assert_eq!(answer, wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interval_is_the_enterprises() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"] = json!({ "polling_interval": 20 });
    })
    .await;
    let answer = app.watch().try_get_code("tv").await.expect(200, "W0000");
    assert_eq!(answer.body["polling_interval"], 20);
    let code = answer.body["login_code"].as_str().unwrap();
    app.watch().get_token(code, "tv").await.expect(202, "W3000");
    app.advance(10);
    app.watch().get_token(code, "tv").await.expect(429, "W5001");
    app.advance(9);
    app.watch().get_token(code, "tv").await.expect(202, "W3000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_not_in_the_list_is_4901() {
    let app = App::start().await;
    for device in ["", "ipad", "Apple TV", "Chromecast", "AppleTV ", &"x".repeat(5000)] {
        let answer = app.watch().post(PATH, json!({ "device": device, "udid": "tv" })).await;
        let detail = answer.expect(400, "W4901").body["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("device: "), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_4900_and_changes_nothing() {
    let app = App::start().await;
    app.forget_usage();
    for (body, field) in [
        (json!({ "udid": "tv" }), "device"),
        (json!({ "device": 1, "udid": "tv" }), "device"),
        (json!({ "device": "Roku" }), "udid"),
        (json!({ "device": "Roku", "udid": null }), "udid"),
        (json!({ "device": "Roku", "udid": 7 }), "udid"),
        (json!({ "device": "Roku", "udid": "" }), "udid"),
        (json!({ "device": "Roku", "udid": "x".repeat(129) }), "udid"),
        (json!({ "device": "Roku", "udid": "a\nb" }), "udid"),
        (json!({ "device": "Roku", "udid": "a\u{200b}b" }), "udid"),
        (json!({ "device": "Roku", "udid": "a\u{7f}b" }), "udid"),
        (json!({ "device": "Roku", "udid": "   " }), "udid"),
        (json!({ "device": "Roku", "udid": "a\u{e000}" }), "udid"),
        (json!({ "device": "Roku", "udid": "a\u{ffff}" }), "udid"),
        (json!({ "device": "Chromecast", "udid": "" }), "udid"),
    ] {
        app.watch().post(PATH, body).await.expect_invalid(field);
    }
    assert!(app.usage("watch-qr-get-code").write_units <= 0.0);
    app.watch().post(PATH, json!({ "device": "Roku", "udid": "x".repeat(128) })).await.expect(200, "W0000");
    app.watch().post(PATH, json!({ "device": "Roku", "udid": "Küche 1" })).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_gets_30_codes_in_a_quarter_of_an_hour() {
    let app = App::start().await;
    for _ in 0..30 {
        app.watch().try_get_code("tv").await.expect(200, "W0000");
    }
    app.watch().from("127.0.0.2").try_get_code("tv").await.expect(429, "W5001");
    app.watch().try_get_code("another").await.expect(200, "W0000");
    app.advance(15 * 60);
    app.watch().try_get_code("tv").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_gets_300_codes_in_a_quarter_of_an_hour_and_a_forged_header_does_not_help() {
    let app = App::start().await;
    for round in 0..10 {
        let client = app.watch();
        let answers = at_once(30, |index| {
            let client = client.clone();
            async move { client.try_get_code(&format!("tv {round} {index}")).await }
        })
        .await;
        assert_eq!(count(&answers, "W0000"), 30);
    }
    app.watch().try_get_code("one more").await.expect(429, "W5001");
    let body = json!({ "device": "Roku", "udid": "one more" });
    app.watch().post_with(PATH, body, ("x-forwarded-for", "203.0.113.9")).await.expect(429, "W5001");
    app.watch().from("127.0.0.2").try_get_code("one more").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_that_one_device_asks_for_at_once_30_are_given_and_all_differ() {
    let app = App::start().await;
    let client = app.watch();
    let answers = at_once(32, |_| {
        let client = client.clone();
        async move { client.try_get_code("tv").await }
    })
    .await;
    assert_eq!((count(&answers, "W0000"), count(&answers, "W5001")), (30, 2));
    let codes: BTreeSet<_> = answers.iter().filter_map(|answer| answer.body["login_code"].as_str()).collect();
    assert_eq!(codes.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_the_table_is_one_code_and_counts_once() {
    let app = App::start().await;
    for _ in 0..15 {
        for operation in ["UpdateItem", "PutItem"] {
            app.fail("dynamodb", operation, "lost_response", 1).await;
            app.watch().try_get_code("tv").await.expect(200, "W0000");
        }
    }
    app.watch().try_get_code("tv").await.expect(429, "W5001");
    let items = app.items().await;
    assert_eq!(items.iter().filter(|item| item["pk"].as_s().unwrap().starts_with("QR#")).count(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_not_counted() {
    let app = App::start().await;
    for _ in 0..31 {
        app.fail("dynamodb", "PutItem", "server_error", 3).await;
        app.watch().try_get_code("tv").await.expect(500, "W5000");
    }
    app.watch().try_get_code("tv").await.expect(200, "W0000");
    // Nor does a TV that has used up its codes use up those of its address.
    for _ in 0..29 {
        app.watch().try_get_code("tv").await.expect(200, "W0000");
    }
    let client = app.watch();
    for _ in 0..15 {
        let answers = at_once(20, |_| {
            let client = client.clone();
            async move { client.try_get_code("tv").await }
        })
        .await;
        assert_eq!(count(&answers, "W5001"), 20);
    }
    app.watch().try_get_code("another").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_devices_id_nor_its_secret_is_in_the_table() {
    let app = App::start().await;
    let udid = "5f1c2d0e-8a43-4b6e-9d4f-1c2b3a4d5e6f";
    let answer = app.key("acme-device-code").try_get_code(udid).await.expect(200, "W0000");
    let secret = answer.body["device_code"].as_str().unwrap();
    assert_eq!(secret.len(), 32, "128 bits in hex");
    let table = app.table_text().await;
    assert!(!table.contains(udid) && !table.contains(secret));
}
