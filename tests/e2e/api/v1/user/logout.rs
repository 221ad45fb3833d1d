//! `POST` and `GET /api/v1/user/logout`.

use serde_json::json;
use shared::token::opaque::OpaqueToken;
use tests::{App, part};

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

/// Sessions of both kinds lie under keys of one form, and whoever has an access token knows those of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_names_a_session_of_the_other_kind_is_none() {
    let app = App::start().await;
    let claims = part(&app.ana().await.token, 1);
    let (user, session) = claims["sid"].as_str().unwrap().rsplit_once('-').unwrap();
    let token = OpaqueToken::generate("acme", user, session, "a tag key").unwrap();
    for method in ["POST", "GET"] {
        let answer = app.vidizmo().bearing(token.expose()).send(method, "/api/v1/user/logout", "").await;
        answer.expect_exception(400, "InvalidAccessTokenException");
    }
    let answer = app.vidizmo().bearing(token.expose()).refresh_opaque().await;
    answer.expect_exception(400, "InvalidAccessTokenException");
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
