//! `GET /v2/watch/content/screeners/{screener_key}/2fa`.

use serde_json::json;
use shared::crypto::sha256_hex;
use tests::App;

use super::{GB, LINK, US, expect_wait, link_and_request, timed, wrong};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_goes_to_the_linked_number_with_brand_minutes_and_a_line_for_the_phone() {
    let app = App::changed(|document| {
        document["enterprises"][0]["domains"] = json!(["acme.localhost", "films.acme.localhost"]);
        document["sms"] = json!({ "prices_usd": { "US": 0.0125 } });
    })
    .await;
    let watch = app.watch();
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    let answer = watch.request_code(LINK).await.expect(200, "W0000");
    assert_eq!(answer.body, json!({ "status_code": "W0000", "detail": "Success" }));
    let sms = app.sms_to(US.2).pop().unwrap();
    let code = app.sms_code(US.2);
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    assert_eq!(
        sms.body,
        format!(
            "{code} is your code for Acme & Daughters. It works for 5 minutes. Tell it to nobody.\n\n\
             @acme.localhost #{code}"
        )
    );
    let attributes: Vec<_> = sms.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
    let wanted = [("AWS.SNS.SMS.MaxPrice", "0.012500"), ("AWS.SNS.SMS.SMSType", "Transactional")];
    assert_eq!(attributes, wanted);
    assert!(!answer.text.contains(&code));
    let table = app.table_text().await;
    assert!(!table.contains(&format!("\"{code}\"")), "at rest there is a hash");
    assert!(!table.contains(&sha256_hex(code.as_bytes())), "and not one that anybody can try out");
}

#[tokio::test(flavor = "multi_thread")]
async fn sender_domain_and_price_are_the_settings() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"]["sms"] = json!({
            "sender_id": "ACME", "origination_number": "+12025550100", "domain": "watch.acme.example",
        });
        document["sms"] = json!({ "price_usd": 0.25, "prices_usd": { "GB": 0.05 } });
    })
    .await;
    link_and_request(&app, &app.watch(), LINK, US).await;
    let sms = app.sms_to(US.2).pop().unwrap();
    assert!(sms.body.contains("\n@watch.acme.example #"), "{}", sms.body);
    for (name, value) in [
        ("AWS.SNS.SMS.SenderID", "ACME"),
        ("AWS.MM.SMS.OriginationNumber", "+12025550100"),
        ("AWS.SNS.SMS.MaxPrice", "0.250000"),
    ] {
        assert_eq!(sms.attributes[name], value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_domain_is_the_apis_where_the_enterprise_has_none() {
    let app = App::changed(|document| document["enterprises"][0]["domains"] = json!([])).await;
    link_and_request(&app, &app.watch(), LINK, US).await;
    let sms = app.sms_to(US.2).pop().unwrap();
    assert!(sms.body.contains("\n@127.0.0.1 #"), "{}", sms.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_number_and_when_its_country_left_the_list_it_is_4900_and_nothing_is_sent() {
    let app = App::start().await;
    app.watch().request_code(LINK).await.expect_invalid("phone");
    app.watch().link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    app.apply(|document| document["enterprises"][0]["settings"]["otp_countries"] = json!(["GB"])).await;
    app.forget_usage();
    app.watch().request_code(LINK).await.expect_invalid("phone");
    assert!(app.stack.world.outbox().sms.is_empty());
    let usage = app.usage("screener-request");
    assert!(usage.invocations == 1 && usage.write_units <= 0.0, "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_message_in_thirty_seconds_and_the_answer_says_how_long_to_wait() {
    let app = App::start().await;
    let watch = app.watch();
    let (first, sent) = timed(&app, link_and_request(&app, &watch, LINK, US)).await;
    expect_wait(&app, sent, 30, watch.request_code(LINK)).await;
    app.advance(5);
    expect_wait(&app, sent, 30, watch.request_code(LINK)).await;
    assert_eq!(app.sms_to(US.2).len(), 1);
    app.advance(25);
    watch.request_code(LINK).await.expect(200, "W0000");
    let second = app.sms_code(US.2);
    if first != second {
        watch.verify_code(LINK, &first).await.expect(401, "W2002");
    }
    watch.verify_code(LINK, &second).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_waits_and_has_five_an_hour_across_screeners_people_and_enterprises() {
    let app = App::changed(|document| {
        document["enterprises"][1]["settings"]["otp_countries"] = json!(["US"]);
    })
    .await;
    // Any hour: this one begins before a clock's does.
    app.advance(3600 - 60);
    let (watch, ana, orbit) = (app.watch(), app.ana_client().await, app.key("orbit-watch"));
    let viewers = [(&watch, LINK), (&watch, "link-2"), (&ana, "login"), (&ana, LINK), (&orbit, "orbits-own")];
    for (client, screener) in viewers {
        client.link_phone(screener, US.0, US.1).await.expect(200, "W0000");
    }
    let mut first = None;
    for (index, (client, screener)) in viewers.into_iter().enumerate() {
        let (answer, sent) = timed(&app, client.request_code(screener)).await;
        answer.expect(200, "W0000");
        let first = *first.get_or_insert(sent);
        let (next, other) = viewers[(index + 1) % 5];
        let (began, seconds) = if index < 4 { (sent, 30) } else { (first, 3600) };
        expect_wait(&app, began, seconds, next.request_code(other)).await;
        app.advance(30);
    }
    let sixth = expect_wait(&app, first.unwrap(), 3600, watch.request_code(LINK)).await;
    assert_eq!(app.log_of(sixth.header("x-request-id"))[0]["detail"], "sms-number");
    assert_eq!(app.sms_to(US.2).len(), 5);
    // Another number has its own.
    watch.link_phone(LINK, GB.0, GB.1).await.expect(200, "W0000");
    watch.request_code(LINK).await.expect(200, "W0000");
    app.advance(3600 - 5 * 30);
    orbit.request_code("orbits-own").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_used_up_the_tries_of_the_hour_is_sent_nothing_until_it_is_over() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    let (answer, began) = timed(&app, watch.verify_code(LINK, &wrong(&code, 1))).await;
    answer.expect(401, "W2002");
    for nth in 2..=5 {
        watch.verify_code(LINK, &wrong(&code, nth)).await.expect(401, "W2002");
    }
    app.advance(30);
    expect_wait(&app, began, 3600, watch.request_code(LINK)).await;
    app.advance(3600 - 90);
    watch.request_code(LINK).await.expect(429, "W5001");
    assert_eq!(app.sms_to(US.2).len(), 1);
    app.advance(60);
    watch.request_code(LINK).await.expect(200, "W0000");
    watch.verify_code(LINK, &app.sms_code(US.2)).await.expect(200, "W0000");
}
