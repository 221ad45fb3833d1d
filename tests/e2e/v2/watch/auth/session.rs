//! `GET /v2/watch/auth/session`

use serde_json::{Value, json};
use tests::{App, part};

const SESSION: &str = "/v2/watch/auth/session";

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_whose_token_this_is_in_each_form_of_the_header() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let claims = part(&tokens.token, 1);
    for header in [format!("JWT {}", tokens.token), format!("Bearer {}", tokens.token), tokens.token.clone()]
    {
        let answer = app.authorized(&header).get(SESSION).await.expect(200, "W0000");
        assert_eq!(
            answer.body,
            json!({
                "status_code": "W0000",
                "user": { "id": claims["sub"], "username": "ana", "email": "Ana@acme.example" },
                "enterprise": "acme",
                "session": claims["sid"],
                "expires_at": part(&tokens.refresh_token, 1)["exp"],
            })
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pins_holder_has_its_label_and_no_address() {
    let app = App::start().await;
    let tokens = app.watch().login_by_pin("K7QX-93WD").await.tokens();
    let answer = app.authorized(&tokens.token).get(SESSION).await.expect(200, "W0000");
    assert_eq!(
        (&answer.body["user"]["username"], &answer.body["user"]["email"]),
        (&json!("FYC 2026"), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_is_2000_and_anything_else_than_an_access_token_is_2003() {
    let app = App::start().await;
    let tokens = app.ana().await;
    app.anonymous().get(SESSION).await.expect(401, "W2000");
    for header in ["Basic abc", "JWT", "Bearer a b", "Digest x.y.z"] {
        app.authorized(header).get(SESSION).await.expect(401, "W2000");
    }
    app.watch().get(SESSION).await.expect(401, "W2003");
    for token in ["x", "a.b.c", "..", &tokens.refresh_token] {
        app.authorized(&format!("JWT {token}")).get(SESSION).await.expect(401, "W2003");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_works_for_fifteen_minutes() {
    let app = App::start().await;
    let ana = app.authorized(&app.ana().await.token);
    app.advance(15 * 60 - 60);
    ana.get(SESSION).await.expect(200, "W0000");
    app.advance(60);
    ana.get(SESSION).await.expect(401, "W2003");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_one_read() {
    let app = App::start().await;
    let ana = app.authorized(&app.ana().await.token);
    ana.get(SESSION).await.expect(200, "W0000");
    app.forget_usage();
    ana.get(SESSION).await.expect(200, "W0000");
    assert_eq!(app.dynamodb_calls("watch-session"), [("dynamodb.BatchGetItem".to_owned(), 1)]);
    let usage = app.usage("watch-session");
    assert_eq!((usage.read_units, usage.write_units), (3.0, 0.0));
}
