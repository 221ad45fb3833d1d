//! `POST /v2/watch/auth/login/qr/get-token`.

mod lost;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Answer, App, at_once, count, part};

const PATH: &str = "/v2/watch/auth/login/qr/get-token";

/// The code of the Apple TV `tv`, which Ana has approved.
async fn approved(app: &App) -> String {
    let code = app.watch().get_code("tv").await;
    app.ana_client().await.approve(&code).await.expect(200, "W0000");
    code
}

fn session(answer: &Answer) -> Value {
    part(&answer.tokens().token, 1)["sid"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_then_tokens_of_a_session_of_its_own() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    let phone = app.ana().await;
    app.authorized(&phone.token).approve(&code).await.expect(200, "W0000");
    app.advance(10);
    let answer = app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    assert_eq!(answer.body.as_object().unwrap().len(), 3);
    let tv = answer.tokens();
    let (tv_claims, phone_claims) = (part(&tv.token, 1), part(&phone.token, 1));
    assert_eq!(tv_claims["sub"], phone_claims["sub"]);
    assert_eq!((&tv_claims["client_id"], &tv_claims["amr"]), (&json!("acme-watch"), &json!(["pwd"])));
    assert_ne!(tv_claims["sid"], phone_claims["sid"]);
    // No chain of sessions outlives the sign-in (OWASP ASVS 7.3.2): the TV's ends with the phone's.
    assert_eq!(part(&tv.refresh_token, 1)["exp"], part(&phone.refresh_token, 1)["exp"]);
    // The phone's logout leaves the TV signed in, and the TV's own ends it.
    app.watch().post("/v2/watch/auth/logout", json!({ "token": phone.token })).await.expect(200, "W0000");
    let who = app.authorized(&tv.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    assert_eq!(who.body["user"]["username"], "ana");
    app.watch().refresh(&tv.refresh_token).await.expect(200, "W0000");
    app.watch().post("/v2/watch/auth/logout", json!({ "token": tv.token })).await.expect(200, "W0000");
    app.watch().refresh(&tv.refresh_token).await.expect(401, "W2003");
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_sooner_than_the_interval_less_a_second_is_5001() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    let answer = app.watch().get_token(&code, "tv").await.expect(429, "W5001");
    assert!(["9", "8"].contains(&answer.header("retry-after")), "{answer:?}");
    app.advance(7);
    let answer = app.watch().get_token(&code, "tv").await.expect(429, "W5001");
    assert!(["2", "1"].contains(&answer.header("retry-after")), "{answer:?}");
    app.advance(2);
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    // Also when there is an answer already.
    app.ana_client().await.approve(&code).await.expect(200, "W0000");
    app.watch().get_token(&code, "tv").await.expect(429, "W5001");
    app.advance(9);
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_refusal_it_is_2101() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    app.ana_client().await.refuse(&code).await.expect(200, "W0000");
    app.advance(10);
    for _ in 0..2 {
        app.watch().get_token(&code, "tv").await.expect(403, "W2101");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_minutes_it_is_2002() {
    let app = App::start().await;
    let (pending, approved) = (app.watch().get_code("tv").await, approved(&app).await);
    app.advance(295);
    app.watch().get_token(&pending, "tv").await.expect(202, "W3000");
    app.advance(5);
    app.watch().get_token(&pending, "tv").await.expect(401, "W2002");
    app.watch().get_token(&approved, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_device_gets_the_same_session_again_for_half_a_minute() {
    let app = App::start().await;
    let code = approved(&app).await;
    app.advance(290);
    let first = app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    app.watch().get_token(&code, "another").await.expect(400, "W4901");
    // The code has expired meanwhile.
    app.advance(25);
    let again = app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    assert_eq!(session(&first), session(&again));
    app.watch().refresh(&again.tokens().refresh_token).await.expect(200, "W0000");
    app.advance(6);
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_is_not_handed_out_again() {
    let app = App::start().await;
    let code = approved(&app).await;
    let tv = app.watch().get_token(&code, "tv").await.expect(200, "W0000").tokens();
    app.watch().post("/v2/watch/auth/logout", json!({ "token": tv.token })).await.expect(200, "W0000");
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_sign_in_any_more_signs_no_tv_in() {
    let app = App::start().await;
    let code = approved(&app).await;
    app.apply(|document| document["enterprises"][0]["users"][0]["disabled"] = json!(true)).await;
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
    app.apply(|document| document["enterprises"][0]["users"][0]["disabled"] = json!(false)).await;
    app.advance(10);
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_new_password_an_approval_of_before_is_worth_nothing() {
    let app = App::start().await;
    let code = approved(&app).await;
    let body = json!({ "email": "ana@acme.example" });
    app.watch().post("/v2/watch/auth/forgot-password", body).await.expect(200, "W0000");
    let reset = app.reset_code("Ana@acme.example");
    let body = json!({ "reset_code": reset, "new_password": "seven reels of nitrate film" });
    app.watch().post("/v2/watch/auth/reset-password", body).await.expect(200, "W0000");
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_the_session_that_approved_ends_the_approval() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let phone = app.ana().await;
    app.authorized(&phone.token).approve(&code).await.expect(200, "W0000");
    app.watch().post("/v2/watch/auth/logout", json!({ "token": phone.token })).await.expect(200, "W0000");
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_of_the_same_name_ends_the_approval_too() {
    let app = App::start().await;
    let code = approved(&app).await;
    let new = format!("usk_acme_acme-watch_{}", "n".repeat(40));
    app.apply(|document| document["enterprises"][0]["api_keys"][0]["key"] = json!(new)).await;
    let tv = app.authorized(&format!("Bearer {new}"));
    tv.get_token(&code, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_by_credentials_ends_with_the_key_that_brought_them() {
    let app = App::start().await;
    let olga = app.olga().await;
    for phone in ["acme-tv", "acme-watch"] {
        let code = app.watch().get_code("tv").await;
        let body = json!({ "login_code": code, "type": "pin", "credentials": { "pin": "K7QX-93WD" } });
        app.key(phone).post("/v2/watch/auth/login/qr", body).await.expect(200, "W0000");
        let tv = if phone == "acme-tv" {
            let hotlist = json!({ "api_key": phone });
            app.authorized(&olga.token).post("/v1/admin/auth/hotlist", hotlist).await.expect(200, "A0000");
            app.watch()
        } else {
            let new = format!("usk_acme_acme-watch_{}", "n".repeat(40));
            app.apply(|document| document["enterprises"][0]["api_keys"][0]["key"] = json!(new)).await;
            app.authorized(&format!("Bearer {new}"))
        };
        tv.get_token(&code, "tv").await.expect(401, "W2002");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_credentials_the_session_lives_as_long_as_that_of_a_login() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let body = json!({ "login_code": code, "type": "pin", "credentials": { "pin": "K7QX-93WD" } });
    app.watch().post("/v2/watch/auth/login/qr", body).await.expect(200, "W0000");
    app.advance(10);
    let tv = app.watch().get_token(&code, "tv").await.expect(200, "W0000").tokens();
    let refresh = part(&tv.refresh_token, 1);
    assert_eq!(refresh["exp"].as_i64().unwrap() - refresh["iat"].as_i64().unwrap(), 24 * 60 * 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_was_disabled_meanwhile_signs_no_tv_in() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let body = json!({ "login_code": code, "type": "pin", "credentials": { "pin": "K7QX-93WD" } });
    app.watch().post("/v2/watch/auth/login/qr", body).await.expect(200, "W0000");
    app.apply(|document| document["enterprises"][0]["pins"][0]["disabled"] = json!(true)).await;
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tv_that_comes_late_does_not_count_as_one_that_guesses() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    app.advance(300);
    for _ in 0..51 {
        app.watch().get_token(&code, "tv").await.expect(401, "W2002");
    }
    app.watch().get_token("BCD3FGH", "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tv_that_says_the_right_things_may_poll_whoever_guesses_at_its_address() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    for _ in 0..50 {
        assert_eq!(app.anonymous().get("/qr/BCD3FGH/image.png").await.status, 404);
    }
    app.watch().get_token("BCD3FGH", "another").await.expect(429, "W5001");
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_a_udid_has_50_guesses_from_wherever_they_come() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    for index in 0..50 {
        let guesser = app.watch().from(&format!("127.0.1.{}", index % 2 + 1));
        guesser.get_token("BCD3FGH", "tv").await.expect(401, "W2002");
    }
    for client in [app.watch(), app.watch().from("127.0.1.3")] {
        client.get_token("BCD3FGH", "tv").await.expect(429, "W5001");
        client.get_token(&code, "tv").await.expect(429, "W5001");
    }
    app.advance(4 * 60);
    app.watch().get_token(&code, "tv").await.expect(429, "W5001");
    app.advance(60);
    app.watch().get_token(&code, "tv").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_device_that_asked_gets_anything() {
    let app = App::start().await;
    let code = approved(&app).await;
    for udid in ["another", "TV", "tv "] {
        let answer = app.watch().get_token(&code, udid).await.expect(400, "W4901");
        assert!(answer.body["detail"].as_str().unwrap().starts_with("udid: "));
    }
    // Nor another application, or another enterprise: for them there is no such code.
    for key in ["acme-tv", "orbit-watch"] {
        app.key(key).get_token(&code, "tv").await.expect(401, "W2002");
    }
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_taken_as_people_type_it() {
    let app = App::start().await;
    let code = approved(&app).await;
    let alike = |c: char| {
        "DO JI Z2 S5 G6 B8 4A 3E VU"
            .split(' ')
            .find(|pair| pair.starts_with(c))
            .map_or(c, |pair| pair.chars().nth(1).unwrap())
    };
    let look_alikes: String =
        code.replace('7', "1").chars().map(|c| if c == '1' { c } else { alike(c) }).collect();
    let look_alikes = look_alikes.to_lowercase();
    let typed = format!(" {}-{} {}", &look_alikes[..2], &look_alikes[2..5], &look_alikes[5..]);
    app.watch().get_token(&typed, "tv").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_4900() {
    let app = App::start().await;
    for (body, field) in [
        (json!({ "udid": "tv" }), "login_code"),
        (json!({ "login_code": 1_234_567, "udid": "tv" }), "login_code"),
        (json!({ "login_code": "", "udid": "tv" }), "login_code"),
        (json!({ "login_code": "B".repeat(65), "udid": "tv" }), "login_code"),
        (json!({ "login_code": "BCD3FGH" }), "udid"),
        (json!({ "login_code": "BCD3FGH", "udid": "\u{7}" }), "udid"),
        (json!({ "login_code": "BCD3FGH", "udid": "tv", "device_code": 1 }), "device_code"),
    ] {
        app.watch().post(PATH, body).await.expect_invalid(field);
    }
    for unknown in ["BCD3FGH", "not a code", "ä", "💥"] {
        app.watch().get_token(unknown, "tv").await.expect(401, "W2002");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_code_is_asked_for_where_the_key_says_so() {
    let app = App::start().await;
    let tv = app.key("acme-device-code");
    let asked = tv.try_get_code("tv").await.expect(200, "W0000").body;
    let code = asked["login_code"].as_str().unwrap();
    app.ana_client().await.approve(code).await.expect(200, "W0000");
    tv.get_token(code, "tv").await.expect_invalid("device_code");
    tv.get_token("BCD3FGH", "tv").await.expect(401, "W2002");
    let with = |device_code: Value| json!({ "login_code": code, "udid": "tv", "device_code": device_code });
    for wrong in ["x".to_owned(), "0".repeat(32)] {
        tv.post(PATH, with(json!(wrong))).await.expect(401, "W2002");
    }
    let answer = tv.post(PATH, with(asked["device_code"].clone())).await.expect(200, "W0000");
    tv.post(PATH, with(json!("0".repeat(32)))).await.expect(401, "W2002");
    let again = tv.post(PATH, with(asked["device_code"].clone())).await.expect(200, "W0000");
    assert_eq!(session(&answer), session(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_polls_at_once_one_is_taken() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    let client = app.watch();
    let answers = at_once(32, |_| {
        let (client, code) = (client.clone(), code.clone());
        async move { client.get_token(&code, "tv").await }
    })
    .await;
    assert_eq!((count(&answers, "W3000"), count(&answers, "W5001")), (1, 31));
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_at_once_there_is_one_session_and_no_other_device_gets_it() {
    let app = App::start().await;
    for _ in 0..5 {
        let code = approved(&app).await;
        let client = app.watch();
        let answers = at_once(32, |index| {
            let (client, code) = (client.clone(), code.clone());
            async move { client.get_token(&code, if index % 8 == 7 { "another" } else { "tv" }).await }
        })
        .await;
        // One gets the session, and who comes after that gets the same again.
        assert!(count(&answers, "W0000") >= 1);
        assert_eq!(count(&answers, "W0000") + count(&answers, "W5001"), 28);
        assert_eq!(count(&answers, "W4901"), 4);
        let won: BTreeSet<_> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .map(session)
            .map(|sid| sid.to_string())
            .collect();
        assert_eq!(won.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_costs_two_calls() {
    let app = App::start().await;
    let code = app.watch().get_code("tv").await;
    app.forget_usage();
    app.watch().get_token(&code, "tv").await.expect(202, "W3000");
    let two = |write: &str| vec![("dynamodb.BatchGetItem".to_owned(), 1), (write.to_owned(), 1)];
    assert_eq!(app.dynamodb_calls("watch-qr-get-token"), two("dynamodb.UpdateItem"));
    app.ana_client().await.approve(&code).await.expect(200, "W0000");
    app.advance(10);
    app.forget_usage();
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    assert_eq!(app.dynamodb_calls("watch-qr-get-token"), two("dynamodb.TransactWriteItems"));
    app.forget_usage();
    app.watch().get_token(&code, "tv").await.expect(200, "W0000");
    assert_eq!(app.dynamodb_calls("watch-qr-get-token"), [("dynamodb.BatchGetItem".to_owned(), 2)]);
}
