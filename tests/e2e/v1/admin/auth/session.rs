//! `GET /v1/admin/auth/session`

use serde_json::json;
use tests::{App, part};

const SESSION: &str = "/v1/admin/auth/session";

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_whose_token_this_is() {
    let app = App::start().await;
    let tokens = app.olga().await;
    let claims = part(&tokens.token, 1);
    for header in [format!("JWT {}", tokens.token), format!("Bearer {}", tokens.token), tokens.token.clone()]
    {
        let answer = app.authorized(&header).get(SESSION).await.expect(200, "A0000");
        assert_eq!(
            answer.body,
            json!({
                "status_code": "A0000",
                "status_message": "success",
                "user": { "id": claims["sub"], "username": "olga", "email": "olga@acme.example" },
                "enterprise": "acme",
                "session": claims["sid"],
                "expires_at": part(&tokens.refresh_token, 1)["exp"],
            })
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_is_2000_and_a_token_that_does_not_work_is_2003() {
    let app = App::start().await;
    let tokens = app.olga().await;
    app.anonymous().get(SESSION).await.expect(401, "A2000");
    for token in ["a.b.c", &tokens.refresh_token] {
        app.authorized(&format!("JWT {token}")).get(SESSION).await.expect(401, "A2003");
    }
    app.apply(|document| {
        document["enterprises"][0]["users"][2]["disabled"] = json!(true);
    })
    .await;
    app.authorized(&tokens.token).get(SESSION).await.expect(401, "A2003");
}
