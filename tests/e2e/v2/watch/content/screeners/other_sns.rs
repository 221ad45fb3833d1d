//! The whole flow as the functions' own events, with what SNS was told read back from it.
//!
//! Against the stand-ins or, with `USHER_SNS`, another SNS (with its table and secrets) at that URL.

use std::env;

use functions::ROUTES;
use serde_json::{Value, json};
use shared::config::Environment;
use shared::provision::document::Document;
use shared::provision::{self, Report};
use shared::store::Store;
use shared::token::keys::{self, KeySecret};

use super::US;
use crate::house::read;
use crate::key_rotation::steps::Place;

/// Runs a function's event, with another body where one is given, against the environment.
async fn run(environment: &Environment, name: &str, body: Option<Value>) -> (u16, Value) {
    let mut event: Value = serde_json::from_str(&read(&format!("events/{name}.json"))).unwrap();
    event["pathParameters"]["screener_key"] = json!("premiere");
    if let Some(body) = body {
        event["body"] = json!(body.to_string());
    }
    let route = ROUTES.iter().find(|route| route.name == name).unwrap();
    let handler = (route.build)(environment.clone()).await.unwrap();
    let event = serde_json::from_str(&event.to_string()).unwrap();
    let answer = handler(event, String::new()).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

/// What was sent to `number`, as moto's own page of everything that it holds has it.
async fn sent_by_moto(url: &str, number: &str) -> Vec<String> {
    let text = reqwest::get(format!("{url}/moto-api/data.json")).await.unwrap().text().await.unwrap();
    let data: Value = serde_json::from_str(&text).unwrap();
    let sms = data["sns"]["SMS"].as_array().unwrap().clone();
    let to_number = sms.into_iter().filter(|sms| sms["phone_number"] == number);
    to_number.map(|sms| sms["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sns_was_told_to_send_is_the_code_that_opens_the_screener() {
    let other = env::var("USHER_SNS").ok();
    let place = Place::at(other.clone()).await;
    let Place { app, environment, client, .. } = &place;
    // By hand: what another Secrets Manager makes of a rotation is the rotation's test.
    let keys = KeySecret::default().rotated(None, app.stack.world.clock.now()).unwrap();
    let put = client.put_secret_value().secret_id(&environment.keys_secret).secret_string(keys.to_text());
    put.send().await.unwrap();
    keys::publish(&Store::new(environment), &keys).await.unwrap();
    let document = Document::parse(local::DEMO).unwrap();
    provision::run(environment, &document, &mut Report::default()).await.unwrap();

    let body = json!({ "phone": US.1, "country_code": US.0 });
    assert_eq!(run(environment, "screener-register", Some(body)).await.0, 200);
    assert_eq!(run(environment, "screener-request", None).await.0, 200);
    // The last one: another SNS keeps what an earlier run sent.
    let sent = match &other {
        Some(url) => sent_by_moto(url, US.2).await,
        None => app.sms_to(US.2).into_iter().map(|sms| sms.body).collect(),
    };
    let (text, code) = sent.last().unwrap().rsplit_once('#').unwrap();
    assert!(text.contains("Demo Pictures") && text.ends_with("\n\n@demo.localhost "), "{text}");
    let (status, answer) = run(environment, "screener-verify", Some(json!({ "otp": code }))).await;
    assert_eq!((status, &answer["status_code"]), (200, &json!("W0000")), "{answer}");
    assert_eq!(tests::part(answer["playback_token"].as_str().unwrap(), 1)["screener"], "premiere");
}
