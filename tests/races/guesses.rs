//! Limits on guessing: as many guesses are answered as are left, and all others refused unread.

use serde_json::{Value, json};
use shared::limits;
use tests::costs::{LINK, US, link_and_request, wrong_code};
use tests::tries::wrong_codes;
use tests::{App, Client, at_once};

use crate::{CALLS, PIN, add_people, exactly, hold, next_day, rounds, source};

const LOGIN: &str = "/v2/watch/auth/login";
const QR: &str = "/v2/watch/auth/login/qr";
/// As a login code looks.
const WRONG_CODE: &str = "BCD3FGH";

fn wrong_password(name: &str) -> Value {
    json!({ "type": "password", "credentials": { "username": name, "password": "not the password" } })
}

fn wrong_pin() -> Value {
    json!({ "type": "pin", "credentials": { "pin": "WRNG-PPPP" } })
}

/// A client for each of the calls, from two addresses.
fn from_two_addresses(client: &Client) -> impl Fn(usize) -> Client + use<> {
    let clients = [0, 1].map(|number| client.clone().from(&source(number)));
    move |index| clients[index % 2].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_for_one_person() {
    let app = App::changed(|document| add_people(document, 1)).await;
    let watch = app.watch().forgetting();
    // Both names, which share the tries.
    let counters = |now| {
        ["person0", "person0@acme.example"]
            .map(|name| limits::LOGIN_ACCOUNT.counter("acme", name, now))
            .into()
    };
    exactly(&app, 10, (401, "W2002"), counters, |_, _| {
        let watch = watch.clone();
        async move { watch.post(LOGIN, wrong_password("person0")).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_from_one_address() {
    let app = App::changed(|document| add_people(document, CALLS)).await;
    let watch = app.watch().forgetting();
    let counters = |now| vec![limits::LOGIN_SOURCE.counter("acme", "127.0.0.1", now)];
    exactly(&app, CALLS, (401, "W2002"), counters, |_, index| {
        let watch = watch.clone();
        async move { watch.post(LOGIN, wrong_password(&format!("person{index}"))).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_within_an_enterprise() {
    let app = App::changed(|document| add_people(document, CALLS)).await;
    let client = from_two_addresses(&app.watch().forgetting());
    let counters = |now| vec![limits::LOGIN_ENTERPRISE.counter("acme", "", now)];
    exactly(&app, CALLS, (401, "W2002"), counters, |_, index| {
        let watch = client(index);
        async move { watch.post(LOGIN, wrong_password(&format!("person{index}"))).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_pins_from_one_address() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    let counters = |now| vec![limits::PIN_SOURCE.counter("acme", "127.0.0.1", now)];
    exactly(&app, 30, (401, "W2002"), counters, |_, _| {
        let watch = watch.clone();
        async move { watch.post(LOGIN, wrong_pin()).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_pins_within_an_enterprise() {
    let app = App::start().await;
    let client = from_two_addresses(&app.watch().forgetting());
    let counters = |now| vec![limits::PIN_ENTERPRISE.counter("acme", "", now)];
    exactly(&app, CALLS, (401, "W2002"), counters, |_, index| {
        let watch = client(index);
        async move { watch.post(LOGIN, wrong_pin()).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_codes_from_one_address() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    let counters = |now| vec![limits::RESET_SOURCE.counter("", "127.0.0.1", now)];
    exactly(&app, CALLS, (401, "W2002"), counters, |_, index| {
        let watch = watch.clone();
        let body =
            json!({ "reset_code": format!("code {index}"), "new_password": "the last seat of the row" });
        async move { watch.post("/v2/watch/auth/reset-password", body).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_login_codes_from_one_address() {
    let app = App::start().await;
    let (acme, orbit) = (app.watch().forgetting(), app.key("orbit-watch").forgetting());
    let counters = |now| vec![limits::QR_GUESS_SOURCE.counter("", "127.0.0.1", now)];
    // In two enterprises, on two endpoints.
    exactly(&app, CALLS, (401, "W2002"), counters, |_, index| {
        let (acme, orbit) = (acme.clone(), orbit.clone());
        async move {
            if index % 2 == 0 {
                let credentials = json!({ "pin": PIN });
                let body = json!({ "login_code": WRONG_CODE, "type": "pin", "credentials": credentials });
                acme.post(QR, body).await
            } else {
                orbit.get_token(WRONG_CODE, &format!("tv {index}")).await
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_login_codes_of_one_tv() {
    let app = App::start().await;
    let client = from_two_addresses(&app.watch().forgetting());
    let counters = |now| vec![limits::QR_GUESS_DEVICE.counter("acme", "tv", now)];
    exactly(&app, CALLS, (401, "W2002"), counters, |_, index| {
        let watch = client(index);
        async move { watch.get_token(WRONG_CODE, "tv").await }
    })
    .await;
}

/// Each is told the same, so what is counted stands in the table; and the code is over, for the right one too.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_one_time_codes() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    let path = format!("/v2/watch/content/screeners/{LINK}/2fa/verify");
    for _ in rounds() {
        next_day(&app);
        let code = link_and_request(&app, &watch, LINK, US).await;
        let answers = at_once(CALLS, |index| {
            let wrong = wrong_code(&code, u32::try_from(index).unwrap() + 1);
            let (watch, path) = (watch.clone(), path.clone());
            async move { watch.post(&path, json!({ "otp": wrong })).await }
        })
        .await;
        hold(answers, &[(401, "W2002", CALLS)]);
        assert_eq!(wrong_codes(&app).await, 5);
        watch.verify_code(LINK, &code).await.expect(401, "W2002");
    }
    app.forget_secrets();
}
