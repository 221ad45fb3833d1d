//! `POST /v2/watch/auth/login/qr`: a person answers a TV.

mod get_code;
mod get_token;

use serde_json::{Value, json};
use tests::{ANA, App, at_once, count, part};

const PATH: &str = "/v2/watch/auth/login/qr";

fn by_password(code: &str, password: &str) -> Value {
    let credentials = json!({ "username": "ana", "password": password });
    json!({ "login_code": code, "type": "password", "credentials": credentials })
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_in_each_way_in_which_it_may_be_sent() {
    let app = App::start().await;
    let token = app.ana().await.token;
    for header in [format!("JWT {token}"), format!("Bearer {token}"), token.clone()] {
        let code = app.watch().get_code("tv").await;
        let answer = app.authorized(&header).approve(&code).await.expect(200, "W0000");
        assert_eq!(answer.body, json!({ "status_code": "W0000", "device": "AppleTV" }));
        app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signed_in_by_another_application_of_the_enterprise_can_answer() {
    let app = App::start().await;
    let phone = app.key("acme-rotating").sign_in("ana", ANA).await;
    let code = app.watch().get_code("tv").await;
    app.authorized(&phone.token).approve(&code).await.expect(200, "W0000");
    let tv = app.watch().get_token(&code, "tv").await.expect(200, "W0000").tokens();
    assert_eq!(part(&tv.token, 1)["client_id"], "acme-watch");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_api_key_and_credentials_it_is_login_and_approval_in_one() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let answer = app.key("acme-tv").post(PATH, by_password(&code, ANA)).await.expect(200, "W0000");
    assert_eq!(answer.body, json!({ "status_code": "W0000", "device": "AppleTV" }));
    let tv = app.watch().get_token(&code, "tv").await.expect(200, "W0000").tokens();
    assert_eq!(part(&tv.token, 1)["amr"], json!(["pwd"]));

    let code = app.watch().get_code("tv").await;
    let body = json!({ "login_code": code, "type": "pin", "credentials": { "pin": "k7qx 93wd" } });
    app.watch().post(PATH, body).await.expect(200, "W0000");
    let tv = app.watch().get_token(&code, "tv").await.expect(200, "W0000").tokens();
    assert_eq!(part(&tv.token, 1)["amr"], json!(["pin"]));
    app.authorized(&tv.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_a_person_can_refuse_too() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let mut body = by_password(&code, ANA);
    body["approve"] = json!(false);
    app.watch().post(PATH, body).await.expect(200, "W0000");
    app.watch().get_token(&code, "tv").await.expect(403, "W2101");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_unknown_expired_or_answered_is_2002() {
    let app = App::start().await;
    let phone = app.ana_client().await;
    for unknown in ["BCD3FGH", "x", "💥"] {
        phone.approve(unknown).await.expect(401, "W2002");
        app.watch().post(PATH, by_password(unknown, ANA)).await.expect(401, "W2002");
    }
    for first_answer in [true, false] {
        let code = app.watch().get_code("tv").await;
        phone.post(PATH, json!({ "login_code": code, "approve": first_answer })).await.expect(200, "W0000");
        phone.approve(&code).await.expect(401, "W2002");
        phone.refuse(&code).await.expect(401, "W2002");
        app.watch().post(PATH, by_password(&code, ANA)).await.expect(401, "W2002");
    }
    let code = app.watch().get_code("tv").await;
    app.advance(300);
    phone.approve(&code).await.expect(401, "W2002");
    app.watch().post(PATH, by_password(&code, ANA)).await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_2002_approve_nothing_and_count_as_tries_of_a_login() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    for _ in 0..10 {
        app.watch().post(PATH, by_password(&code, "wrong password")).await.expect(401, "W2002");
    }
    app.watch().post(PATH, by_password(&code, ANA)).await.expect(429, "W5001");
    app.watch().login("ana", ANA).await.expect(429, "W5001");
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_for_a_code_that_was_answered_meanwhile_is_not_counted() {
    let app = App::changed(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.push(json!({ "username": "bo", "password": "the second reel is missing" }));
    })
    .await;
    let code = app.watch().get_code("tv").await;
    let client = app.watch();
    // Two people at once, eight times each: one of the sixteen wins, and all others get their tries back.
    let answers = at_once(16, |index| {
        let (client, mut body) = (client.clone(), by_password(&code, ANA));
        if index % 2 == 1 {
            body["credentials"] = json!({ "username": "bo", "password": "the second reel is missing" });
        }
        async move { client.post(PATH, body).await }
    })
    .await;
    assert_eq!((count(&answers, "W0000"), count(&answers, "W2002")), (1, 15));
    for username in ["ana", "bo"] {
        // The winner's own try may have stayed: nobody else's was in its way.
        for _ in 0..8 {
            app.watch().login(username, "wrong password").await.expect(401, "W2002");
        }
    }
    app.watch().login("ana", ANA).await.expect(200, "W0000");
    app.watch().login("bo", "the second reel is missing").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_of_one_enterprise_works_in_another() {
    let app = App::start().await;
    let code = app.key("orbit-watch").get_code("tv").await;
    app.ana_client().await.approve(&code).await.expect(401, "W2002");
    app.ana_client().await.refuse(&code).await.expect(401, "W2002");
    app.watch().post(PATH, by_password(&code, ANA)).await.expect(401, "W2002");
    app.key("orbit-watch").get_token(&code, "tv").await.expect(202, "W3000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_of_signing_in_that_is_not_enabled_is_2101() {
    let app = App::start().await;
    let code = app.key("orbit-watch").get_code("tv").await;
    app.key("orbit-watch").post(PATH, by_password(&code, ANA)).await.expect(403, "W2101");
    let body = json!({ "login_code": code, "type": "pin", "credentials": { "pin": "ZZZZ-1111" } });
    app.key("orbit-watch").post(PATH, body).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_does_not_work_is_refused_before_the_body_is_looked_at() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let ended = app.ana().await;
    app.watch().post("/v2/watch/auth/logout", json!({ "token": ended.token })).await.expect(200, "W0000");
    for body in ["not JSON", r#"{"login_code":"BCD3FGH"}"#] {
        for header in ["", "Basic YW5hOmFuYQ==", "Bearer", "JWT"] {
            app.authorized(header).send("POST", PATH, body).await.expect(401, "W2000");
        }
        for header in ["Bearer x", &format!("Bearer usk_acme_nobody_{}", "0".repeat(40))] {
            app.authorized(header).send("POST", PATH, body).await.expect(401, "W2001");
        }
        for token in ["a.b.c", &ended.token, &tokens.refresh_token] {
            app.authorized(&format!("JWT {token}")).send("POST", PATH, body).await.expect(401, "W2003");
        }
        app.authorized("JWT not-a-token").send("POST", PATH, body).await.expect(401, "W2003");
        app.key("acme-admin").send("POST", PATH, body).await.expect(403, "W2101");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_4900_and_answers_nothing() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let phone = app.ana_client().await;
    for (body, field) in [
        (json!({}), "login_code"),
        (json!({ "login_code": 1 }), "login_code"),
        (json!({ "login_code": "B".repeat(65) }), "login_code"),
        (json!({ "login_code": code, "approve": "true" }), "approve"),
    ] {
        phone.post(PATH, body).await.expect_invalid(field);
    }
    phone.send("POST", PATH, "[]").await.expect_invalid("body");
    for (body, field) in [
        (json!({ "type": "pin", "credentials": { "pin": "K7QX-93WD" } }), "login_code"),
        (json!({ "login_code": code }), "type"),
        (
            json!({ "login_code": code, "approve": 0, "type": "pin", "credentials": { "pin": "K7QX-93WD" } }),
            "approve",
        ),
        (json!({ "login_code": code, "type": "sms", "credentials": {} }), "type"),
        (json!({ "login_code": code, "type": "pin" }), "credentials"),
        (json!({ "login_code": code, "type": "pin", "credentials": {} }), "credentials.pin"),
    ] {
        app.watch().post(PATH, body).await.expect_invalid(field);
    }
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_answers_at_once_one_wins() {
    let app = App::start().await;
    let phone = app.ana_client().await;
    for _ in 0..5 {
        let code = app.watch().get_code("tv").await;
        let answers = at_once(32, |index| {
            let (phone, code) = (phone.clone(), code.clone());
            async move { if index % 2 == 0 { phone.approve(&code).await } else { phone.refuse(&code).await } }
        })
        .await;
        assert_eq!((count(&answers, "W0000"), count(&answers, "W2002")), (1, 31));
        let approved = answers.iter().step_by(2).any(|answer| answer.status == 200);
        let wanted = if approved { (200, "W0000") } else { (403, "W2101") };
        app.watch().get_token(&code, "tv").await.expect(wanted.0, wanted.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_answer_was_lost_is_still_an_answer() {
    let app = App::start().await;
    let (phone, code) = (app.ana_client().await, app.watch().get_code("tv").await);
    app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
    phone.approve(&code).await.expect(200, "W0000");
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    let code = app.watch().get_code("tv").await;
    app.fail("dynamodb", "TransactWriteItems", "lost_response", 1).await;
    app.watch().post(PATH, by_password(&code, ANA)).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_50_wrong_codes_in_five_minutes_on_all_endpoints_together() {
    let app = App::start().await;
    let (phone, watch, anonymous) = (app.ana_client().await, app.watch(), app.anonymous());
    let code = app.watch().get_code("tv").await;
    for index in 0..10 {
        phone.approve("BCD3FGH").await.expect(401, "W2002");
        watch.post(PATH, by_password("BCD3FGH", ANA)).await.expect(401, "W2002");
        watch.get_token("BCD3FGH", "tv").await.expect(401, "W2002");
        watch.get_token(&code, "another").await.expect(400, "W4901");
        let page = ["/qr/BCD3FGH", "/qr/BCD3FGH/image.png", "/qr/BCD3FGH/image.svg"][index % 3];
        assert_eq!(anonymous.get(page).await.status, 404);
    }
    // From now on a right code does not help either: whoever guesses must not see it.
    for code in ["BCD3FGH", &code] {
        phone.approve(code).await.expect(429, "W5001");
        watch.post(PATH, by_password(code, ANA)).await.expect(429, "W5001");
        watch.get_token(code, "another").await.expect(429, "W5001");
        for page in ["", "/image.png", "/image.svg"] {
            let answer = anonymous.get(&format!("/qr/{code}{page}")).await;
            assert_eq!(answer.status, 429);
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
        }
    }
    watch.clone().from("127.0.0.2").get_token(&code, "tv").await.expect(202, "W3000");
    app.advance(5 * 60);
    phone.approve("BCD3FGH").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_guesses_at_once_no_more_are_answered_than_the_limit_allows() {
    let app = App::start().await;
    let client = app.watch();
    let answers = at_once(80, |_| {
        let client = client.clone();
        async move { client.get_token("BCD3FGH", "tv").await }
    })
    .await;
    assert_eq!((count(&answers, "W2002"), count(&answers, "W5001")), (50, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn right_codes_are_not_counted() {
    let app = App::start().await;
    let (watch, anonymous) = (app.watch(), app.anonymous());
    let code = app.watch().get_code("tv").await;
    for _ in 0..60 {
        assert_eq!(anonymous.get(&format!("/qr/{code}")).await.status, 200);
    }
    app.ana_client().await.approve(&code).await.expect(200, "W0000");
    for _ in 0..60 {
        watch.get_token(&code, "tv").await.expect(200, "W0000");
    }
    assert_eq!(anonymous.get("/qr/BCD3FGH").await.status, 404);
}
