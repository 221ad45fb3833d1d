//! `POST /v2/watch/auth/users`

use serde_json::{Value, json};
use shared::store::identity::Identity;
use shared::store::user::User;
use shared::store::{Store, parse};
use tests::{App, Client, at_once, count, part};

const USERS: &str = "/v2/watch/auth/users";
const PASSWORD: &str = "one ticket for the balcony";

fn person(username: &str, email: &str) -> Value {
    json!({ "username": username, "email": email, "password": PASSWORD })
}

async fn sign_up(client: &Client, username: &str, email: &str) -> tests::Answer {
    client.post(USERS, person(username, email)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_viewer_signs_in_by_name_and_by_address() {
    let app = App::start().await;
    let answer = sign_up(&app.watch(), "Nadia", "Nadia@acme.example").await.expect(200, "W0000");
    assert_eq!(answer.body, json!({ "status_code": "W0000", "message": "" }));
    app.watch().sign_in("nadia", PASSWORD).await;
    app.watch().sign_in("nadia@ACME.example", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_or_an_address_that_is_taken_is_4900_and_changes_nothing() {
    let app = App::start().await;
    sign_up(&app.watch(), "ANA", "other@acme.example").await.expect_invalid("username");
    sign_up(&app.watch(), "other", "ANA@acme.example").await.expect_invalid("email");
    for name in ["other", "other@acme.example"] {
        app.watch().login(name, PASSWORD).await.expect(401, "W2002");
    }
    app.ana().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_passwords_are_refused_with_the_reason() {
    let app = App::start().await;
    for (password, reason) in [
        ("seven77", "at least 8 characters"),
        ("iloveyou123", "common"),
        ("Nadia2026!", "your name"),
        ("nadia@acme.example", "your name"),
        ("acme2026", "your name"),
    ] {
        let body = json!({ "username": "nadia", "email": "nadia@acme.example", "password": password });
        let answer = app.watch().post(USERS, body).await.expect_invalid("password");
        assert!(answer.body["detail"].as_str().unwrap().contains(reason), "{:?}", answer.body);
    }
    for (index, password) in
        ["pass phrase with spaces", "пароль для кино", &"é".repeat(64)].iter().enumerate()
    {
        let (name, email) = (format!("n{index}"), format!("n{index}@acme.example"));
        let body = json!({ "username": name, "email": email, "password": password });
        app.watch().post(USERS, body).await.expect(200, "W0000");
        app.watch().sign_in(&name, password).await;
        let cut: String = password.chars().take(password.chars().count() - 1).collect();
        app.watch().login(&name, &cut).await.expect(401, "W2002");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_can_ask_for_longer_passwords_or_refuse_sign_up() {
    let app = App::changed(|document| {
        document["enterprises"][0]["settings"] = json!({ "password_min_length": 30 });
    })
    .await;
    let answer = sign_up(&app.watch(), "nadia", "nadia@acme.example").await.expect_invalid("password");
    assert!(answer.text.contains("at least 30 characters"));
    sign_up(&app.key("orbit-watch"), "nadia", "nadia@orbit.example").await.expect(403, "W2101");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_gets_the_name() {
    let app = App::start().await;
    let watch = app.watch();
    let answers = at_once(32, |index| {
        let watch = watch.clone();
        async move { sign_up(&watch, "nadia", &format!("nadia{index}@acme.example")).await }
    })
    .await;
    assert_eq!((count(&answers, "W0000"), count(&answers, "W4900")), (1, 31));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_gets_the_address() {
    let app = App::start().await;
    let watch = app.watch();
    let answers = at_once(32, |index| {
        let watch = watch.clone();
        async move { sign_up(&watch, &format!("nadia{index}"), "nadia@acme.example").await }
    })
    .await;
    assert_eq!((count(&answers, "W0000"), count(&answers, "W4900")), (1, 31));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_sign_up_without_end() {
    let app = App::start().await;
    let watch = app.watch();
    for _ in 0..10 {
        let answers = at_once(20, |_| {
            let watch = watch.clone();
            async move { sign_up(&watch, "ana", "ana@acme.example").await }
        })
        .await;
        assert_eq!(count(&answers, "W4900"), 20);
    }
    sign_up(&app.watch(), "nadia", "nadia@acme.example").await.expect(429, "W5001");
    sign_up(&app.watch().from("127.0.0.2"), "nadia", "nadia@acme.example").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_the_write_is_still_one_success() {
    let app = App::start().await;
    app.fail("dynamodb", "TransactWriteItems", "lost_response", 1).await;
    sign_up(&app.watch(), "nadia", "nadia@acme.example").await.expect(200, "W0000");
    app.watch().sign_in("nadia", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_after_the_same_names_is_waited_for_or_told_to_wait() {
    let app = App::start().await;
    app.fail("dynamodb", "TransactWriteItems", "conflict", 1).await;
    sign_up(&app.watch(), "nadia", "nadia@acme.example").await.expect(200, "W0000");
    app.fail("dynamodb", "TransactWriteItems", "conflict", 100).await;
    let told = sign_up(&app.watch(), "omar", "omar@acme.example").await.expect(429, "W5001");
    assert_eq!(told.header("retry-after"), "1");
    app.stack.world.clear_faults();
    sign_up(&app.watch(), "omar", "omar@acme.example").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signed_up_first_gets_nothing_that_an_operator_means_for_another() {
    let app = App::start().await;
    sign_up(&app.watch(), "boss", "attacker@acme.example").await.expect(200, "W0000");
    let attacker = app.watch().sign_in("boss", PASSWORD).await;
    let phone = app.authorized(&attacker.token);
    phone.link_phone("login", 1, 2_025_550_110).await.expect(200, "W0000");
    phone.request_code("login").await.expect(200, "W0000");
    phone.verify_code("login", &app.sms_code("+12025550110")).await.expect(200, "W0000");
    app.apply(|document| {
        let boss = json!({ "username": "boss", "password": "the real boss's password", "roles": ["owner"] });
        document["enterprises"][0]["users"].as_array_mut().unwrap().push(boss);
    })
    .await;
    app.watch().login("boss", PASSWORD).await.expect(401, "W2002");
    app.watch().refresh(&attacker.refresh_token).await.expect(401, "W2003");
    let forgot = json!({ "email": "attacker@acme.example" });
    app.watch().post("/v2/watch/auth/forgot-password", forgot).await.expect(200, "W0000");
    assert!(app.last_email("attacker@acme.example").is_none());
    // Another person, for whoever keeps something by a token's `sub`; and no code goes to the attacker's phone.
    let boss = app.watch().sign_in("boss", "the real boss's password").await;
    assert_ne!(part(&boss.token, 1)["sub"], part(&attacker.token, 1)["sub"]);
    let phone = app.authorized(&boss.token);
    phone.link_phone("login", 1, 2_025_550_111).await.expect(200, "W0000");
    phone.request_code("login").await.expect(200, "W0000");
    assert_eq!(app.sms_to("+12025550110").len(), 1);
    assert_eq!(app.sms_to("+12025550111").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_of_an_address_at_once_one_is_made() {
    let app = App::start().await;
    let store = Store::new(&app.operator());
    let [read] = store.read([&Identity::key("acme", "ana")]).await.unwrap();
    let read = parse::<Identity>(read).unwrap().unwrap();
    app.apply(|document| document["enterprises"][0]["users"][0]["email"] = json!("ana@films.example")).await;
    let late = Identity { email: Some("ana@late.example".into()), ..read.clone() };
    let replacing = store.replacing_user("acme", &User::of(&read), &User::of(&late)).unwrap();
    assert!(store.transact(vec![replacing]).await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_made_up_has_nothing_written() {
    let app = App::start().await;
    let before = app.items().await.len();
    for enterprise in ["acme", "nobodys"] {
        let key = app.authorized(&format!("Bearer usk_{enterprise}_acme-watch_{}", "x".repeat(40)));
        sign_up(&key, "nadia", "nadia@acme.example").await.expect(401, "W2001");
    }
    assert_eq!(app.items().await.len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_sign_ups_use_up_nothing() {
    let app = App::start().await;
    let forged = app.authorized(&format!("Bearer usk_acme_acme-watch_{}", "x".repeat(40)));
    let weak = json!({ "username": "nadia", "email": "nadia@acme.example", "password": "password123" });
    for _ in 0..201 {
        sign_up(&forged, "nadia", "nadia@acme.example").await.expect(401, "W2001");
        app.watch().post(USERS, weak.clone()).await.expect_invalid("password");
    }
    sign_up(&app.watch(), "nadia", "nadia@acme.example").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_look_like_another_are_refused() {
    let app = App::start().await;
    for name in ["an\u{ad}a", "ana\u{3164}", "a\u{2066}na\u{2069}", "ana\u{fe0f}", "an\u{e0061}a"] {
        sign_up(&app.watch(), name, "other@acme.example").await.expect_invalid("username");
    }
}
