//! `POST /v2/watch/auth/login` by PIN.

use serde_json::json;
use tests::phone::Phone;
use tests::{App, at_once, count, part};

#[tokio::test(flavor = "multi_thread")]
async fn no_pin_stands_in_the_table() {
    let app = App::start().await;
    app.watch().login_by_pin("K7QX-93WD").await.expect(200, "W0000");
    let table = app.table_text().await;
    for pin in ["K7QX93WD", "K7QX-93WD"] {
        let plain_hash = shared::crypto::sha256_hex(pin.as_bytes());
        assert!(!table.contains(pin) && !table.contains(&plain_hash), "{pin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_signs_in_by_pin_however_it_is_typed() {
    let app = App::start().await;
    for pin in ["K7QX-93WD", "k7qx93wd", " K7QX 93WD "] {
        let answer = app.watch().login_by_pin(pin).await.expect(200, "W0000");
        assert_eq!(part(&answer.tokens().token, 1)["amr"], json!(["pin"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_outlives_its_pin() {
    let app = App::start().await;
    let end = app.stack.world.clock.now() + 1800;
    app.apply(|document| document["enterprises"][0]["pins"][0]["expires_at"] = json!(end)).await;
    let body = json!({ "type": "pin", "credentials": { "pin": "K7QX-93WD" }, "persist": true });
    let voter = app.watch().post("/v2/watch/auth/login", body).await.expect(200, "W0000").tokens();
    // A TV that the voter has signed in by their PIN on its page, and one by their phone.
    let (by_page, by_phone) = (app.watch().get_code("page").await, app.watch().get_code("phone").await);
    let mut phone = Phone::open(&app, &by_page).await;
    phone.send(&[("type", "pin"), ("pin", "K7QX-93WD")]).await.expect_page(200, "Approve this Apple TV?");
    phone.answer("approve").await.expect_page(200, "You approved the Apple TV");
    app.authorized(&voter.token).approve(&by_phone).await.expect(200, "W0000");
    let page_tv = app.watch().get_token(&by_page, "page").await.expect(200, "W0000").tokens();
    let phone_tv = app.watch().get_token(&by_phone, "phone").await.expect(200, "W0000").tokens();
    for (seconds, http, code) in [(1700, 200, "W0000"), (100, 401, "W2003")] {
        app.advance(seconds);
        for tokens in [&voter, &page_tv, &phone_tv] {
            app.watch().refresh(&tokens.refresh_token).await.expect(http, code);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_that_guesses_many_pins_is_stopped_at_once_too() {
    let app = App::start().await;
    let watch = app.watch();
    let answers = at_once(40, |index| {
        let watch = watch.clone();
        async move { watch.login_by_pin(&format!("0000-{index:04}")).await }
    })
    .await;
    assert_eq!((count(&answers, "W2002"), count(&answers, "W5001")), (30, 10));
    app.watch().login_by_pin("K7QX-93WD").await.expect(429, "W5001");
    app.watch().from("127.0.0.2").login_by_pin("K7QX-93WD").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_guessed_from_many_addresses_are_stopped_for_the_enterprise() {
    let app = App::start().await;
    for source in 2..=11 {
        let watch = app.watch().from(&format!("127.0.0.{source}"));
        let answers = at_once(30, |index| {
            let watch = watch.clone();
            async move { watch.login_by_pin(&format!("{source:04}-{index:04}")).await }
        })
        .await;
        assert_eq!(count(&answers, "W2002"), 30, "{:?}", answers.iter().find(|answer| answer.status != 401));
    }
    app.watch().from("127.0.0.99").login_by_pin("K7QX-93WD").await.expect(429, "W5001");
    app.advance(300);
    app.watch().from("127.0.0.99").login_by_pin("K7QX-93WD").await.expect(200, "W0000");
}
