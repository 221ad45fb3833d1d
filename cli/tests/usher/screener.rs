//! `usher screener reset-phone`.

use local::{DEMO, Stack};
use serde_json::{Value, json};

use crate::{lines, stack_with, usher};

const KEY: &str = "Bearer usk_demo_tv_LocalDemoKeyForTheWatchSurface000001";

/// Posts to the stack; the HTTP status and the body.
async fn post(stack: &Stack, authorization: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{}{path}", stack.place.url));
    let answer = request.header("authorization", authorization).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Links a phone to a screener of the demo; the HTTP status.
async fn link(stack: &Stack, authorization: &str, screener: &str, phone: u64) -> u16 {
    let path = format!("/v2/watch/content/screeners/{screener}/2fa");
    post(stack, authorization, &path, &json!({ "phone": phone, "country_code": 1 })).await.0
}

/// Links a phone and has a code sent to it.
async fn request(stack: &Stack, authorization: &str, screener: &str, phone: u64) -> String {
    assert_eq!(link(stack, authorization, screener, phone).await, 200);
    let path = format!("/v2/watch/content/screeners/{screener}/2fa");
    let request = reqwest::Client::new().get(format!("{}{path}", stack.place.url));
    request.header("authorization", authorization).send().await.unwrap().error_for_status().unwrap();
    let sms = stack.world.outbox().sms.pop().unwrap();
    sms.body.rsplit_once('#').unwrap().1.to_owned()
}

/// Links a phone and verifies it.
async fn verify(stack: &Stack, authorization: &str, screener: &str, phone: u64) {
    let code = request(stack, authorization, screener, phone).await;
    let path = format!("/v2/watch/content/screeners/{screener}/2fa");
    let (status, _) = post(stack, authorization, &format!("{path}/verify"), &json!({ "otp": code })).await;
    assert_eq!(status, 200);
}

async fn reset(stack: &Stack, screener: &str, whose: &[&str]) -> Vec<String> {
    lines(&usher(stack, &[&["screener", "reset-phone", "demo", screener], whose].concat()).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_phone_can_be_replaced_once_an_operator_has_taken_it_away() {
    let stack = stack_with(DEMO).await;
    let credentials = json!({ "username": "ana", "password": "rosebud and the red balloon" });
    let login = json!({ "type": "password", "credentials": credentials });
    let (_, signed_in) = post(&stack, KEY, "/v2/watch/auth/login", &login).await;
    let ana = format!("JWT {}", signed_in["token"].as_str().unwrap());
    for (authorization, screener, flags, whose) in [
        (KEY, "premiere", &["--link"][..], "the link"),
        (&ana, "rough-cut", &["--user", "ANA@demo.example"], "user ANA@demo.example"),
    ] {
        let said = |done: &str| [format!("{done} phone of {whose} for screener demo/{screener}")];
        assert_eq!(reset(&stack, screener, flags).await, said("unchanged"));
        verify(&stack, authorization, screener, 2_025_550_143).await;
        assert_eq!(link(&stack, authorization, screener, 2_025_550_144).await, 403);
        assert_eq!(reset(&stack, screener, flags).await, said("reset    "));
        assert_eq!(link(&stack, authorization, screener, 2_025_550_144).await, 200);
        // The same number is texted again for the next viewer.
        stack.world.clock.advance(30);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_code_ends_with_it_and_its_wrong_tries_are_forgotten() {
    let stack = stack_with(DEMO).await;
    let path = "/v2/watch/content/screeners/premiere/2fa";
    let code = request(&stack, KEY, "premiere", 2_025_550_143).await;
    let other = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        let (status, _) = post(&stack, KEY, &format!("{path}/verify"), &json!({ "otp": other })).await;
        assert_eq!(status, 401);
    }
    reset(&stack, "premiere", &["--link"]).await;
    stack.world.clock.advance(30);
    let new = request(&stack, KEY, "premiere", 2_025_550_143).await;
    reset(&stack, "premiere", &["--link"]).await;
    for code in [code, new] {
        let (status, _) = post(&stack, KEY, &format!("{path}/verify"), &json!({ "otp": code })).await;
        assert_eq!(status, 401);
    }
    verify(&stack, KEY, "premiere", 2_025_550_144).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_and_what_is_not_said_is_told_and_changes_nothing() {
    let stack = stack_with(DEMO).await;
    verify(&stack, KEY, "premiere", 2_025_550_143).await;
    for (arguments, told) in [
        (&["demo", "nothing", "--link"][..], "there is no screener demo/nothing"),
        (&["nowhere", "premiere", "--link"], "there is no screener nowhere/premiere"),
        (&["demo", "premiere", "--user", "nobody"], "there is no user demo/nobody"),
        (&["demo", "premiere"], "required arguments"),
        (&["demo", "premiere", "--link", "--user", "ana"], "cannot be used with"),
    ] {
        let output = usher(&stack, &[&["screener", "reset-phone"], arguments].concat()).await;
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(told), "{output:?}");
    }
    assert_eq!(link(&stack, KEY, "premiere", 2_025_550_144).await, 403);
}
