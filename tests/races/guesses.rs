//! Limits on guessing: as many guesses are answered as are left, and all others refused unread.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::limits::{self, Counter, Limit};
use shared::store::Operation;
use tests::costs::{LINK, US, link_and_request, wrong_code};
use tests::phone::Phone;
use tests::tries::{Tries, wrong_codes};
use tests::{Answer, App, Client, at_once, count};

use crate::{CALLS, PIN, add_people, address, exactly, hold, next_day, next_hour, rounds, source};

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

/// A client for each of the calls, from so many addresses.
fn from_addresses(client: &Client, addresses: usize) -> impl Fn(usize) -> Client + use<> {
    let clients: Vec<_> = (0..addresses).map(|number| client.clone().from(&source(number))).collect();
    move |index| clients[index % addresses].clone()
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

/// A wrong password by each way in.
async fn guess(way: usize, name: &str, clients: &[Client; 3], phone: &Phone) -> Answer {
    let ([watch, admin, vidizmo], wrong) = (clients, "not the password");
    match way {
        0 => watch.login(name, wrong).await,
        1 => admin.admin_login(name, wrong).await,
        2 => vidizmo.authenticate(name, wrong).await,
        3 => {
            let mut body = wrong_password(name);
            body["login_code"] = json!(phone.path.trim_start_matches("/qr/"));
            watch.post(QR, body).await
        }
        _ => {
            let form = [("type", "password"), ("username", name), ("password", wrong)];
            phone.send_quietly(&form).await
        }
    }
}

/// Holds what [`guess`] got against what a wrong password gets there, or one too many.
fn expect_guess(way: usize, answer: Answer) {
    match (way, answer.status == 429) {
        (0 | 3, false) => answer.expect(401, "W2002"),
        (0 | 3, true) => answer.expect(429, "W5001"),
        (1, false) => answer.expect(401, "A2002"),
        (1, true) => answer.expect(429, "A5001"),
        (2, false) => answer.expect_exception(400, "InvalidCredentialsException"),
        (2, true) => answer.expect_exception(429, "TooManyRequestsException"),
        (_, false) => answer.expect_page(400, "Sign in on Apple TV"),
        (_, true) => answer.expect_page(429, "Too many tries"),
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_for_one_person_on_all_surfaces() {
    const WAYS: usize = 5;
    let app = App::changed(|document| {
        add_people(document, 1);
        let people = document["enterprises"][0]["users"].as_array_mut().unwrap();
        people.last_mut().unwrap()["surfaces"] = json!(["watch", "admin", "vidizmo"]);
    })
    .await;
    let clients = [app.watch(), app.admin(), app.vidizmo()].map(Client::forgetting);
    let (tries, names) = (Tries::of(&app), ["person0".to_owned(), address(0)]);
    for round in rounds() {
        let (left, now) = (round / 2 % 11, next_hour(&app));
        let mut phone = Phone::open(&app, &clients[0].get_code("tv").await).await;
        phone.client = phone.client.forgetting();
        for name in &names {
            tries.leave(&limits::LOGIN_ACCOUNT.counter("acme", name, now), left).await;
        }
        // By one name, and in every other round by both.
        let name = |index: usize| &names[if round % 2 == 0 { round / 2 } else { index } % 2];
        let answers = at_once(CALLS, |index| {
            let (clients, phone, name) = (clients.clone(), phone.clone(), name(index / WAYS).clone());
            async move { guess(index % WAYS, &name, &clients, &phone).await }
        })
        .await;
        let told = answers.iter().filter(|answer| answer.status != 429).count();
        // Each try takes one of either name's: where both run short at once, some are taken by guesses of which the
        // other name has none left, and are told to nobody.
        assert!(told <= left && (told == left || round % 2 == 1), "{told} of {left}");
        for (index, answer) in answers.into_iter().enumerate() {
            expect_guess(index % WAYS, answer);
        }
        for name in &names {
            clients[0].login(name, "not the password").await.expect(429, "W5001");
        }
    }
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
    let client = from_addresses(&app.watch().forgetting(), 2);
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
    let client = from_addresses(&app.watch().forgetting(), 2);
    let counters = |now| vec![limits::PIN_ENTERPRISE.counter("acme", "", now)];
    exactly(&app, CALLS, (401, "W2002"), counters, |_, index| {
        let watch = client(index);
        async move { watch.post(LOGIN, wrong_pin()).await }
    })
    .await;
}

/// The counters over which `most` of a limit are shared out.
fn shares(limit: Limit, most: u32, now: i64) -> Vec<Counter> {
    // Which one a guess falls on is chance: among so many there is one for each.
    let found = (0..400).map(|_| limit.share("acme", most, &Operation::new(), now));
    let shares: BTreeMap<_, _> = found.map(|counter| (counter.key.pk.clone(), counter)).collect();
    shares.into_values().collect()
}

/// Rounds of guesses where an enterprise has a limit so large that it is shared out over counters, each with a few
/// tries left or none. A guess is refused that falls on one without, so not all that are left need be taken by the
/// first guesses; but no more are, and all are in the end.
async fn exactly_of_shares<F>(app: &App, (limit, most): (Limit, u32), guess: impl Fn(Client, usize) -> F)
where
    F: Future<Output = Answer> + Send + 'static,
{
    /// No person and no address has fewer tries.
    const CROWDS: usize = 9;
    let (tries, client) = (Tries::of(app), from_addresses(&app.watch().forgetting(), CALLS));
    // A warm function knows that there are several from the first call on.
    guess(client(0), 0).await.expect(401, "W2002");
    for round in rounds() {
        let shares = shares(limit, most, next_hour(app));
        assert_eq!(shares.iter().map(|share| share.max).sum::<u32>(), most);
        let mut left = 0;
        for (index, share) in shares.iter().enumerate() {
            let few = (round + 4 * index) % 9;
            tries.leave(share, few).await;
            left += few;
        }
        for _ in 0..CROWDS {
            let answers = at_once(CALLS, |index| guess(client(index), index)).await;
            let told = count(&answers, "W2002");
            assert!(told <= left, "{told} of {left}");
            hold(answers, &[(401, "W2002", told), (429, "W5001", CALLS - told)]);
            left -= told;
            // What is told is counted, where there was room.
            let mut unused = 0;
            for share in &shares {
                unused += (share.max as usize).checked_sub(tries.used(share).await).unwrap();
            }
            assert_eq!(unused, left);
            if left == 0 {
                break;
            }
        }
        assert_eq!(left, 0);
        guess(client(round), round).await.expect(429, "W5001");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_within_an_enterprise_of_several_counters() {
    const MOST: u32 = 2001;
    let app = App::changed(|document| {
        add_people(document, CALLS);
        document["enterprises"][0]["settings"]["wrong_passwords_max"] = json!(MOST);
    })
    .await;
    exactly_of_shares(&app, (limits::LOGIN_ENTERPRISE, MOST), |watch, index| async move {
        watch.post(LOGIN, wrong_password(&format!("person{}", index % CALLS))).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_pins_within_an_enterprise_of_several_counters() {
    const MOST: u32 = 1000;
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"]["wrong_pins_max"] = json!(MOST);
    })
    .await;
    exactly_of_shares(&app, (limits::PIN_ENTERPRISE, MOST), |watch, _| async move {
        watch.post(LOGIN, wrong_pin()).await
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
    let client = from_addresses(&app.watch().forgetting(), 2);
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
