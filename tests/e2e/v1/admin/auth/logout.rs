//! `POST /v1/admin/auth/logout`

use serde_json::json;
use tests::App;

const LOGOUT: &str = "/v1/admin/auth/logout";

#[tokio::test(flavor = "multi_thread")]
async fn either_token_ends_both_and_again_is_fine() {
    let app = App::start().await;
    for field in ["token", "refresh_token"] {
        let tokens = app.olga().await;
        let given = if field == "token" { &tokens.token } else { &tokens.refresh_token };
        for _ in 0..2 {
            let answer = app.admin().post(LOGOUT, json!({ field: given })).await.expect(200, "A0000");
            assert_eq!(answer.body, json!({ "status_code": "A0000", "status_message": "success" }));
        }
        app.authorized(&format!("JWT {}", tokens.token))
            .get("/v1/admin/auth/session")
            .await
            .expect(401, "A2003");
        app.admin().admin_refresh(&tokens.refresh_token).await.expect(401, "A2003");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_application_end_nothing() {
    let app = App::start().await;
    let tokens = app.olga().await;
    let other = app.key("acme-admin-rotating");
    other.post(LOGOUT, json!({ "token": tokens.token })).await.expect(401, "A2003");
    app.admin().post(LOGOUT, json!({})).await.expect_invalid("token");
    app.admin().admin_refresh(&tokens.refresh_token).await.expect(200, "A0000");
}
