//! `POST /v2/watch/content/screeners/{screener_key}/2fa`.

use serde_json::{Value, json};
use tests::App;

use crate::common::bad_bodies;

use super::{GB, JE, LINK, US, US_TOO, expect_wait, link_and_request};

const PATH: &str = "/v2/watch/content/screeners/link/2fa";

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_linked_and_nothing_is_sent_or_shown() {
    let app = App::start().await;
    let answer = app.watch().link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    assert_eq!(answer.body, json!({ "status_code": "W0000", "detail": "Success" }));
    app.watch().link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    assert!(app.stack.world.outbox().sms.is_empty());
    let table = app.table_text().await;
    assert!(table.contains(US.2), "in E.164");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mobile_number_of_an_allowed_country_is_4900_and_changes_nothing() {
    let app = App::start().await;
    app.forget_usage();
    let number = |phone: Value, country_code: Value| json!({ "phone": phone, "country_code": country_code });
    let good = json!(2_025_550_143_u64);
    for (body, field) in [
        (json!({ "country_code": 1 }), "phone"),
        (json!({ "phone": good }), "country_code"),
        (number(json!("2025550143"), json!(1)), "phone"),
        (number(good.clone(), json!("1")), "country_code"),
        (number(good.clone(), json!("+1")), "country_code"),
        (number(json!(2_025_550_143.0), json!(1)), "phone"),
        (number(json!(2_025_550_143.5), json!(1)), "phone"),
        (number(good.clone(), json!(1.0)), "country_code"),
        (number(json!(-2_025_550_143_i64), json!(1)), "phone"),
        (number(good.clone(), json!(-1)), "country_code"),
        (number(json!(0), json!(1)), "phone"),
        (number(good.clone(), json!(0)), "country_code"),
        (number(good.clone(), json!(1000)), "country_code"),
        (number(Value::Null, json!(1)), "phone"),
        (number(json!(true), json!(1)), "phone"),
        (number(json!([2_025_550_143_u64]), json!(1)), "phone"),
        (number(json!(u64::MAX), json!(1)), "phone"),
        // Not a country's; too short; a landline, a freephone and a premium number; one that is not given out.
        (number(good.clone(), json!(999)), "country_code"),
        (number(json!(12_345), json!(1)), "phone"),
        (number(json!(2_079_460_000), json!(44)), "phone"),
        (number(json!(8_005_551_234_u64), json!(1)), "phone"),
        (number(json!(9_005_550_123_u64), json!(1)), "phone"),
        (number(json!(7_700_900_123_u64), json!(44)), "phone"),
        // Real mobile numbers elsewhere; Jersey has the country code of a country that is on the list.
        (number(json!(612_345_678), json!(33)), "country_code"),
        (number(json!(JE.1), json!(JE.0)), "country_code"),
    ] {
        app.watch().post(PATH, body).await.expect_invalid(field);
    }
    let digits = "9".repeat(40);
    for body in [
        format!(r#"{{"phone":{digits},"country_code":1}}"#),
        format!(r#"{{"phone":-{digits},"country_code":1}}"#),
        r#"{"phone":2.025550143e9,"country_code":1}"#.to_owned(),
    ] {
        app.watch().send("POST", PATH, body).await.expect_invalid("phone");
    }
    let body = format!(r#"{{"phone":2025550143,"country_code":{digits}}}"#);
    app.watch().send("POST", PATH, body).await.expect_invalid("country_code");
    for body in bad_bodies() {
        app.watch().send("POST", PATH, body).await.expect(400, "W4900");
    }
    let usage = app.usage("screener-register");
    assert!(usage.invocations > 20 && usage.write_units <= 0.0, "{usage:?}");
    assert!(app.stack.world.outbox().sms.is_empty());
    app.watch().request_code(LINK).await.expect_invalid("phone");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_country_is_allowed_before_an_operator_says_so() {
    let app = App::changed(|document| document["enterprises"][0]["settings"] = json!({})).await;
    for phone in [US, GB] {
        app.watch().link_phone(LINK, phone.0, phone.1).await.expect_invalid("country_code");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_can_be_replaced_until_it_is_verified_and_its_code_goes_with_it() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    watch.link_phone(LINK, GB.0, GB.1).await.expect(200, "W0000");
    watch.verify_code(LINK, &code).await.expect(401, "W2002");
    // The new number is another one, and need not wait.
    watch.request_code(LINK).await.expect(200, "W0000");
    watch.verify_code(LINK, &app.sms_code(GB.2)).await.expect(200, "W0000");
    assert_eq!(app.sms_to(US.2).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_number_again_leaves_its_code_alone() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    watch.request_code(LINK).await.expect(429, "W5001");
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_number_stays() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
    let refused = watch.link_phone(LINK, GB.0, GB.1).await.expect(403, "W2101");
    assert!(!refused.text.contains("143"), "{}", refused.text);
    assert_eq!(app.log_of(refused.header("x-request-id"))[0]["reason"], "another_phone_verified");
    app.key("acme-tv").link_phone(LINK, GB.0, GB.1).await.expect(403, "W2101");
    // The number itself may be linked again, and goes on.
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    app.advance(30);
    watch.request_code(LINK).await.expect(200, "W0000");
    assert_eq!(app.sms_to(US.2).len(), 2);
    // Another screener, and a user of the same one, are something else.
    watch.link_phone("link-2", GB.0, GB.1).await.expect(200, "W0000");
    app.ana_client().await.link_phone(LINK, GB.0, GB.1).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_numbers_an_hour_are_looked_at_so_that_nobody_finds_the_linked_one() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
    for _ in 0..9 {
        watch.link_phone(LINK, US_TOO.0, US_TOO.1).await.expect(403, "W2101");
    }
    // The hour is the clock's, whose beginning every test begins at.
    let now = app.stack.world.clock.now();
    let hour = now - now.rem_euclid(3600);
    expect_wait(&app, [hour, hour], 3600, watch.link_phone(LINK, US.0, US.1)).await;
    // What is wrong is not counted, and told all the same.
    watch.link_phone(LINK, 1, 1).await.expect_invalid("phone");
    app.advance(3600);
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
}
