//! `POST /v2/watch/content/screeners/{screener_key}/2fa/verify`, and the token that it gives.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use tests::{App, part};

use crate::common::bad_bodies;

use super::{GB, LINK, US, ended_code_of_the_hour_before, link_and_request, wrong};

const PATH: &str = "/v2/watch/content/screeners/link/2fa/verify";

/// Verifies a playback token as whoever streams does, with nothing but the published keys.
async fn playback_claims(app: &App, token: &str) -> Value {
    let jwks: JwkSet =
        serde_json::from_str(&app.anonymous().get("/.well-known/jwks.json").await.text).unwrap();
    let header = decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("playback+jwt"));
    let key = DecodingKey::from_jwk(jwks.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&["playback"]);
    rules.set_issuer(&[&app.stack.place.url]);
    // The machine's clock is not the stack's.
    rules.validate_exp = false;
    decode::<Value>(token, &key, &rules).unwrap().claims
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_gets_a_token_for_five_minutes_for_this_screener() {
    let app = App::start().await;
    let code = link_and_request(&app, &app.watch(), LINK, US).await;
    let answer = app.watch().verify_code(LINK, &code).await.expect(200, "W0000");
    assert_eq!(answer.body["detail"], "Success");
    let token = answer.body["playback_token"].as_str().unwrap();
    let claims = playback_claims(&app, token).await;
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert_eq!(claims["jti"].as_str().unwrap().len(), 26);
    let wanted = json!({
        "iss": app.stack.place.url, "sub": "link", "aud": "playback", "client_id": "acme-watch", "ent": "acme",
        "screener": "link", "amr": ["sms"], "exp": claims["exp"], "iat": claims["iat"], "jti": claims["jti"],
    });
    assert_eq!(claims, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_token_is_bound_to_them_and_their_session() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let ana = app.authorized(&format!("JWT {}", tokens.token));
    let code = link_and_request(&app, &ana, "login", GB).await;
    let answer = ana.verify_code("login", &code).await.expect(200, "W0000");
    let claims = playback_claims(&app, answer.body["playback_token"].as_str().unwrap()).await;
    let own = part(&tokens.token, 1);
    for name in ["sub", "sid", "client_id", "ent", "iss"] {
        assert_eq!(claims[name], own[name], "{name}");
    }
    assert_eq!((&claims["screener"], &claims["amr"]), (&json!("login"), &json!(["pwd", "sms"])));
    assert!(claims["scope"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playback_token_never_outlives_the_session() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"]["refresh_seconds_min"] = json!(300);
    })
    .await;
    let ana = app.ana_client().await;
    let code = link_and_request(&app, &ana, "login", US).await;
    app.advance(200);
    let answer = ana.verify_code("login", &code).await.expect(200, "W0000");
    let claims = part(answer.body["playback_token"].as_str().unwrap(), 1);
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 100, "{claims}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playback_token_is_taken_nowhere_else() {
    let app = App::start().await;
    let ana = app.ana_client().await;
    let code = link_and_request(&app, &ana, LINK, US).await;
    let answer = ana.verify_code(LINK, &code).await.expect(200, "W0000");
    let token = answer.body["playback_token"].as_str().unwrap();
    let bearer = app.authorized(&format!("Bearer {token}"));
    bearer.get("/v2/watch/auth/session").await.expect(401, "W2003");
    bearer.request_code(LINK).await.expect(401, "W2003");
    app.watch().refresh(token).await.expect(401, "W2003");
    app.watch().post("/v2/watch/auth/logout", json!({ "token": token })).await.expect(401, "W2003");
    let answer = app.stack.invoke("authorizer", crate::authorizer::event(&app, token)).await.unwrap();
    assert_eq!(answer, json!({ "isAuthorized": false }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_and_for_five_minutes() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    app.advance(270);
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
    watch.verify_code(LINK, &code).await.expect(401, "W2002");
    watch.request_code(LINK).await.expect(200, "W0000");
    let code = app.sms_code(US.2);
    app.advance(300);
    watch.verify_code(LINK, &code).await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_one_viewers_of_one_screener() {
    let app = App::start().await;
    let (watch, ana) = (app.watch(), app.ana_client().await);
    let code = link_and_request(&app, &watch, LINK, US).await;
    let others = [link_and_request(&app, &watch, "link-2", GB).await, {
        app.advance(30);
        link_and_request(&app, &ana, LINK, GB).await
    }];
    for (client, screener, other) in [(&watch, "link-2", &others[0]), (&ana, LINK, &others[1])] {
        if code != *other {
            client.verify_code(screener, &code).await.expect(401, "W2002");
        }
        client.verify_code(screener, other).await.expect(200, "W0000");
    }
    app.key("acme-tv").verify_code(LINK, &code).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fifth_wrong_try_ends_the_code() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    let bodies: Vec<_> = {
        let mut bodies = Vec::new();
        for _ in 0..5 {
            // The same one each time: a try is a try.
            bodies.push(watch.verify_code(LINK, &wrong(&code, 1)).await.expect(401, "W2002").text);
        }
        bodies
    };
    let right = watch.verify_code(LINK, &code).await.expect(401, "W2002");
    assert!(bodies.iter().all(|body| *body == right.text), "one body for all causes");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_wrong_tries_leave_one_for_the_right_code() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    for nth in 1..=4 {
        watch.verify_code(LINK, &wrong(&code, nth)).await.expect(401, "W2002");
    }
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_new_code_nor_a_new_number_nor_a_right_one_refills_the_tries_of_the_hour() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    for nth in 1..=2 {
        watch.verify_code(LINK, &wrong(&code, nth)).await.expect(401, "W2002");
    }
    app.advance(30);
    watch.request_code(LINK).await.expect(200, "W0000");
    let code = app.sms_code(US.2);
    watch.verify_code(LINK, &wrong(&code, 1)).await.expect(401, "W2002");
    let code = link_and_request(&app, &watch, LINK, GB).await;
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
    app.advance(30);
    watch.request_code(LINK).await.expect(200, "W0000");
    let code = app.sms_code(GB.2);
    for nth in 1..=2 {
        watch.verify_code(LINK, &wrong(&code, nth)).await.expect(401, "W2002");
    }
    watch.verify_code(LINK, &code).await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_code_does_not_come_back_when_the_hour_is_over() {
    let app = App::start().await;
    let watch = app.watch();
    let code = ended_code_of_the_hour_before(&app, &watch).await;
    watch.verify_code(LINK, &code).await.expect(401, "W2002");
    watch.request_code(LINK).await.expect(200, "W0000");
    watch.verify_code(LINK, &app.sms_code(US.2)).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_code_is_4900_and_counts_nothing() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    app.forget_usage();
    for body in [
        json!({}),
        json!({ "otp": null }),
        json!({ "otp": 123_456 }),
        json!({ "otp": "" }),
        json!({ "otp": "12345" }),
        json!({ "otp": "1234567" }),
        json!({ "otp": "12345a" }),
        json!({ "otp": "１２３４５６" }),
        json!({ "otp": "+12345" }),
        json!({ "otp": ["123456"] }),
    ] {
        watch.post(PATH, body).await.expect_invalid("otp");
    }
    for body in bad_bodies() {
        watch.send("POST", PATH, body).await.expect(400, "W4900");
    }
    let usage = app.usage("screener-verify");
    assert!(usage.invocations > 20 && usage.write_units <= 0.0, "{usage:?}");
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_number_or_a_code_it_is_2002() {
    let app = App::start().await;
    app.watch().verify_code(LINK, "123456").await.expect(401, "W2002");
    app.watch().link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    app.watch().verify_code(LINK, "123456").await.expect(401, "W2002");
}
