//! `POST` and `GET /api/v1/user/logout`.

use serde_json::json;
use tests::App;

use super::{ANA_AT, ana};

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_the_token_at_once_and_for_good() {
    let app = App::start().await;
    for method in ["POST", "GET"] {
        let client = ana(&app).await;
        let answer = client.send(method, "/api/v1/user/logout", "").await;
        assert_eq!(answer.expect_value(), json!({}));
        for later in [0, 12 * 3600, 12 * 3600] {
            app.advance(later);
            client.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
            client.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
            let again = client.send(method, "/api/v1/user/logout", "").await;
            again.expect_exception(400, "ExpiredAccessTokenException");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_out_too_late_cannot_be_refreshed_any_more() {
    let app = App::start().await;
    let client = ana(&app).await;
    app.advance(30 * 60);
    client.get("/api/v1/user/logout").await.expect_exception(400, "ExpiredAccessTokenException");
    client.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_out_with_a_token_that_was_exchanged_ends_the_new_one_too() {
    let app = App::start().await;
    let old = ana(&app).await;
    let new = app.vidizmo().bearing(&old.refresh_opaque().await.opaque());
    new.user(ANA_AT).await.expect_value();
    old.get("/api/v1/user/logout").await.expect_exception(400, "ExpiredAccessTokenException");
    new.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
}
