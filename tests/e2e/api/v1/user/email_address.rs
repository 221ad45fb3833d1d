//! `GET /api/v1/user/{emailAddress}`, and the limit on idling that each call pushes on.

use serde_json::json;
use tests::{ANA, App, OLGA};

use super::{ANA_AT, ana};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_themselves_by_any_writing_of_their_address() {
    let app = App::start().await;
    let client = ana(&app).await;
    let told = client.user("ana%40acme.example").await.expect_value();
    assert_eq!((&told["emailAddress"], &told["username"]), (&json!("Ana@acme.example"), &json!("ana")));
    assert_eq!((&told["roles"], told["userId"].as_str().unwrap().len()), (&json!(["viewer"]), 26));
    for path in ["ana@acme.example", "ANA%40ACME.example", "ana"] {
        assert_eq!(client.user(path).await.expect_value(), told);
    }
    // Parts that nobody knows are not given, and are no mistake.
    for (query, parts) in [
        ("", 4),
        ("?userPartsToFetch=BasicInfo", 4),
        ("?userPartsToFetch=Groups,basicinfo", 4),
        ("?userPartsToFetch=Groups", 2),
        ("?userPartsToFetch=", 2),
        ("?other=1", 4),
    ] {
        let told = client.get(&format!("/api/v1/user/{ANA_AT}{query}")).await.expect_value();
        assert_eq!(told.as_object().unwrap().len(), parts, "{query}");
        assert_eq!(told["emailAddress"], "Ana@acme.example");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_seen_by_admins_and_owners_alone() {
    let app = App::start().await;
    let client = ana(&app).await;
    for other in ["olga@acme.example", "nobody@acme.example", "otto@orbit.example", "importer"] {
        client.user(other).await.expect_exception(403, "UnauthorizedAccessException");
    }
    let secret = json!({ "emailAddress": "importer", "clientSecret": "a-machine-has-no-better-memory" });
    let machine = app.vidizmo().post("/api/v1/user/authenticate", secret).await.opaque();
    let owner = app.vidizmo().authenticate("olga", OLGA).await.opaque();
    for token in [machine, owner] {
        let client = app.vidizmo().bearing(&token);
        assert_eq!(client.user(ANA_AT).await.expect_value()["username"], "ana");
        // A plus is a plus, and not a space.
        for path in ["importer+nightly@acme.example", "importer%2Bnightly%40acme.example"] {
            assert_eq!(client.user(path).await.expect_value()["username"], "importer");
        }
        for nobody in ["nobody@acme.example", "otto@orbit.example", "importer%20nightly@acme.example"] {
            client.user(nobody).await.expect_exception(400, "InvalidRequestException");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_is_told_from_one_that_is_over() {
    let app = App::start().await;
    let good = app.vidizmo().authenticate(ANA_AT, ANA).await.opaque();
    let watch = app.ana().await.token;
    let flipped = format!("{}{}", &good[..183], if good.ends_with('A') { "B" } else { "A" });
    for header in [
        String::new(),
        good.clone(),
        format!("JWT {good}"),
        format!("Basic {good}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {good} {good}"),
        format!("Bearer {}", good.to_lowercase()),
        format!("Bearer {}", &good[1..]),
        format!("Bearer {good}A"),
        format!("Bearer {flipped}"),
        format!("Bearer {}", "A".repeat(184)),
        format!("Bearer {}", "7".repeat(184)),
        format!("Bearer {watch}"),
        format!("Bearer {}", "x".repeat(4000)),
    ] {
        let client = app.authorized(&header).at("acme.localhost");
        client.user(ANA_AT).await.expect_exception(400, "InvalidAccessTokenException");
        client.refresh_opaque().await.expect_exception(400, "InvalidAccessTokenException");
        client.get("/api/v1/user/logout").await.expect_exception(400, "InvalidAccessTokenException");
    }
    app.vidizmo().user(ANA_AT).await.expect_exception(400, "InvalidAccessTokenException");
    app.vidizmo().bearing(&good).user(ANA_AT).await.expect_value();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_nobody_uses_for_twenty_minutes_is_over() {
    let app = App::start().await;
    let client = ana(&app).await;
    app.advance(20 * 60 + 1);
    client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
    // For a day at least, it is told from one that never was.
    app.advance(36 * 3600);
    client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_within_twenty_minutes_of_another_is_refused() {
    let app = App::start().await;
    let client = ana(&app).await;
    // The second of each pair is not written, since the first one was within its minute.
    for _ in 0..6 {
        client.user(ANA_AT).await.expect_value();
        app.advance(45);
        client.user(ANA_AT).await.expect_value();
        app.advance(20 * 60 - 10);
    }
    client.user(ANA_AT).await.expect_value();
    app.advance(21 * 60 + 1);
    client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_is_one_read_and_a_write_at_most_once_a_minute() {
    let app = App::start().await;
    let client = ana(&app).await;
    app.forget_usage();
    let used = |app: &App| {
        let calls = app.usage("vidizmo-user").calls;
        let of = |name: &str| calls.get(name).copied().unwrap_or(0);
        (of("dynamodb.BatchGetItem"), of("dynamodb.UpdateItem"), calls.len())
    };
    for _ in 0..5 {
        client.user(ANA_AT).await.expect_value();
    }
    assert_eq!(used(&app), (5, 1, 2));
    app.advance(60);
    for _ in 0..5 {
        client.user(ANA_AT).await.expect_value();
    }
    assert_eq!(used(&app), (10, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_handed_out_again_is_good_for_twenty_minutes_from_then() {
    let app = App::start().await;
    let old = ana(&app).await;
    let token = old.refresh_opaque().await.opaque();
    app.advance(8);
    assert_eq!(old.refresh_opaque().await.opaque(), token);
    app.advance(20 * 60 - 5);
    app.vidizmo().bearing(&token).user(ANA_AT).await.expect_value();
}

#[tokio::test(flavor = "multi_thread")]
async fn however_much_it_is_used_a_token_is_over_after_twelve_hours() {
    let app = App::start().await;
    let client = ana(&app).await;
    for _ in 0..47 {
        app.advance(15 * 60);
        client.user(ANA_AT).await.expect_value();
    }
    app.advance(15 * 60);
    client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
    client.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_on_idling_is_the_enterprises() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"]["idle_seconds"] = json!(120);
    })
    .await;
    let client = ana(&app).await;
    app.advance(110);
    client.user(ANA_AT).await.expect_value();
    app.advance(181);
    client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
}
