//! `POST /v1/admin/auth/refresh`

use serde_json::json;
use tests::{App, OLGA, part};

const REFRESH: &str = "/v1/admin/auth/refresh";

#[tokio::test(flavor = "multi_thread")]
async fn it_gives_a_new_access_token_of_the_same_session() {
    let app = App::start().await;
    let tokens = app.olga().await;
    app.advance(15 * 60);
    let answer = app.admin().admin_refresh(&tokens.refresh_token).await.expect(200, "A0000");
    let fields: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["status_code", "status_message", "token"]);
    let token = answer.body["token"].as_str().unwrap();
    assert_eq!(part(&tokens.token, 1)["sid"], part(token, 1)["sid"]);
    app.authorized(token).get("/v1/admin/auth/session").await.expect(200, "A0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_work_is_2003() {
    let app = App::start().await;
    let tokens = app.olga().await;
    for token in [&*tokens.token, "a.b.c", "x"] {
        let answer = app.admin().admin_refresh(token).await.expect(401, "A2003");
        assert_eq!(answer.body["status_message"], "Invalid or expired token");
    }
    app.key("acme-admin-rotating").admin_refresh(&tokens.refresh_token).await.expect(401, "A2003");
    app.advance(24 * 60 * 60);
    app.admin().admin_refresh(&tokens.refresh_token).await.expect(401, "A2003");
    for (body, field) in [(json!({}), "refresh_token"), (json!({ "refresh_token": 1 }), "refresh_token")] {
        app.admin().post(REFRESH, body).await.expect_invalid(field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_rotation_a_spent_token_ends_the_session() {
    let app = App::start().await;
    let rotating = app.key("acme-admin-rotating");
    let first = rotating.admin_login("olga", OLGA).await.expect(200, "A0000").tokens();
    let second = rotating.admin_refresh(&first.refresh_token).await.expect(200, "A0000").tokens();
    app.advance(11);
    rotating.admin_refresh(&first.refresh_token).await.expect(401, "A2003");
    rotating.admin_refresh(&second.refresh_token).await.expect(401, "A2003");
}
