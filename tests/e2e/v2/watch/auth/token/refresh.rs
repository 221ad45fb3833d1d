//! `POST /v2/watch/auth/token/refresh`

use std::collections::HashSet;

use serde_json::json;
use tests::{ANA, App, SignedIn, at_once, count, part};

async fn rotating(app: &App) -> SignedIn {
    app.key("acme-rotating").sign_in("ana", ANA).await
}

fn refresh_token(answer: &tests::Answer) -> String {
    answer.body["refresh_token"].as_str().expect("a refresh token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gives_a_new_access_token_of_the_same_session() {
    let app = App::start().await;
    let tokens = app.ana().await;
    app.advance(15 * 60);
    let answer = app.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
    assert_eq!(answer.body.as_object().unwrap().len(), 2, "no refresh token: {:?}", answer.body);
    let token = answer.body["token"].as_str().unwrap();
    let (old, new) = (part(&tokens.token, 1), part(token, 1));
    assert_eq!((&old["sid"], &old["sub"], &old["scope"]), (&new["sid"], &new["sub"], &new["scope"]));
    assert_ne!(old["jti"], new["jti"]);
    app.authorized(token).get("/v2/watch/auth/session").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_the_refresh_tokens_lifetime_and_no_access_token_outlives_it() {
    let app = App::start().await;
    let tokens = app.ana().await;
    app.advance(24 * 60 * 60 - 60);
    let answer = app.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
    let claims = part(answer.body["token"].as_str().unwrap(), 1);
    assert_eq!(claims["exp"], part(&tokens.refresh_token, 1)["exp"]);
    app.advance(60);
    app.watch().refresh(&tokens.refresh_token).await.expect(401, "W2003");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_another_kind_application_or_enterprise_are_2003() {
    let app = App::start().await;
    let tokens = app.ana().await;
    app.watch().refresh(&tokens.token).await.expect(401, "W2003");
    for key in ["acme-tv", "acme-rotating", "orbit-watch"] {
        app.key(key).refresh(&tokens.refresh_token).await.expect(401, "W2003");
    }
    app.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_one_read_and_with_rotation_one_write_more() {
    let app = App::start().await;
    let (plain, rotated) = (app.ana().await, rotating(&app).await);
    app.forget_usage();
    app.watch().refresh(&plain.refresh_token).await.expect(200, "W0000");
    assert_eq!(app.dynamodb_calls("watch-token-refresh"), [("dynamodb.BatchGetItem".to_owned(), 1)]);
    app.forget_usage();
    app.key("acme-rotating").refresh(&rotated.refresh_token).await.expect(200, "W0000");
    let calls = [("dynamodb.BatchGetItem".to_owned(), 1), ("dynamodb.UpdateItem".to_owned(), 1)];
    assert_eq!(app.dynamodb_calls("watch-token-refresh"), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_token_gives_the_same_successor_for_ten_seconds() {
    let app = App::start().await;
    let (key, first) = (app.key("acme-rotating"), rotating(&app).await.refresh_token);
    let second = refresh_token(&key.refresh(&first).await.expect(200, "W0000"));
    assert_ne!(first, second);
    for _ in 0..3 {
        assert_eq!(refresh_token(&key.refresh(&first).await.expect(200, "W0000")), second);
    }
    app.advance(5);
    assert_eq!(refresh_token(&key.refresh(&first).await.expect(200, "W0000")), second);
    let third = refresh_token(&key.refresh(&second).await.expect(200, "W0000"));
    assert_eq!(part(&third, 1)["exp"], part(&first, 1)["exp"], "rotation does not prolong the session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_token_ends_the_family_after_the_grace() {
    let app = App::start().await;
    let (key, first) = (app.key("acme-rotating"), rotating(&app).await.refresh_token);
    let answer = key.refresh(&first).await.expect(200, "W0000");
    let (second, access) = (refresh_token(&answer), answer.body["token"].as_str().unwrap().to_owned());
    app.advance(11);
    key.refresh(&first).await.expect(401, "W2003");
    key.refresh(&second).await.expect(401, "W2003");
    app.authorized(&access).get("/v2/watch/auth/session").await.expect(401, "W2003");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_spent_two_rotations_ago_ends_the_family_at_once() {
    let app = App::start().await;
    let (key, first) = (app.key("acme-rotating"), rotating(&app).await.refresh_token);
    let second = refresh_token(&key.refresh(&first).await.expect(200, "W0000"));
    let third = refresh_token(&key.refresh(&second).await.expect(200, "W0000"));
    key.refresh(&first).await.expect(401, "W2003");
    key.refresh(&third).await.expect(401, "W2003");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_refreshes_at_once_leave_one_successor() {
    let app = App::start().await;
    let (key, first) = (app.key("acme-rotating"), rotating(&app).await.refresh_token);
    let answers = at_once(50, |_| {
        let (key, first) = (key.clone(), first.clone());
        async move { key.refresh(&first).await }
    })
    .await;
    assert_eq!(count(&answers, "W0000"), 50);
    let successors: HashSet<_> = answers.iter().map(refresh_token).collect();
    assert_eq!(successors.len(), 1);
    key.refresh(successors.iter().next().unwrap()).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_the_rotation_can_be_asked_for_again() {
    let app = App::start().await;
    let (key, first) = (app.key("acme-rotating"), rotating(&app).await.refresh_token);
    app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
    let second = refresh_token(&key.refresh(&first).await.expect(200, "W0000"));
    assert_eq!(refresh_token(&key.refresh(&first).await.expect(200, "W0000")), second);
    key.refresh(&second).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_whose_answer_was_lost_is_no_reuse_though_its_successor_is_spent_meanwhile() {
    let app = App::start().await;
    let (key, first) = (app.key("acme-rotating"), rotating(&app).await.refresh_token);
    app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
    app.fail("dynamodb", "UpdateItem", "timeout", 1).await;
    let meanwhile = async {
        // The first attempt has spent the token, and the second one gets no answer for most of a second.
        while app.usage("watch-token-refresh").calls.get("dynamodb.UpdateItem").is_none_or(|calls| *calls < 2)
        {
            tokio::task::yield_now().await;
        }
        let second = refresh_token(&key.refresh(&first).await.expect(200, "W0000"));
        (refresh_token(&key.refresh(&second).await.expect(200, "W0000")), second)
    };
    let (slow, (third, second)) = tokio::join!(key.refresh(&first), meanwhile);
    assert_eq!(refresh_token(&slow.expect(200, "W0000")), second);
    key.refresh(&third).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_names_no_account() {
    let app = App::start().await;
    let answer = app.watch().refresh("a.b.c").await.expect(401, "W2003");
    assert_eq!(answer.body, json!({ "status_code": "W2003", "detail": "Invalid or expired token" }));
}
