//! `POST /v2/watch/auth/login`

mod pin;
mod qr;

use serde_json::{Value, json};
use tests::{ANA, App, at_once, count, part};

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_signs_in_by_name_or_address_however_they_are_written() {
    let app = App::start().await;
    for name in ["ana", "ANA", " Ana ", "ａｎａ", "ana@acme.example", "ANA@ACME.EXAMPLE"] {
        app.watch().login(name, ANA).await.expect(200, "W0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_says_what_rfc_9068_asks_for() {
    let app = App::start().await;
    let tokens = app.ana().await;
    let (header, claims) = (part(&tokens.token, 0), part(&tokens.token, 1));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    assert!(header["kid"].is_string());
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.stack.place.url), &json!("watch")));
    assert_eq!((&claims["client_id"], &claims["ent"]), (&json!("acme-watch"), &json!("acme")));
    assert_eq!((&claims["scope"], &claims["amr"]), (&json!("viewer"), &json!(["pwd"])));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 15 * 60);
    for id in ["sub", "jti", "sid"] {
        assert!(claims[id].as_str().is_some_and(|id| id.len() >= 26), "{claims}");
    }
    let (header, refresh) = (part(&tokens.refresh_token, 0), part(&tokens.refresh_token, 1));
    assert_eq!(header["typ"], "rt+jwt");
    assert_eq!((&refresh["sid"], &refresh["sub"]), (&claims["sid"], &claims["sub"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn persist_gives_the_enterprises_longest_refresh_token() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"] =
            json!({ "refresh_seconds_min": 3600, "refresh_seconds_max": 7200 });
    })
    .await;
    for (persist, seconds) in [(json!(false), 3600), (Value::Null, 3600), (json!(true), 7200)] {
        let body = json!({ "type": "pin", "credentials": { "pin": "K7QX-93WD" }, "persist": persist });
        let answer = app.watch().post("/v2/watch/auth/login", body).await.expect(200, "W0000");
        let claims = part(&answer.tokens().refresh_token, 1);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), seconds);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_wrong_credentials_have_one_answer() {
    let app = App::start().await;
    let watch = app.watch();
    let answers = [
        watch.login("ana", "wrong password").await,
        watch.login("nobody", "wrong password").await,
        watch.login("nobody@acme.example", ANA).await,
        watch.login("dora", "locked out of the cinema").await,
        watch.login_by_pin("0000-0000").await,
        watch.login_by_pin("OLDX-93WD").await,
        watch.login_by_pin("---").await,
        watch.login_by_pin("ZZZZ-1111").await,
    ];
    for answer in answers {
        let answer = answer.expect(401, "W2002");
        assert_eq!(answer.body, json!({ "status_code": "W2002", "detail": "Invalid credentials" }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_and_an_unknown_person_cost_the_same_calls() {
    let app = App::start().await;
    let mut costs = Vec::new();
    for name in ["ana", "nobody", "dora"] {
        app.forget_usage();
        app.watch().login(name, "wrong password").await.expect(401, "W2002");
        costs.push((app.dynamodb_calls("watch-login"), app.usage("watch-login").write_units));
    }
    assert_eq!((&costs[0], &costs[0]), (&costs[1], &costs[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_the_enterprise_has_not_enabled_is_2101() {
    let app = App::start().await;
    let orbit = app.key("orbit-watch");
    orbit.login("ana", ANA).await.expect(403, "W2101");
    orbit.login_by_pin("ZZZZ-1111").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_one_enterprise_is_unknown_in_another() {
    let app = App::changed(|document| {
        document["enterprises"][1]["settings"] = json!({});
    })
    .await;
    app.key("orbit-watch").login("ana", ANA).await.expect(401, "W2002");
    app.key("orbit-watch").login_by_pin("K7QX-93WD").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_the_watch_surface_is_unknown() {
    let app =
        App::changed(|document| document["enterprises"][0]["users"][0]["surfaces"] = json!(["admin"])).await;
    app.watch().login("ana", ANA).await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_wrong_tries_under_both_names_together_lock_until_the_window_ends() {
    let app = App::start().await;
    let names = ["ana", "ana@acme.example"];
    for index in 0..10 {
        app.watch().login(names[index % 2], "wrong password").await.expect(401, "W2002");
    }
    for name in names {
        let locked = app.watch().login(name, ANA).await.expect(429, "W5001");
        let seconds: i64 = locked.header("retry-after").parse().unwrap();
        assert!((1..=900).contains(&seconds));
    }
    app.advance(900);
    app.watch().login("ana", ANA).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_has_locks_as_one_that_somebody_has() {
    let app = App::start().await;
    for _ in 0..10 {
        app.watch().login("nobody", "wrong password").await.expect(401, "W2002");
    }
    app.watch().login("nobody", "wrong password").await.expect(429, "W5001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_starts_the_count_afresh_for_both_names() {
    let app = App::start().await;
    for _ in 0..3 {
        for _ in 0..9 {
            app.watch().login("ana", "wrong password").await.expect(401, "W2002");
        }
        app.watch().login("ana@acme.example", ANA).await.expect(200, "W0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_right_passwords_lock_nobody_out() {
    let app = App::start().await;
    for _ in 0..15 {
        app.watch().login("ana", ANA).await.expect(200, "W0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_keys_use_up_nobodys_tries() {
    let app = App::start().await;
    let forged = app.authorized(&format!("Bearer usk_acme_acme-watch_{}", "x".repeat(40)));
    let answers = at_once(64, |_| {
        let forged = forged.clone();
        async move { forged.login("ana", "wrong password").await }
    })
    .await;
    assert_eq!(count(&answers, "W2001"), 64);
    assert!(app.usage("watch-login").write_units <= 0.0);
    app.ana().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_real_and_is_revoked_uses_up_nobodys_tries() {
    let app = App::start().await;
    app.ana().await;
    app.apply(|document| document["enterprises"][0]["api_keys"][0]["revoked"] = json!(true)).await;
    for _ in 0..12 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2001");
    }
    app.key("acme-tv").sign_in("ana", ANA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_many_at_once_gains_nothing() {
    let app = App::start().await;
    let watch = app.watch();
    let names = ["ana", "ana@acme.example"];
    let answers = at_once(64, |index| {
        let watch = watch.clone();
        async move { watch.login(names[index % 2], &format!("wrong password {index}")).await }
    })
    .await;
    let (wrong, limited) = (count(&answers, "W2002"), count(&answers, "W5001"));
    assert!(wrong <= 10 && wrong + limited == 64, "{wrong} wrong, {limited} limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_that_guesses_many_names_is_stopped_and_cannot_hide_it() {
    let app = App::start().await;
    let watch = app.watch();
    // Ten at once: each try is a hash, and none may run out of its nine seconds.
    let mut answers = Vec::new();
    for ten in 0..11 {
        let guess = |index| {
            let watch = watch.clone();
            async move { watch.login(&format!("person-{ten}-{index}"), "wrong password").await }
        };
        answers.extend(at_once(10, guess).await);
    }
    assert_eq!((count(&answers, "W2002"), count(&answers, "W5001")), (100, 10));
    let login = json!({ "type": "password", "credentials": { "username": "ana", "password": ANA } });
    let forged = ("x-forwarded-for", "198.51.100.1");
    watch.post_with("/v2/watch/auth/login", login, forged).await.expect(429, "W5001");
    app.watch().from("127.0.0.2").login("ana", ANA).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_has_the_wrong_tries_that_its_settings_say() {
    let app = App::changed(|document| {
        let settings = &mut document["enterprises"][0]["settings"];
        settings["wrong_passwords_max"] = json!(12);
        settings["wrong_pins_max"] = json!(10);
    })
    .await;
    for index in 0..12 {
        app.watch().login(&format!("person-{index}"), "wrong password").await.expect(401, "W2002");
    }
    app.watch().login("ana", ANA).await.expect(429, "W5001");
    // A function that meets the enterprise for the first time goes by its limit too.
    let credentials = json!({ "username": "ana", "password": ANA });
    let body = json!({ "login_code": app.watch().get_code("tv").await, "type": "password", "credentials": credentials });
    app.watch().post("/v2/watch/auth/login/qr", body).await.expect(429, "W5001");
    for index in 0..10 {
        app.watch().login_by_pin(&format!("0000-000{index}")).await.expect(401, "W2002");
    }
    app.watch().login_by_pin("K7QX-93WD").await.expect(429, "W5001");
    app.apply(|document| {
        document["enterprises"][0]["settings"]["wrong_passwords_max"] = json!(5000);
    })
    .await;
    for _ in 0..3 {
        // The first one still looks at the counter that it knew of, and learns of the others.
        app.watch().login("ana", ANA).await;
    }
    app.watch().login("walt", "one seat in the last row").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_stopped_uses_up_nobodys_tries() {
    let app = App::start().await;
    let watch = app.watch();
    at_once(100, |index| {
        let watch = watch.clone();
        async move { watch.login(&format!("person-{index}"), "wrong password").await }
    })
    .await;
    for _ in 0..12 {
        app.watch().login("ana", ANA).await.expect(429, "W5001");
    }
    app.watch().from("127.0.0.2").sign_in("ana", ANA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_locked_uses_up_no_addresss_tries() {
    let app = App::start().await;
    for _ in 0..120 {
        app.watch().login("nobody", "wrong password").await;
    }
    app.watch().sign_in("ana", ANA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_hash_is_taken_once_and_replaced() {
    // bcrypt, cost 4, of "correct horse battery".
    let imported = shared_hash();
    let app = App::changed(|document| {
        document["enterprises"][0]["users"][0] =
            json!({ "username": "imre", "email": "imre@acme.example", "password_hash": imported });
    })
    .await;
    app.forget_usage();
    app.watch().login("imre", "correct horse battery").await.expect(200, "W0000");
    let first = app.usage("watch-login").write_units;
    app.forget_usage();
    app.watch().login("imre@acme.example", "correct horse battery").await.expect(200, "W0000");
    assert!(app.usage("watch-login").write_units < first, "the second login rewrites nothing");
    app.watch().login("imre", "correct horse battery!").await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_logins_at_once_with_an_imported_hash_both_succeed() {
    let imported = shared_hash();
    let app = App::changed(|document| {
        document["enterprises"][0]["users"][0] =
            json!({ "username": "imre", "email": "imre@acme.example", "password_hash": imported });
    })
    .await;
    let watch = app.watch();
    let answers = at_once(8, |_| {
        let watch = watch.clone();
        async move { watch.login("imre", "correct horse battery").await }
    })
    .await;
    assert_eq!(count(&answers, "W0000"), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_name_is_their_address_signs_in_and_resets() {
    let app = App::changed(|document| {
        document["enterprises"][0]["users"][0] =
            json!({ "username": "ana@acme.example", "email": "ana@acme.example", "password": ANA });
    })
    .await;
    app.watch().sign_in("ANA@acme.example", ANA).await;
    app.watch().login("ana@acme.example", "wrong password").await.expect(401, "W2002");
    let forgot = json!({ "email": "ana@acme.example" });
    app.watch().post("/v2/watch/auth/forgot-password", forgot).await.expect(200, "W0000");
    let reset =
        json!({ "reset_code": app.reset_code("ana@acme.example"), "new_password": "seven reels of film" });
    app.watch().post("/v2/watch/auth/reset-password", reset).await.expect(200, "W0000");
    app.watch().sign_in("ana@acme.example", "seven reels of film").await;
}

fn shared_hash() -> String {
    bcrypt::hash("correct horse battery", 4).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_four_calls_and_a_pin_login_three() {
    let app = App::start().await;
    let call = |name: &str, times| (format!("dynamodb.{name}"), times);
    let right = [call("BatchGetItem", 1), call("PutItem", 1), call("UpdateItem", 2)];
    let wrong = [call("BatchGetItem", 1), call("TransactWriteItems", 1), call("UpdateItem", 2)];
    // The try of the wrong one is freed with that of the right one, and that of the address beside it.
    let right_after_wrong = [call("BatchGetItem", 1), call("TransactWriteItems", 1), call("UpdateItem", 3)];
    for (password, calls) in [(ANA, right), ("wrong password", wrong), (ANA, right_after_wrong)] {
        app.forget_usage();
        app.watch().login("ana", password).await;
        assert_eq!(app.dynamodb_calls("watch-login"), calls);
    }
    app.forget_usage();
    app.watch().login_by_pin("K7QX-93WD").await.expect(200, "W0000");
    let pin = [call("BatchGetItem", 1), call("PutItem", 1), call("UpdateItem", 1)];
    assert_eq!(app.dynamodb_calls("watch-login"), pin);
    assert_eq!(app.usage("watch-login").invocations, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_leaves_no_more_than_its_own_try() {
    let app = App::start().await;
    for _ in 0..3 {
        app.watch().login("ana", ANA).await.expect(200, "W0000");
    }
    for _ in 0..8 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
    }
    app.watch().login("ana@acme.example", ANA).await.expect(200, "W0000");
    for _ in 0..10 {
        app.watch().login("ana", "wrong password").await.expect(401, "W2002");
    }
    app.watch().login("ana", ANA).await.expect(429, "W5001");
}
