//! `POST /api/v1/user/refresh-access-token`.

use std::collections::BTreeSet;

use serde_json::json;
use tests::{App, at_once};

use super::{ANA_AT, ana};

#[tokio::test(flavor = "multi_thread")]
async fn a_live_token_is_exchanged_for_one_successor() {
    let app = App::start().await;
    let old = ana(&app).await;
    let token = old.refresh_opaque().await.opaque();
    let new = app.vidizmo().bearing(&token);
    new.user(ANA_AT).await.expect_value();
    old.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
    // For an answer that was lost: the same one, for ten seconds.
    app.advance(5);
    assert_eq!(old.refresh_opaque().await.opaque(), token);
    app.advance(6);
    new.user(ANA_AT).await.expect_value();
    // Later it is somebody else who has it, or who had it: the session ends (RFC 9700 §4.14).
    old.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
    new.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_whose_answer_was_lost_is_no_reuse_though_its_successor_is_spent_meanwhile() {
    let app = App::start().await;
    let old = ana(&app).await;
    app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
    app.fail("dynamodb", "UpdateItem", "timeout", 1).await;
    let meanwhile = async {
        // The first attempt has spent the token, and the second one gets no answer for most of a second.
        while app.usage("vidizmo-refresh").calls.get("dynamodb.UpdateItem").is_none_or(|calls| *calls < 2) {
            tokio::task::yield_now().await;
        }
        let second = old.refresh_opaque().await.opaque();
        (app.vidizmo().bearing(&second).refresh_opaque().await.opaque(), second)
    };
    let (slow, (third, second)) = tokio::join!(old.refresh_opaque(), meanwhile);
    assert_eq!(slow.opaque(), second);
    app.vidizmo().bearing(&third).user(ANA_AT).await.expect_value();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_token_can_be_exchanged_for_a_day() {
    let app = App::start().await;
    for (idle, works) in [
        (21 * 60, true),
        (10 * 3600, true),
        (23 * 3600, true),
        (24 * 3600 + 22 * 60, false),
        (40 * 3600, false),
    ] {
        let old = ana(&app).await;
        app.advance(idle);
        old.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
        let answer = old.refresh_opaque().await;
        if works {
            let new = app.vidizmo().bearing(&answer.opaque());
            new.user(ANA_AT).await.expect_value();
            app.advance(19 * 60);
            new.user(ANA_AT).await.expect_value();
        } else {
            answer.expect_exception(400, "ExpiredAccessTokenException");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_chain_of_refreshes_of_live_tokens_lasts_longer_than_one_token() {
    let app = App::start().await;
    let mut client = ana(&app).await;
    for _ in 0..47 {
        app.advance(15 * 60);
        client = app.vidizmo().bearing(&client.refresh_opaque().await.opaque());
    }
    client.user(ANA_AT).await.expect_value();
    app.advance(15 * 60);
    client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
    client.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_chain_of_idle_tokens_outlives_the_enterprises_longest_session() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"]["refresh_seconds_max"] = json!(3 * 24 * 3600);
    })
    .await;
    let mut client = ana(&app).await;
    for _ in 0..3 {
        app.advance(23 * 3600);
        client = app.vidizmo().bearing(&client.refresh_opaque().await.opaque());
    }
    app.advance(3 * 3600 + 60);
    client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
    client.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_all_get_the_same_successor() {
    for idle in [0, 30 * 60] {
        let app = App::start().await;
        let old = ana(&app).await;
        app.advance(idle);
        let answers = at_once(32, |_| {
            let old = old.clone();
            async move { old.refresh_opaque().await }
        })
        .await;
        let tokens: BTreeSet<_> = answers.into_iter().map(tests::Answer::opaque).collect();
        assert_eq!(tokens.len(), 1);
        app.vidizmo().bearing(tokens.first().unwrap()).user(ANA_AT).await.expect_value();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_exchanges_ago_a_token_was_spent_its_return_ends_the_session() {
    let app = App::start().await;
    let first = ana(&app).await;
    let second = app.vidizmo().bearing(&first.refresh_opaque().await.opaque());
    let third = app.vidizmo().bearing(&second.refresh_opaque().await.opaque());
    // Not by being used for something else.
    first.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
    third.user(ANA_AT).await.expect_value();
    let reused = first.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
    let line = &app.log_of(reused.header("x-request-id"))[0];
    assert_eq!(
        (&line["detail"], &line["object"], &line["ended"]),
        (&json!("reused"), &json!("session"), &json!(1))
    );
    third.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
    third.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_end_no_successor_is_given_again() {
    let app = App::start().await;
    let old = ana(&app).await;
    let new = app.vidizmo().bearing(&old.refresh_opaque().await.opaque());
    new.get("/api/v1/user/logout").await.expect_value();
    let again = old.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
    assert!(app.log_of(again.header("x-request-id"))[0]["detail"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_and_a_logout_at_once_leave_no_session() {
    for _ in 0..8 {
        let app = App::start().await;
        let client = ana(&app).await;
        let (refreshed, out) = tokio::join!(client.refresh_opaque(), client.get("/api/v1/user/logout"));
        // Whichever was first, and whatever the logout was told: it has ended the session.
        assert!(out.status == 200 || out.body["name"] == "ExpiredAccessTokenException", "{out:?}");
        if refreshed.status == 200 {
            let new = app.vidizmo().bearing(&refreshed.opaque());
            new.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
        }
        client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
    }
}
