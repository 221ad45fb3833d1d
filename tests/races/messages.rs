//! Text messages, which are paid for.

use serde_json::json;
use shared::limits::{self, Budget};
use shared::store::phone::{LinkedPhone, Subject};
use shared::store::sms_ceiling::SmsCeiling;
use shared::store::{Store, parse};
use tests::costs::{LINK, US, add_films, link_and_request};
use tests::tries::Tries;
use tests::{Answer, App, Client, at_once, count};

use crate::{CALLS, all, hold, next_day, rounds};

/// A screener that asks for a login.
const LOGIN: &str = "login";
/// Of one screener, each of whom asks for several messages at once.
const VIEWERS: usize = 8;

/// By which the viewer with the link is counted.
fn viewer() -> String {
    format!("{LINK}/{}", LinkedPhone::key("acme", LINK, &Subject::Link).sk)
}

/// Everybody asks for a code of the link.
async fn request(watch: &Client) -> Vec<Answer> {
    at_once(CALLS, |_| {
        let watch = watch.clone();
        async move { watch.request_code(LINK).await }
    })
    .await
}

/// A stack with a film for each call, linked to the number that `number` gives.
async fn with_films(number: impl Fn(u64) -> u64) -> (App, Client) {
    let app = App::changed(|document| add_films(document, 0, CALLS)).await;
    let watch = app.watch().forgetting();
    for index in 0..CALLS {
        let linked = watch.link_phone(&format!("film-{index}"), US.0, number(index as u64)).await;
        linked.expect(200, "W0000");
    }
    (app, watch)
}

/// A code for each film.
async fn request_films(watch: &Client) -> Vec<Answer> {
    at_once(CALLS, |index| {
        let watch = watch.clone();
        async move { watch.request_code(&format!("film-{index}")).await }
    })
    .await
}

/// How many messages went out since this was asked last.
fn take_sent(app: &App) -> usize {
    std::mem::take(&mut app.stack.world.outbox().sms).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_once_and_its_code_opens_once() {
    let app = App::start().await;
    let watch = app.watch().forgetting();
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    let path = format!("/v2/watch/content/screeners/{LINK}/2fa/verify");
    for _ in rounds() {
        next_day(&app);
        hold(request(&watch).await, &[(200, "W0000", 1), (429, "W5001", CALLS - 1)]);
        let code = app.sms_code(US.2);
        assert_eq!(take_sent(&app), 1);
        let answers = all(&watch, &path, json!({ "otp": code })).await;
        hold(answers, &[(200, "W0000", 1), (401, "W2002", CALLS - 1)]);
    }
    app.forget_secrets();
}

/// Some type the code that was sent, others link one of two other numbers, and others ask for a new code.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_opens_for_no_number_but_its_own() {
    let app = App::start().await;
    let (watch, store) = (app.watch().forgetting(), Store::new(&app.operator()));
    let key = LinkedPhone::key("acme", LINK, &Subject::Link);
    for _ in rounds() {
        next_day(&app);
        store.reset_phone(&key).await.unwrap();
        let code = link_and_request(&app, &watch, LINK, US).await;
        take_sent(&app);
        app.advance(limits::SMS_PAUSE);
        let (mut tried, mut asked, mut linked) = (Vec::new(), Vec::new(), Vec::new());
        // A viewer may link ten numbers an hour.
        let answers = at_once(CALLS, |index| {
            let (watch, code) = (watch.clone(), code.clone());
            async move {
                match index % 4 {
                    0 => watch.link_phone(LINK, US.0, US.1 + 1 + index as u64 / 4 % 2).await,
                    1 => watch.request_code(LINK).await,
                    _ => watch.verify_code(LINK, &code).await,
                }
            }
        })
        .await;
        for (index, answer) in answers.into_iter().enumerate() {
            match index % 4 {
                0 => linked.push(answer),
                1 => asked.push(answer),
                _ => tried.push(answer),
            }
        }
        let messages = std::mem::take(&mut app.stack.world.outbox().sms);
        let sent = messages.iter().map(|sms| (sms.to.as_str(), sms.body.rsplit('#').next().unwrap()));
        let sent: Vec<_> = sent.collect();
        // Chance can make the same code for another number.
        if sent.iter().any(|(_, new)| *new == code) {
            continue;
        }
        assert_eq!(count(&asked, "W0000"), sent.len());
        let (asking, trying, linking) = (asked.len(), tried.len(), linked.len());
        hold(asked, &[(200, "W0000", sent.len()), (429, "W5001", asking - sent.len())]);
        let opened = count(&tried, "W0000");
        assert!(opened <= 1);
        hold(tried, &[(200, "W0000", opened), (401, "W2002", trying - opened)]);
        // Whoever opened it has verified their number, which stays; else it is gone, and with it its code.
        let row = if opened == 1 { (403, "W2101", linking) } else { (200, "W0000", linking) };
        hold(linked, &[row]);
        let [phone] = store.read([&key]).await.unwrap();
        let phone: LinkedPhone = parse(phone).unwrap().unwrap();
        let is_first = phone.number == US.2.into();
        assert_eq!((is_first, phone.is_verified()), (opened == 1, opened == 1));
        watch.verify_code(LINK, &code).await.expect(401, "W2002");
        for (to, code) in sent {
            let answer = watch.verify_code(LINK, code).await;
            if phone.number != to.into() {
                answer.expect(401, "W2002");
            }
        }
    }
    app.forget_secrets();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_number_has_its_pause_and_five_an_hour() {
    let (app, watch) = with_films(|_| US.1).await;
    for round in rounds() {
        if round % 6 == 0 {
            next_day(&app);
        } else {
            app.advance(limits::SMS_PAUSE);
        }
        let sent = usize::from(round % 6 < 5);
        let answers = request_films(&watch).await;
        hold(answers, &[(200, "W0000", sent), (429, "W5001", CALLS - sent)]);
        assert_eq!(take_sent(&app), sent);
    }
}

/// SNS refuses each message, which is given back, but not the attempt.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_one_viewer() {
    let app = App::start().await;
    let (tries, watch) = (Tries::of(&app), app.watch().forgetting());
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    app.fail("sns", "Publish", "throttle", u32::MAX).await;
    for round in rounds() {
        let (left, now) = (round % 4, next_day(&app));
        tries.leave_shares(&limits::SMS_ATTEMPTS.budget("acme", &viewer(), now), left).await;
        let answers = request(&watch).await;
        // One message is under way at a time; those who ask meanwhile are refused.
        let attempts = count(&answers, "W5000");
        assert!((left.min(1)..=left).contains(&attempts), "{attempts} of {left}");
        hold(answers, &[(500, "W5000", attempts), (429, "W5001", CALLS - attempts)]);
        for _ in attempts..left {
            watch.request_code(LINK).await.expect(500, "W5000");
        }
        watch.request_code(LINK).await.expect(429, "W5001");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_viewer() {
    let app = App::start().await;
    let (tries, watch) = (Tries::of(&app), app.watch().forgetting());
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    for round in rounds() {
        // A viewer gets one at a time: here the day's last one, and then none.
        let left = 1 - round % 2;
        if left == 1 {
            let now = next_day(&app);
            tries.leave_shares(&limits::SMS_VIEWER.budget("acme", &viewer(), now), left).await;
        } else {
            app.advance(limits::SMS_PAUSE);
        }
        hold(request(&watch).await, &[(200, "W0000", left), (429, "W5001", CALLS - left)]);
        assert_eq!(take_sent(&app), left);
    }
}

/// Rounds of a message for each film, to a number of its own, with few shares of a budget left.
async fn exactly(budget: impl Fn(i64) -> Budget) {
    let (app, watch) = with_films(|index| US.1 + index).await;
    let tries = Tries::of(&app);
    for round in rounds() {
        let (left, now) = (round % (CALLS + 1), next_day(&app));
        tries.leave_shares(&budget(now), left).await;
        let answers = request_films(&watch).await;
        hold(answers, &[(200, "W0000", left), (429, "W5001", CALLS - left)]);
        assert_eq!(take_sent(&app), left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_from_one_address() {
    exactly(|now| limits::SMS_SOURCE.budget("", "127.0.0.1", now)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_an_enterprise() {
    exactly(|now| limits::SMS_ENTERPRISE.budget("acme", "", now)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_the_deployment() {
    exactly(|now| limits::SMS_DEPLOYMENT.budget("", "", now)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_of_the_deployment() {
    let ceiling = SmsCeiling::default();
    let price = ceiling.price("US", 1);
    exactly(|now| limits::month_of_money(price, ceiling.monthly, now)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_for_one_screener() {
    // Each viewer has a PIN: signing in by it costs little.
    let pin = |viewer: usize| format!("VIEW-ER0{viewer}");
    let app = App::changed(|document| {
        let pins = document["enterprises"][0]["pins"].as_array_mut().unwrap();
        pins.extend((0..VIEWERS).map(|viewer| json!({ "pin": pin(viewer) })));
    })
    .await;
    let (tries, watch) = (Tries::of(&app), app.watch().forgetting());
    for round in rounds() {
        let (left, now) = (round % (VIEWERS + 1), next_day(&app));
        // A token lasts a quarter of an hour.
        let mut viewers = Vec::new();
        for viewer in 0..VIEWERS {
            let tokens = watch.login_by_pin(&pin(viewer)).await.tokens();
            let client = app.authorized(&tokens.token).forgetting();
            client.link_phone(LOGIN, US.0, US.1 + viewer as u64).await.expect(200, "W0000");
            viewers.push(client);
        }
        tries.leave_shares(&limits::SMS_SCREENER.budget("acme", LOGIN, now), left).await;
        let answers = at_once(CALLS, |index| {
            let client = viewers[index % VIEWERS].clone();
            async move { client.request_code(LOGIN).await }
        })
        .await;
        hold(answers, &[(200, "W0000", left), (429, "W5001", CALLS - left)]);
        assert_eq!(take_sent(&app), left);
    }
}
