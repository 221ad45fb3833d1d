//! `POST /v2/watch/auth/forgot-password`

use serde_json::json;
use tests::{App, Client};

const FORGOT: &str = "/v2/watch/auth/forgot-password";

async fn forgot(client: &Client, email: &str) -> tests::Answer {
    client.post(FORGOT, json!({ "email": email })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_address_gets_a_link_and_an_unknown_one_the_same_answer() {
    let app = App::start().await;
    let mut answers = Vec::new();
    for email in ["ANA@acme.example", "nobody@acme.example", "dora@acme.example"] {
        app.forget_usage();
        let answer = forgot(&app.watch(), email).await.expect(200, "W0000");
        answers.push((
            answer.text,
            app.dynamodb_calls("watch-forgot-password"),
            app.usage("watch-forgot-password").write_units,
        ));
    }
    assert_eq!(answers[0].0, json!({ "status_code": "W0000", "message": "" }).to_string());
    assert_eq!((&answers[0].0, &answers[0].1, answers[0].2), (&answers[1].0, &answers[1].1, answers[1].2));
    assert_eq!((&answers[0].0, &answers[0].1, answers[0].2), (&answers[2].0, &answers[2].1, answers[2].2));

    let outbox = app.stack.world.outbox().clone();
    assert_eq!(outbox.email.len(), 1);
    let email = &outbox.email[0];
    assert_eq!(email.to, "Ana@acme.example");
    assert_eq!(email.from, "\"Acme & Daughters\" <no-reply@usher.localhost>");
    let link = format!("{}/reset/{}", app.stack.place.url, app.reset_code("Ana@acme.example"));
    assert!(email.text.contains(&link) && email.html.contains(&link));
    assert!(email.html.contains("Acme &amp; Daughters") && email.text.contains("Acme & Daughters"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_a_ulid_and_stands_in_no_table() {
    let app = App::start().await;
    forgot(&app.watch(), "ana@acme.example").await.expect(200, "W0000");
    let code = app.reset_code("Ana@acme.example");
    assert!(ulid::Ulid::from_string(&code).is_ok());
    assert!(!app.table_text().await.contains(&code));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_brands_its_e_mails() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"] = json!({ "mail": {
            "name": "Acme <Screenings>",
            "from": "screenings@acme.example",
            "reset_page": "https://watch.acme.example/reset"
        } });
    })
    .await;
    forgot(&app.watch(), "ana@acme.example").await.expect(200, "W0000");
    let email = app.last_email("Ana@acme.example").unwrap();
    assert_eq!(email.from, "\"Acme <Screenings>\" <screenings@acme.example>");
    assert!(email.text.contains("https://watch.acme.example/reset/"));
    assert!(email.html.contains("Acme &lt;Screenings&gt;") && !email.html.contains("<Screenings>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_an_hour_for_one_address_whoever_asks_and_whether_or_not_it_is_known() {
    let app = App::start().await;
    for email in ["ana@acme.example", "nobody@acme.example"] {
        let answers = tests::at_once(12, |index| {
            let client = app.watch().from(&format!("127.0.0.{}", 10 + index));
            async move { forgot(&client, email).await }
        })
        .await;
        assert_eq!((tests::count(&answers, "W0000"), tests::count(&answers, "W5001")), (10, 2));
    }
    assert_eq!(app.stack.world.outbox().email.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_whose_delivery_was_not_confirmed() {
    let app = App::start().await;
    app.fail("ses", "SendEmail", "lost_response", 3).await;
    forgot(&app.watch(), "ana@acme.example").await.expect(200, "W0000");
    let body =
        json!({ "reset_code": app.reset_code("Ana@acme.example"), "new_password": "seven reels of film" });
    app.watch().post("/v2/watch/auth/reset-password", body).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_waits_for_its_time_whether_or_not_the_address_is_known() {
    let app = App::start().await;
    for email in ["ana@acme.example", "nobody@acme.example"] {
        let answer = forgot(&app.watch(), email).await.expect(200, "W0000");
        let line = &app.log_of(answer.header("x-request-id"))[0];
        assert!(line["milliseconds"].as_u64().is_some_and(|milliseconds| milliseconds >= 2000), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_e_mail_service_that_hangs_changes_no_answer() {
    let app = App::start().await;
    app.fail("ses", "SendEmail", "timeout", 3).await;
    for email in ["ana@acme.example", "nobody@acme.example"] {
        forgot(&app.watch(), email).await.expect(200, "W0000");
    }
    assert!(app.stack.world.outbox().email.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_without_passwords_is_2101() {
    let app = App::start().await;
    forgot(&app.key("orbit-watch"), "ana@acme.example").await.expect(403, "W2101");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_e_mail_that_ses_refuses_tells_nobody_whether_there_is_such_an_address() {
    let app = App::start().await;
    app.fail("ses", "SendEmail", "server_error", 3 * 20).await;
    let watch = app.watch();
    for address in ["ana@acme.example", "nobody@acme.example"] {
        let answers = tests::at_once(10, |_| {
            let watch = watch.clone();
            async move { forgot(&watch, address).await }
        })
        .await;
        assert_eq!(tests::count(&answers, "W0000"), 10);
        // Known or not, each of them has counted.
        forgot(&watch, address).await.expect(429, "W5001");
    }
    app.anonymous().send("DELETE", "/_local/faults", "").await;
    assert!(app.stack.world.outbox().email.is_empty());
    app.advance(60 * 60);
    forgot(&watch, "ana@acme.example").await.expect(200, "W0000");
    assert_eq!(app.stack.world.outbox().email.len(), 1);
}
