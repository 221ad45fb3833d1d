//! The authorizer for other stacks' routes, as API Gateway invokes it.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
pub(crate) use tests::costs::authorizer_event as event;
use tests::{ANA, App, OLGA, part};

async fn ask(app: &App, header: &str) -> Result<Value, String> {
    app.stack.invoke("authorizer", event(app, header)).await
}

async fn expect_allowed(app: &App, token: &str) {
    assert_eq!(ask(app, token).await.unwrap()["isAuthorized"], true);
}

async fn expect_denied(app: &App, header: &str) {
    assert_eq!(ask(app, header).await.unwrap(), json!({ "isAuthorized": false }), "{header}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_both_surfaces_pass_and_say_whose_they_are() {
    let app = App::start().await;
    for (token, scope, key) in
        [(app.ana().await.token, "viewer", "acme-watch"), (app.olga().await.token, "owner", "acme-admin")]
    {
        let claims = part(&token, 1);
        for scheme in ["Bearer ", "JWT ", ""] {
            let answer = ask(&app, &format!("{scheme}{token}")).await.unwrap();
            let context = json!({
                "sub": claims["sub"], "ent": "acme", "sid": claims["sid"], "scope": scope, "client_id": key,
            });
            assert_eq!(answer, json!({ "isAuthorized": true, "context": context }));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_counts_where_no_identity_source_is_named() {
    let app = App::start().await;
    let mut event = event(&app, &app.ana().await.token);
    event["identitySource"] = Value::Null;
    assert_eq!(app.stack.invoke("authorizer", event).await.unwrap()["isAuthorized"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_access_token_of_ours_is_denied() {
    let app = App::start().await;
    let ana = app.ana().await;
    let (start, signature) = ana.token.rsplit_once('.').unwrap();
    let tampered = format!("{start}.{}", signature.chars().rev().collect::<String>());
    let key = "Bearer usk_acme_acme-watch_0000000000000000000000000000watchA";
    for header in ["", "Bearer", "Bearer a.b.c", "x", &ana.refresh_token, &tampered, key] {
        expect_denied(&app, header).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_ended_is_denied_on_the_next_call() {
    let app = App::start().await;
    let ana = app.ana().await;
    expect_allowed(&app, &ana.token).await;
    app.watch().post("/v2/watch/auth/logout", json!({ "token": ana.token })).await.expect(200, "W0000");
    expect_denied(&app, &ana.token).await;

    let olga = app.olga().await;
    for what in ["refresh_token", "session", "user", "api_key"] {
        let other = app.key("acme-tv").sign_in("ana", ANA).await;
        let claims = part(&other.token, 1);
        expect_allowed(&app, &other.token).await;
        let body = match what {
            "refresh_token" => json!({ what: other.refresh_token }),
            "session" => json!({ what: claims["sid"] }),
            "user" => json!({ what: claims["sub"] }),
            _ => json!({ what: "acme-tv" }),
        };
        app.authorized(&olga.token).post("/v1/admin/auth/hotlist", body).await.expect(200, "A0000");
        expect_denied(&app, &other.token).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_expiry_and_revocation_count_and_so_do_the_roles_of_now() {
    let app = App::start().await;
    let (ana, olga) = (app.ana().await, app.olga().await);
    app.apply(|document| document["enterprises"][0]["users"][0]["roles"] = json!(["viewer", "admin"])).await;
    assert_eq!(ask(&app, &ana.token).await.unwrap()["context"]["scope"], "viewer admin");
    app.apply(|document| document["enterprises"][0]["users"][0]["disabled"] = json!(true)).await;
    expect_denied(&app, &ana.token).await;
    app.advance(15 * 60);
    expect_denied(&app, &olga.token).await;
    let olga = app.admin().admin_login("olga", OLGA).await.expect(200, "A0000").tokens();
    app.apply(|document| {
        for key in document["enterprises"][0]["api_keys"].as_array_mut().unwrap() {
            key["revoked"] = json!(true);
        }
    })
    .await;
    expect_denied(&app, &olga.token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_table_nothing_passes_and_nothing_is_denied() {
    let app = App::start().await;
    let ana = app.ana().await;
    app.fail("dynamodb", "BatchGetItem", "server_error", 10).await;
    let told = ask(&app, &ana.token).await.unwrap_err();
    assert!(!told.contains("dynamodb") && !told.contains("BatchGetItem"), "{told}");
    app.stack.world.clear_faults();
    expect_allowed(&app, &ana.token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_one_read_and_none_for_a_signature_that_is_forged() {
    let app = App::start().await;
    let ana = app.ana().await;
    // Started by then, with the public keys.
    expect_allowed(&app, &ana.token).await;
    app.forget_usage();
    expect_allowed(&app, &ana.token).await;
    assert_eq!(app.dynamodb_calls("authorizer"), [("dynamodb.BatchGetItem".to_owned(), 1)]);
    app.forget_usage();
    let (start, signature) = ana.token.rsplit_once('.').unwrap();
    let reversed: String = signature.chars().rev().collect();
    expect_denied(&app, &format!("{start}.{reversed}")).await;
    assert_eq!(app.dynamodb_calls("authorizer"), []);
    // A name of a key that nobody has seen may be that of a new one.
    let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"made up"}"#;
    let (_, rest) = ana.token.split_once('.').unwrap();
    let unknown = format!("{}.{rest}", BASE64URL_NOPAD.encode(header.as_bytes()));
    expect_denied(&app, &unknown).await;
    assert_eq!(app.dynamodb_calls("authorizer"), [("dynamodb.GetItem".to_owned(), 1)]);
    app.fail("dynamodb", "GetItem", "server_error", 3).await;
    ask(&app, &unknown).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_deployment_is_denied() {
    let app = App::start().await;
    let mut claims = part(&app.ana().await.token, 1);
    expect_allowed(&app, &crate::tokens::signed(&app, "at+jwt", &claims).await).await;
    claims["iss"] = json!("https://elsewhere.example");
    expect_denied(&app, &crate::tokens::signed(&app, "at+jwt", &claims).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_form_is_an_error() {
    let app = App::start().await;
    for event in [json!(null), json!({}), json!([1]), json!({ "type": "TOKEN" })] {
        app.stack.invoke("authorizer", event).await.unwrap_err();
    }
}
