//! What happens when SNS or the table fails: no code that works was not sent or counted, and what was not sent is
//! given back.

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::json;
use tests::App;

use super::{GB, LINK, US, ended_code_of_the_hour_before, expect_wait, link_and_request, timed, wrong};

/// With one message a day for the enterprise, so that one that is not given back is missed.
async fn app_with_one_message() -> App {
    App::changed(|document| {
        document["enterprises"][0]["settings"]["sms"] = json!({ "daily_max": 1 });
        document["sms"] = json!({ "daily_max": 1, "monthly_usd": 0.1, "price_usd": 0.1 });
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sns_refuses_for_a_moment_is_sent_once() {
    let app = app_with_one_message().await;
    let watch = app.watch();
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    app.fail("sns", "Publish", "throttle", 1).await;
    app.fail("sns", "Publish", "server_error", 1).await;
    watch.request_code(LINK).await.expect(200, "W0000");
    assert_eq!(app.sms_to(US.2).len(), 1);
    watch.verify_code(LINK, &app.sms_code(US.2)).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_send_gives_everything_back() {
    for error in ["throttle", "server_error"] {
        let app = app_with_one_message().await;
        let watch = app.watch();
        watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
        for _ in 0..7 {
            app.fail("sns", "Publish", error, 3).await;
            let failed = watch.request_code(LINK).await.expect(500, "W5000");
            assert_eq!(failed.body["detail"], "Server error");
            assert!(used(&app).await.iter().all(|used| used == "0"), "{error}");
        }
        assert!(app.sms_to(US.2).is_empty());
        // Cool-down, the five of the hour, and all caps are as before.
        watch.request_code(LINK).await.expect(200, "W0000");
        watch.verify_code(LINK, &app.sms_code(US.2)).await.expect(200, "W0000");
    }
}

/// What is used up of each budget in the table, but for the attempts, which are kept.
async fn used(app: &App) -> Vec<String> {
    let client = aws_sdk_dynamodb::Client::new(&app.operator().aws);
    let items = client.scan().table_name(&app.stack.place.table).send().await.unwrap();
    let budgets = items
        .items()
        .iter()
        .filter(|item| item.contains_key("used") && !item["pk"].as_s().unwrap().contains("#sms-attempts#"));
    let used: Vec<_> = budgets.map(|budget| budget["used"].as_n().unwrap().clone()).collect();
    assert_eq!(used.len(), 6, "viewer, source, screener, enterprise, deployment and money");
    used
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_number_is_replaced_while_sns_refuses_all_is_given_back_too() {
    for _ in 0..4 {
        let app = app_with_one_message().await;
        let watch = app.watch();
        watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
        app.fail("sns", "Publish", "throttle", 3).await;
        tokio::join!(watch.request_code(LINK), watch.link_phone(LINK, GB.0, GB.1));
        app.anonymous().send("DELETE", "/_local/faults", "").await;
        watch.link_phone(LINK, GB.0, GB.1).await.expect(200, "W0000");
        watch.request_code(LINK).await.expect(200, "W0000");
        watch.verify_code(LINK, &app.sms_code(GB.2)).await.expect(200, "W0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_send_the_code_of_before_works() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    app.advance(30);
    app.fail("sns", "Publish", "server_error", 3).await;
    watch.request_code(LINK).await.expect(500, "W5000");
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_may_have_been_sent_counts_and_its_code_works() {
    for error in ["lost_response", "timeout"] {
        let app = app_with_one_message().await;
        let watch = app.watch();
        watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
        app.fail("sns", "Publish", error, 1).await;
        let (answer, asked) = timed(&app, watch.request_code(LINK)).await;
        answer.expect(500, "W5000");
        // SNS would send it a second time, so it is not asked a second time.
        let sent = app.sms_to(US.2).len();
        assert_eq!(
            (app.usage("screener-request").calls["sns.Publish"], sent),
            (1, usize::from(error == "lost_response"))
        );
        expect_wait(&app, asked, 30, watch.request_code(LINK)).await;
        if sent == 1 {
            watch.verify_code(LINK, &app.sms_code(US.2)).await.expect(200, "W0000");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_table_fails_nothing_is_sent_and_nothing_opens() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    app.advance(30);
    for error in ["server_error", "throttle", "timeout"] {
        for operation in ["BatchGetItem", "TransactWriteItems", "UpdateItem"] {
            app.fail("dynamodb", operation, error, 1000).await;
            let mut calls = Vec::new();
            if operation != "UpdateItem" {
                calls.push(watch.link_phone("link-2", US.0, US.1).boxed());
                calls.push(watch.request_code(LINK).boxed());
            }
            if operation != "TransactWriteItems" {
                calls.push(watch.verify_code(LINK, &code).boxed());
            }
            for answer in join_all(calls).await {
                answer.expect(500, "W5000");
            }
            app.anonymous().send("DELETE", "/_local/faults", "").await;
        }
    }
    assert_eq!(app.sms_to(US.2).len(), 1);
    watch.request_code("link-2").await.expect_invalid("phone");
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_the_table_changes_nothing_for_the_client() {
    let app = app_with_one_message().await;
    let watch = app.watch();
    for operation in ["BatchGetItem", "TransactWriteItems", "UpdateItem"] {
        app.fail("dynamodb", operation, "lost_response", 1).await;
        watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    }
    app.fail("dynamodb", "TransactWriteItems", "lost_response", 1).await;
    watch.request_code(LINK).await.expect(200, "W0000");
    assert_eq!(app.sms_to(US.2).len(), 1);
    let code = app.sms_code(US.2);
    for nth in 1..=4 {
        app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
        watch.verify_code(LINK, &wrong(&code, nth)).await.expect(401, "W2002");
    }
    app.fail("dynamodb", "UpdateItem", "lost_response", 1).await;
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
    watch.verify_code(LINK, &code).await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_written_without_an_answer_is_given_back_and_nothing_is_sent() {
    let app = app_with_one_message().await;
    let watch = app.watch();
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    for error in ["lost_response", "server_error"] {
        app.fail("dynamodb", "TransactWriteItems", error, 3).await;
        watch.request_code(LINK).await.expect(500, "W5000");
    }
    assert!(app.sms_to(US.2).is_empty());
    watch.request_code(LINK).await.expect(200, "W0000");
    watch.verify_code(LINK, &app.sms_code(US.2)).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_ended_does_not_come_back_with_a_message_that_was_not_sent() {
    let app = App::start().await;
    let watch = app.watch();
    let code = ended_code_of_the_hour_before(&app, &watch).await;
    app.fail("sns", "Publish", "server_error", 3).await;
    watch.request_code(LINK).await.expect(500, "W5000");
    watch.verify_code(LINK, &code).await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_spent_once_though_a_newer_one_comes_to_nothing_meanwhile() {
    for _ in 0..8 {
        let app = App::start().await;
        let watch = app.watch();
        let code = link_and_request(&app, &watch, LINK, US).await;
        app.advance(30);
        app.fail("sns", "Publish", "server_error", 3).await;
        let (_, verified) = tokio::join!(watch.request_code(LINK), watch.verify_code(LINK, &code));
        app.anonymous().send("DELETE", "/_local/faults", "").await;
        let again = watch.verify_code(LINK, &code).await;
        let times = [verified, again].iter().filter(|answer| answer.status == 200).count();
        assert_eq!(times, 1, "once, and before or after the other request");
    }
}
