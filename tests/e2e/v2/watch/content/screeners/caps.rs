//! The limits against pumping: each is one atomic budget, and the narrowest that is used up is told to the log.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::limits::{self, Limit};
use tests::{Answer, App, Client};

use super::{LINK, US, add_films, wrong};

/// Seconds.
const DAY: i64 = 24 * 3600;

/// Mobile numbers that nobody has, one for each index.
fn phone(index: u64) -> u64 {
    2_015_550_000 + index
}

/// Sends one message to a number of its own each time, for a screener that it makes the operator add.
struct Pump {
    app: App,
    sent: u64,
}

impl Pump {
    /// With so many screeners that are links.
    async fn new(screeners: usize, change: impl FnOnce(&mut Value)) -> Self {
        let app = App::changed(|document| {
            for enterprise in [0, 1] {
                add_films(document, enterprise, screeners);
            }
            document["enterprises"][1]["settings"]["otp_countries"] = json!(["US"]);
            change(document);
        })
        .await;
        // To the beginning of a day: none of these tests runs across its end.
        app.advance(DAY - app.stack.world.clock.now().rem_euclid(DAY));
        Self { app, sent: 0 }
    }

    /// To the next number, for film `film`.
    async fn send(&mut self, client: &Client, film: u64) -> Answer {
        self.sent += 1;
        let screener = format!("film-{film}");
        client.link_phone(&screener, 1, phone(self.sent)).await.expect(200, "W0000");
        client.request_code(&screener).await
    }

    /// As though this test's address had sent so many messages more.
    async fn add_used(&self, limit: &Limit, times: i64) {
        let key = limit.budget("", "127.0.0.1", self.app.stack.world.clock.now()).key;
        let client = aws_sdk_dynamodb::Client::new(&self.app.operator().aws);
        let update = client.update_item().table_name(&self.app.stack.place.table);
        let update = update.key("pk", AttributeValue::S(key.pk)).key("sk", AttributeValue::S(key.sk));
        let update = update.update_expression("ADD used :times").condition_expression("used = :one");
        let update = update.expression_attribute_values(":times", AttributeValue::N(times.to_string()));
        let update = update.expression_attribute_values(":one", AttributeValue::N("1".into()));
        update.send().await.expect("the first message is there");
    }

    #[track_caller]
    fn expect_cap(&self, answer: Answer, cap: &str) {
        let answer = answer.expect(429, "W5001");
        let line = &self.app.log_of(answer.header("x-request-id"))[0];
        assert_eq!((&line["reason"], &line["detail"]), (&json!("cap"), &json!(cap)), "{line}");
        assert_eq!((&line["event"], &line["outcome"]), (&json!("otp_request"), &json!("limited")));
        if !["sms-attempts", "sms-month"].contains(&cap) {
            // The day (UTC) ends then, less the seconds that have passed since the answer.
            let left = DAY - self.app.stack.world.clock.now().rem_euclid(DAY);
            let told: i64 = answer.header("retry-after").parse().unwrap();
            assert!((left..left + 60).contains(&told), "{told} instead of {left}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_has_twenty_a_day() {
    let mut pump = Pump::new(1, |_| {}).await;
    let watch = pump.app.watch();
    for index in 0..20 {
        pump.send(&watch, 0).await.expect(200, "W0000");
        // Ten numbers an hour may be linked.
        if index % 10 == 9 {
            pump.app.advance(3600);
        }
    }
    let refused = pump.send(&watch, 0).await;
    pump.expect_cap(refused, "sms-viewer");
    assert_eq!(pump.app.stack.world.outbox().sms.len(), 20);
    // Whoever goes on pressing the button costs a read.
    pump.app.forget_usage();
    let again = watch.request_code("film-0").await;
    pump.expect_cap(again, "sms-viewer");
    assert!(pump.app.usage("screener-request").write_units <= 0.0);
    pump.app.advance(DAY);
    pump.send(&watch, 0).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_sns_refuses_are_tried_sixty_times_an_hour() {
    let pump = Pump::new(0, |_| {}).await;
    let watch = pump.app.watch();
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    pump.app.fail("sns", "Publish", "throttle", 1000).await;
    for _ in 0..60 {
        watch.request_code(LINK).await.expect(500, "W5000");
    }
    let refused = watch.request_code(LINK).await;
    pump.expect_cap(refused, "sms-attempts");
    pump.app.anonymous().send("DELETE", "/_local/faults", "").await;
    pump.app.advance(3600);
    watch.request_code(LINK).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_address_has_five_hundred_a_day_whatever_it_says_of_itself() {
    let mut pump = Pump::new(3, |_| {}).await;
    let (watch, orbit) = (pump.app.watch(), pump.app.key("orbit-watch"));
    pump.send(&watch, 0).await.expect(200, "W0000");
    pump.add_used(&limits::SMS_SOURCE, 498).await;
    pump.send(&orbit, 0).await.expect(200, "W0000");
    let refused = pump.send(&watch, 1).await;
    pump.expect_cap(refused, "sms-source");
    let refused = pump.send(&orbit, 1).await;
    pump.expect_cap(refused, "sms-source");
    let path = "/v2/watch/content/screeners/film-1/2fa";
    let forged = watch.get_with(path, ("x-forwarded-for", "198.51.100.7")).await;
    pump.expect_cap(forged, "sms-source");
    pump.send(&watch.clone().from("127.0.0.2"), 2).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screener_an_enterprise_and_the_deployment_have_what_the_settings_say() {
    let mut pump = Pump::new(9, |document| {
        document["enterprises"][0]["settings"]["sms"] = json!({ "screener_daily_max": 2, "daily_max": 4 });
        document["sms"] = json!({ "daily_max": 6 });
    })
    .await;
    let (watch, orbit) = (pump.app.watch(), pump.app.key("orbit-watch"));
    for _ in 0..2 {
        pump.send(&watch, 0).await.expect(200, "W0000");
    }
    let refused = pump.send(&watch, 0).await;
    pump.expect_cap(refused, "sms-screener");
    for film in 1..=2 {
        pump.send(&watch, film).await.expect(200, "W0000");
    }
    let refused = pump.send(&watch, 3).await;
    pump.expect_cap(refused, "sms-enterprise");
    for film in 0..2 {
        pump.send(&orbit, film).await.expect(200, "W0000");
    }
    let refused = pump.send(&orbit, 2).await;
    pump.expect_cap(refused, "sms-deployment");
    assert_eq!(pump.app.stack.world.outbox().sms.len(), 6);
    // What was refused was counted nowhere: the next day has all of it again.
    pump.app.advance(DAY);
    for film in [0, 0, 1, 2] {
        pump.send(&watch, film).await.expect(200, "W0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screeners_messages_are_counted_together_and_its_viewers_apart() {
    let mut pump = Pump::new(1, |document| {
        document["enterprises"][0]["settings"]["sms"] = json!({ "screener_daily_max": 2 });
    })
    .await;
    let (link, user) = (pump.app.watch(), pump.app.ana_client().await);
    pump.send(&link, 0).await.expect(200, "W0000");
    pump.send(&user, 0).await.expect(200, "W0000");
    for client in [link, user] {
        let refused = pump.send(&client, 0).await;
        pump.expect_cap(refused, "sms-screener");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_nothing_send_nothing() {
    for (limit, cap) in [("daily_max", "sms-enterprise"), ("screener_daily_max", "sms-screener")] {
        let mut pump = Pump::new(1, |document| {
            document["enterprises"][0]["settings"]["sms"] = json!({ limit: 0 });
        })
        .await;
        let watch = pump.app.watch();
        let refused = pump.send(&watch, 0).await;
        pump.expect_cap(refused, cap);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployment_spends_no_more_in_a_month_than_it_may() {
    let mut pump = Pump::new(9, |document| {
        document["enterprises"][0]["name"] = json!("映画館");
        document["sms"] = json!({ "monthly_usd": 1.0, "price_usd": 9.0, "prices_usd": { "US": 0.3 } });
    })
    .await;
    let (watch, orbit) = (pump.app.watch(), pump.app.key("orbit-watch"));
    // Two parts each, at 0.3: the second one has room beside the first for one of a single part at most.
    pump.send(&watch, 0).await.expect(200, "W0000");
    assert_eq!(pump.app.stack.world.outbox().sms[0].attributes["AWS.SNS.SMS.MaxPrice"], "0.600000");
    let refused = pump.send(&watch, 1).await;
    pump.expect_cap(refused, "sms-month");
    pump.send(&orbit, 0).await.expect(200, "W0000");
    let refused = pump.send(&orbit, 1).await;
    pump.expect_cap(refused, "sms-month");
    // What could never be paid for is refused before anything is written.
    pump.app.watch().link_phone(LINK, 44, 7_400_123_456).await.expect(200, "W0000");
    pump.app.forget_usage();
    let refused = pump.app.watch().request_code(LINK).await;
    pump.expect_cap(refused, "sms-month");
    assert!(pump.app.usage("screener-request").write_units <= 0.0);
    let retry_after: i64 = {
        let refused = pump.send(&orbit, 1).await;
        refused.header("retry-after").parse().unwrap()
    };
    pump.app.advance(retry_after - 60);
    let refused = pump.send(&orbit, 1).await;
    pump.expect_cap(refused, "sms-month");
    pump.app.advance(60);
    pump.send(&orbit, 1).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceiling_of_nothing_sends_nothing() {
    let mut pump = Pump::new(1, |document| document["sms"] = json!({ "monthly_usd": 0 })).await;
    let watch = pump.app.watch();
    let refused = pump.send(&watch, 0).await;
    pump.expect_cap(refused, "sms-month");
    assert!(pump.app.stack.world.outbox().sms.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_and_wrong_tries_are_no_caps() {
    let app = App::start().await;
    let watch = app.watch();
    let code = super::link_and_request(&app, &watch, LINK, US).await;
    let early = watch.request_code(LINK).await.expect(429, "W5001");
    for nth in 1..=5 {
        watch.verify_code(LINK, &wrong(&code, nth)).await.expect(401, "W2002");
    }
    app.advance(30);
    let locked = watch.request_code(LINK).await.expect(429, "W5001");
    for answer in [early, locked] {
        assert!(app.log_of(answer.header("x-request-id"))[0]["reason"].is_null());
    }
}
