//! Limits on what is sent, made or shown.

use futures_util::{StreamExt, stream};
use serde_json::json;
use shared::limits::{self, Counter};
use shared::store::phone::{LinkedPhone, Subject};
use tests::costs::{LINK, US, add_films};
use tests::tries::Tries;
use tests::{App, MAIL_WAS_LATE, at_once};

use crate::{CALLS, add_people, address, exactly, hold, next_hour, rounds, source};

/// Rounds of forgotten passwords that are under way at once, since each waits for two seconds.
const LANES: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_from_one_address() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    let counters = |now| vec![limits::SIGNUP_SOURCE.counter("acme", "127.0.0.1", now)];
    // Few go through: each hashes a password.
    exactly(&app, 3, (200, "W0000"), counters, |round, index| {
        let (watch, name) = (watch.clone(), format!("n{round}-{index}"));
        let email = format!("{name}@acme.example");
        let body = json!({ "username": name, "email": email, "password": "one ticket for the balcony" });
        async move { watch.post("/v2/watch/auth/users", body).await }
    })
    .await;
}

/// Rounds of forgotten passwords, in lanes. `counters` gives the one in which few tries are left, and another one that
/// is to have all; `email` is whose password is forgotten in which lane, round and call.
async fn forget(
    app: &App,
    most: usize,
    counters: impl Fn(usize, i64) -> (Counter, Option<Counter>),
    email: impl Fn(usize, usize, usize) -> String,
) {
    let tries = Tries::of(app);
    let now = next_hour(app);
    let lane = async |lane: usize| {
        let watch = app.watch().forgetting().from(&source(lane));
        for round in rounds().skip(lane).step_by(LANES) {
            let left = round % (most + 1);
            let (used, unused) = counters(lane, now);
            tries.leave(&used, left).await;
            if let Some(unused) = unused {
                tries.leave(&unused, unused.max as usize).await;
            }
            let answers = at_once(CALLS, |index| {
                let (watch, body) = (watch.clone(), json!({ "email": email(lane, round, index) }));
                async move { watch.post("/v2/watch/auth/forgot-password", body).await }
            })
            .await;
            hold(answers, &[(200, "W0000", left), (429, "W5001", CALLS - left)]);
        }
    };
    stream::iter(0..LANES).for_each_concurrent(LANES, lane).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_mails_for_one_address() {
    let app = App::changed(|document| add_people(document, LANES)).await;
    let counters = |lane, now| {
        let by_source = limits::FORGOT_SOURCE.counter("acme", &source(lane), now);
        (limits::FORGOT_ADDRESS.counter("acme", &address(lane), now), Some(by_source))
    };
    forget(&app, 10, counters, |lane, _, _| address(lane)).await;
    let sent: usize = rounds().map(|round| round % 11).sum();
    // An e-mail that SES did not take in time counts, whether it is there or not.
    let (there, late) = (app.stack.world.outbox().email.len(), app.log_with(MAIL_WAS_LATE).len());
    assert!(there <= sent && sent <= there + late, "{sent} were asked for: {there} there, {late} late");
    app.forget_secrets();
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_mails_from_one_address() {
    let app = App::start().await;
    let counters = |lane, now| (limits::FORGOT_SOURCE.counter("acme", &source(lane), now), None);
    let email = |_, round, index| format!("nobody{round}-{index}@acme.example");
    forget(&app, CALLS, counters, email).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn login_codes_of_one_tv() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    let counters = |now| vec![limits::QR_CODE_DEVICE.counter("acme", "tv", now)];
    exactly(&app, 30, (200, "W0000"), counters, |_, _| {
        let watch = watch.clone();
        async move { watch.try_get_code("tv").await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn login_codes_from_one_address() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    let counters = |now| vec![limits::QR_CODE_SOURCE.counter("acme", "127.0.0.1", now)];
    exactly(&app, CALLS, (200, "W0000"), counters, |_, index| {
        let watch = watch.clone();
        async move { watch.try_get_code(&format!("tv {index}")).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_one_viewer() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    let viewer = format!("{LINK}/{}", LinkedPhone::key("acme", LINK, &Subject::Link).sk);
    let counters = |now| vec![limits::PHONE_VIEWER.counter("acme", &viewer, now)];
    // Two numbers, each asked for by many.
    exactly(&app, 10, (200, "W0000"), counters, |_, index| {
        let watch = watch.clone();
        async move { watch.link_phone(LINK, US.0, US.1 + index as u64 % 2).await }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_from_one_address() {
    let app = App::changed(|document| add_films(document, 0, CALLS)).await;
    let watch = app.watch().forgetting();
    let counters = |now| vec![limits::PHONE_SOURCE.counter("acme", "127.0.0.1", now)];
    exactly(&app, CALLS, (200, "W0000"), counters, |_, index| {
        let watch = watch.clone();
        async move { watch.link_phone(&format!("film-{index}"), US.0, US.1).await }
    })
    .await;
}
