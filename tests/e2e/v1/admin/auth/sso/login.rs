//! `POST /v1/admin/auth/sso/login`

use std::sync::Arc;

use serde_json::{Value, json};
use shared::store::sso::State;
use shared::store::{Operation, Store};
use tests::provider::Trouble;
use tests::{App, OLGA, at_once, count, part};

use super::{Begun, LOGIN, OLGA_AT, SESSION, Studio, body};

#[tokio::test(flavor = "multi_thread")]
async fn the_published_body_gives_the_published_answer() {
    let studio = Studio::open().await;
    let answer = studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    let fields: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["refresh_token", "status_code", "status_message", "token"]);
    let tokens = answer.tokens();
    let claims = part(&tokens.token, 1);
    assert_eq!((&claims["aud"], &claims["scope"]), (&json!("admin"), &json!("owner")));
    assert_eq!((&claims["client_id"], &claims["amr"]), (&json!("acme-admin"), &json!(["sso"])));
    let session = studio.app.authorized(&tokens.token).get(SESSION).await.expect(200, "A0000");
    assert_eq!(session.body["user"]["username"], "olga");
    studio.app.admin().admin_refresh(&tokens.refresh_token).await.expect(200, "A0000");
    let line = &studio.app.log_of(answer.header("x-request-id"))[0];
    assert_eq!((&line["event"], &line["detail"]), (&json!("sign_in"), &json!("sso")));
    assert_eq!((&line["user"], &line["session"]), (&claims["sub"], &claims["sid"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_the_provider_signs_people_in_it_does() {
    let studio =
        Studio::changed(|document| document["enterprises"][0]["settings"] = json!({ "sso_only": true }))
            .await;
    studio.app.admin().admin_login("olga", OLGA).await.expect(403, "A2101");
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_used_once_whatever_comes_of_it() {
    let studio = Studio::open().await;
    let begun = studio.begin().await;
    let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
    studio.login(&begun, OLGA_AT, &code).await.expect(200, "A0000");
    studio.login(&begun, OLGA_AT, &code).await.expect(401, "A2002");
    // With a new code from the provider too.
    let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
    studio.login(&begun, OLGA_AT, &code).await.expect(401, "A2002");
    // And after a refusal.
    let begun = studio.begin().await;
    studio.login(&begun, OLGA_AT, "made-up").await.expect(401, "A2002");
    let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
    studio.login(&begun, OLGA_AT, &code).await.expect(401, "A2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_another_enterprise_is_refused_and_stays_good() {
    const ORBITS: &str = "usk_orbit_orbit-admin_0000000000000000000000000000adminO";
    let studio = Studio::changed(|document| {
        let sso = document["enterprises"][0]["sso"].clone();
        let orbit = &mut document["enterprises"][1];
        orbit["sso"] = sso;
        let key = json!({ "id": "orbit-admin", "key": ORBITS, "surface": "admin" });
        orbit["api_keys"].as_array_mut().unwrap().push(key);
    })
    .await;
    let begun = studio.begin().await;
    let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
    let orbit = studio.app.authorized(&format!("Bearer {ORBITS}"));
    orbit.post(LOGIN, body(&begun, OLGA_AT, &code)).await.expect(401, "A2002");
    assert_eq!(studio.provider.calls("token"), 0);
    studio.login(&begun, OLGA_AT, &code).await.expect(200, "A0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_at_once_with_one_state_one_wins() {
    let studio = Arc::new(Studio::open().await);
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    let begun = Arc::new(studio.begin().await);
    // Each with a code of its own, so that it is not the provider that sees to it.
    let answers = at_once(32, |_| {
        let (studio, begun) = (Arc::clone(&studio), Arc::clone(&begun));
        async move {
            let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
            studio.login(&begun, OLGA_AT, &code).await
        }
    })
    .await;
    assert_eq!((count(&answers, "A0000"), count(&answers, "A2002")), (1, 31));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_login_that_is_sent_twice_at_once_signs_in_once() {
    let studio = Arc::new(Studio::open().await);
    for _ in 0..10 {
        let begun = Arc::new(studio.begin().await);
        let code = Arc::new(studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1"));
        let answers = at_once(2, |_| {
            let (studio, begun, code) = (Arc::clone(&studio), Arc::clone(&begun), Arc::clone(&code));
            async move { studio.login(&begun, OLGA_AT, &code).await }
        })
        .await;
        assert_eq!((count(&answers, "A0000"), count(&answers, "A2002")), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_came_back_holds_its_state_for_half_a_minute() {
    let studio = Studio::open().await;
    let begun = studio.begin().await;
    let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
    let store = Store::new(&studio.app.operator());
    let state = State::key("acme", &begun.state.as_str().into());
    let now = studio.app.stack.world.clock.now();
    assert!(store.hold_sso(&state, &Operation::new(), now).await.unwrap());
    studio.login(&begun, OLGA_AT, &code).await.expect(401, "A2002");
    studio.app.advance(30);
    studio.login(&begun, OLGA_AT, &code).await.expect(200, "A0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_fails_on_the_way_lets_the_state_go() {
    let studio = Studio::open().await;
    for operation in ["BatchGetItem", "GetItem", "TransactWriteItems"] {
        let begun = studio.begin().await;
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        studio.app.fail("dynamodb", operation, "server_error", 3).await;
        studio.login(&begun, OLGA_AT, &code).await.expect(500, "A5000");
        // The provider has taken the code, where it was asked.
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        studio.login(&begun, OLGA_AT, &code).await.expect(200, "A0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_its_api_keys_its_nonces_and_ten_minutes_old_at_most() {
    let studio = Studio::open().await;
    let wrong = async |begun: &Begun, key: &str| {
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        let answer = studio.app.key(key).post(LOGIN, body(begun, OLGA_AT, &code)).await;
        answer.expect(401, "A2002");
    };
    let begun = studio.begin().await;
    wrong(&begun, "acme-admin-rotating").await;
    let other = studio.begin().await;
    wrong(&Begun { state: begun.state.clone(), nonce: other.nonce, redirect: other.redirect }, "acme-admin")
        .await;
    let unknown =
        Begun { state: "x".repeat(43), nonce: begun.nonce.clone(), redirect: begun.redirect.clone() };
    wrong(&unknown, "acme-admin").await;
    // None of these has used it up: they did not know all of it.
    let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
    studio.login(&begun, OLGA_AT, &code).await.expect(200, "A0000");
    let late = studio.begin().await;
    studio.app.advance(600);
    wrong(&late, "acme-admin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_provider_is_2002_and_ends_it() {
    let studio = Studio::open().await;
    for error in [json!(true), json!("access_denied")] {
        let begun = studio.begin().await;
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        let mut wrong = body(&begun, OLGA_AT, &code);
        wrong["error"] = error;
        studio.app.admin().post(LOGIN, wrong).await.expect(401, "A2002");
        studio.login(&begun, OLGA_AT, &code).await.expect(401, "A2002");
        let begun = studio.begin().await;
        let without = json!({ "state": begun.state, "nonce": begun.nonce, "email": OLGA_AT, "error": true });
        studio.app.admin().post(LOGIN, without).await.expect(401, "A2002");
    }
    assert_eq!(studio.provider.calls("token"), 0);
    for none in [json!(""), Value::Null] {
        let begun = studio.begin().await;
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        let mut right = body(&begun, OLGA_AT, &code);
        right["error"] = none;
        studio.app.admin().post(LOGIN, right).await.expect(200, "A0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answers_issuer_is_held_against_the_providers_where_it_is_passed_on() {
    let studio = Studio::open().await;
    for (issuer, http, status_code) in
        [(studio.provider.issuer(), 200, "A0000"), ("https://evil.example", 401, "A2002")]
    {
        let begun = studio.begin().await;
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        let mut passed_on = body(&begun, OLGA_AT, &code);
        passed_on["iss"] = json!(issuer);
        studio.app.admin().post(LOGIN, passed_on).await.expect(http, status_code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_4900_and_changes_nothing() {
    let studio = Studio::open().await;
    let begun = studio.begin().await;
    let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
    studio.app.forget_usage();
    for (field, values) in [
        ("state", vec![Value::Null, json!(1), json!(""), json!("x".repeat(200))]),
        ("nonce", vec![Value::Null, json!(1), json!("")]),
        ("email", vec![Value::Null, json!(1), json!(""), json!("olga")]),
        ("code", vec![Value::Null, json!(1), json!(""), json!("x".repeat(5000))]),
        ("error", vec![json!(1), json!({}), json!([])]),
        ("iss", vec![json!(1), json!("")]),
    ] {
        for value in values {
            let mut wrong = body(&begun, OLGA_AT, &code);
            wrong[field] = value;
            studio.app.admin().post(LOGIN, wrong).await.expect_invalid(field);
        }
    }
    for field in ["state", "nonce", "email", "code", "error"] {
        let mut without = body(&begun, OLGA_AT, &code);
        without.as_object_mut().unwrap().remove(field);
        studio.app.admin().post(LOGIN, without).await.expect_invalid(field);
    }
    assert!(studio.app.usage("admin-sso-login").write_units <= 0.0);
    studio.login(&begun, OLGA_AT, &code).await.expect(200, "A0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_it_is_2101() {
    let app = App::start().await;
    let begun = Begun { state: "x".repeat(43), nonce: "y".repeat(43), redirect: String::new() };
    app.admin().post(LOGIN, body(&begun, OLGA_AT, "code")).await.expect(403, "A2101");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_5000_and_the_state_is_not_used_up() {
    let studio = Studio::open().await;
    for (endpoint, trouble) in [
        ("token", Trouble::Closed),
        ("token", Trouble::Slow),
        ("token", Trouble::Redirect),
        ("token", Trouble::Status(503)),
        ("token", Trouble::Status(429)),
        ("token", Trouble::NotJson),
        ("token", Trouble::Huge),
        ("token", Trouble::InvalidClient),
        ("jwks", Trouble::Closed),
        ("jwks", Trouble::Redirect),
        ("jwks", Trouble::Status(500)),
        ("jwks", Trouble::Huge),
        ("jwks", Trouble::NotJson),
        ("jwks", Trouble::Slow),
    ] {
        let begun = studio.begin().await;
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        studio.app.advance(500);
        studio.trouble(endpoint, trouble);
        let answer = studio.login(&begun, OLGA_AT, &code).await;
        assert_eq!(answer.body["status_code"], "A5000", "{endpoint} {trouble:?}: {answer:?}");
        studio.provider.set(|behaviour| behaviour.trouble.clear());
        // The code is not used up either, but by an endpoint that took it and did not say so.
        let code = match (endpoint, trouble) {
            ("token", Trouble::Status(_) | Trouble::Huge) => {
                studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1")
            }
            _ => code,
        };
        studio.login(&begun, OLGA_AT, &code).await.expect(200, "A0000");
        // So that the keys are fetched again for the next one.
        studio.app.advance(601);
    }
    assert_eq!(studio.provider.calls("moved"), 0, "no redirect is followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_goes_where_the_provider_wants_it() {
    let studio = Studio::open().await;
    for methods in [
        None,
        Some(vec!["client_secret_basic"]),
        Some(vec!["client_secret_post"]),
        Some(vec!["private_key_jwt", "client_secret_post", "client_secret_basic"]),
    ] {
        studio.provider.set(|behaviour| behaviour.auth_methods.clone_from(&methods));
        studio.app.advance(600);
        let answer = studio.sign_in(OLGA_AT, "olga-1").await;
        assert_eq!(answer.status, 200, "{methods:?}: {answer:?}");
    }
    studio.provider.set(|behaviour| behaviour.auth_methods = Some(vec!["private_key_jwt"]));
    studio.app.advance(600);
    studio.sign_in(OLGA_AT, "olga-1").await.expect(500, "A5000");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_to_the_provider_and_four_to_the_table_when_its_keys_are_known() {
    let studio = Studio::open().await;
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    let calls = ["discovery", "jwks", "token"].map(|endpoint| studio.provider.calls(endpoint));
    studio.app.forget_usage();
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    let after = ["discovery", "jwks", "token"].map(|endpoint| studio.provider.calls(endpoint));
    assert_eq!(after, [calls[0], calls[1], calls[2] + 1]);
    let wanted = [("BatchGetItem", 1), ("GetItem", 1), ("TransactWriteItems", 1), ("UpdateItem", 1)];
    let wanted = wanted.map(|(call, times)| (format!("dynamodb.{call}"), times));
    assert_eq!(studio.app.dynamodb_calls("admin-sso-login"), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_state_nor_nonce_nor_secret_is_in_the_table() {
    let studio = Studio::open().await;
    let begun = studio.begin().await;
    studio.sign_in(OLGA_AT, "a-subject-at-the-provider").await.expect(200, "A0000");
    let table = studio.app.table_text().await;
    for secret in [&*begun.state, &begun.nonce, tests::provider::CLIENT_SECRET, "a-subject-at-the-provider"] {
        assert!(!table.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_of_the_table_open_one_session() {
    let studio = Studio::open().await;
    for operation in ["BatchGetItem", "UpdateItem", "GetItem", "TransactWriteItems"] {
        let begun = studio.begin().await;
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        studio.app.fail("dynamodb", operation, "lost_response", 1).await;
        studio.login(&begun, OLGA_AT, &code).await.expect(200, "A0000");
        studio.login(&begun, OLGA_AT, &code).await.expect(401, "A2002");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_client_secret_is_used_within_a_minute() {
    let studio = Studio::changed(|document| {
        document["enterprises"][0]["sso"]["client_secret"] = json!("an old secret of the studio");
    })
    .await;
    studio.sign_in(OLGA_AT, "olga-1").await.expect(500, "A5000");
    studio.apply(|_| {}).await;
    studio.app.advance(60);
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
}
