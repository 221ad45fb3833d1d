//! Answers that `DynamoDB` gave and nobody got.

use tests::App;

use super::{approved, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_out_whose_answer_was_lost_can_be_fetched_again_by_the_same_device_only() {
    let app = App::start().await;
    let code = approved(&app).await;
    // Lost on every attempt: the session is made, and nobody was told.
    app.fail("dynamodb", "TransactWriteItems", "lost_response", 3).await;
    app.watch().get_token(&code, "tv").await.expect(500, "W5000");
    app.watch().get_token(&code, "another").await.expect(400, "W4901");
    let first = app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    let again = app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    assert_eq!(session(&first), session(&again));
    // Lost once: the retry finds its own write.
    let code = approved(&app).await;
    app.fail("dynamodb", "TransactWriteItems", "lost_response", 1).await;
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_whose_answer_was_lost_is_not_too_soon() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_whose_answer_was_lost_is_too_soon_once_another_one_has_got_the_session() {
    let app = App::start().await;
    let (ana, writes) = (app.ana_client().await, |app: &App| {
        app.usage("watch-qr-get-token").calls.get("dynamodb.UpdateItem").copied().unwrap_or(0)
    });
    for _ in 0..20 {
        let (code, watch) = (app.watch().get_code("tv").await, app.watch());
        app.forget_usage();
        app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
        app.fail("dynamodb", "UpdateItem", "timeout", 1).await;
        let meanwhile = async {
            // The first attempt has noted the poll, and the second one gets no answer for most of a second.
            while writes(&app) < 2 {
                tokio::task::yield_now().await;
            }
            ana.approve(&code).await.expect(200, "W0000");
            app.advance(10);
            app.watch().get_token(&code, "tv").await.expect(200, "W0000");
            writes(&app) == 2
        };
        let (slow, is_in_time) = tokio::join!(watch.get_token(&code, "tv"), meanwhile);
        if is_in_time {
            slow.expect(429, "W5001");
            return;
        }
    }
    panic!("the poll was never slower than the one after it");
}
