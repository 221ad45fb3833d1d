//! `POST /v2/watch/auth/logout`

use serde_json::json;
use tests::App;

const LOGOUT: &str = "/v2/watch/auth/logout";

#[tokio::test(flavor = "multi_thread")]
async fn either_token_ends_both_and_again_is_fine() {
    let app = App::start().await;
    for field in ["token", "refresh_token"] {
        let tokens = app.ana().await;
        let given = if field == "token" { &tokens.token } else { &tokens.refresh_token };
        for _ in 0..2 {
            let answer = app.watch().post(LOGOUT, json!({ field: given })).await.expect(200, "W0000");
            assert_eq!(answer.body, json!({ "status_code": "W0000" }));
        }
        app.authorized(&format!("JWT {}", tokens.token))
            .get("/v2/watch/auth/session")
            .await
            .expect(401, "W2003");
        app.watch().refresh(&tokens.refresh_token).await.expect(401, "W2003");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_access_token_still_signs_out() {
    let app = App::start().await;
    let tokens = app.ana().await;
    app.advance(15 * 60 + 1);
    app.watch().post(LOGOUT, json!({ "token": tokens.token })).await.expect(200, "W0000");
    app.watch().refresh(&tokens.refresh_token).await.expect(401, "W2003");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_that_session_ends() {
    let app = App::start().await;
    let (phone, tv) = (app.ana().await, app.ana().await);
    app.watch().post(LOGOUT, json!({ "token": phone.token })).await.expect(200, "W0000");
    app.watch().refresh(&tv.refresh_token).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_others_or_in_the_wrong_field_end_nothing() {
    let app = App::start().await;
    let tokens = app.ana().await;
    for key in ["acme-tv", "orbit-watch"] {
        app.key(key).post(LOGOUT, json!({ "token": tokens.token })).await.expect(401, "W2003");
    }
    app.watch().post(LOGOUT, json!({ "token": tokens.refresh_token })).await.expect(401, "W2003");
    app.watch().post(LOGOUT, json!({ "refresh_token": tokens.token })).await.expect(401, "W2003");
    app.watch().post(LOGOUT, json!({ "token": "not a token" })).await.expect(401, "W2003");
    app.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
}
