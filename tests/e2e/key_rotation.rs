//! Rotating the signing keys under load, with AWS calls that fail; and [`steps`] one by one.

pub(crate) mod steps;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use serde_json::json;
use shared::secrets::{self, CURRENT, PENDING};
use shared::store::Store;
use shared::token::keys::{KeySecret, Role};
use tests::{ANA, App, part};

use steps::{Place, STEPS, new_version};

pub(crate) fn signing(set: &KeySecret) -> String {
    set.roles().find(|(_, role)| *role == Role::Signing).unwrap().0.to_owned()
}

pub(crate) fn waiting(set: &KeySecret) -> String {
    set.roles().find(|(_, role)| *role == Role::Waiting).unwrap().0.to_owned()
}

pub(crate) async fn rotate(app: &App) {
    let client = Client::new(&app.operator().aws);
    secrets::rotate(&client, "usher/keys", Duration::from_mins(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_rotations_under_load_refuse_no_valid_token() {
    let app = Arc::new(App::start().await);
    let first = app.ana().await;
    let stop = Arc::new(AtomicBool::new(false));
    let rounds: [Arc<AtomicUsize>; 4] = Default::default();
    let load: Vec<_> = (0..)
        .zip(&rounds)
        .map(|(index, rounds)| {
            let (app, stop, rounds) = (Arc::clone(&app), Arc::clone(&stop), Arc::clone(rounds));
            tokio::spawn(async move {
                let surface = if index % 2 == 0 { "acme-watch" } else { "acme-rotating" };
                let mut tokens = app.key(surface).sign_in("ana", ANA).await;
                while !stop.load(Ordering::Acquire) {
                    let bearer = app.authorized(&tokens.token).forgetting();
                    bearer.get("/v2/watch/auth/session").await.expect(200, "W0000");
                    let renewed = app
                        .key(surface)
                        .forgetting()
                        .refresh(&tokens.refresh_token)
                        .await
                        .expect(200, "W0000");
                    tokens.token = renewed.body["token"].as_str().unwrap().to_owned();
                    if let Some(successor) = renewed.body["refresh_token"].as_str() {
                        tokens.refresh_token = successor.to_owned();
                    }
                    rounds.fetch_add(1, Ordering::AcqRel);
                }
            })
        })
        .collect();
    let watch = app.watch().forgetting();
    let mut kids = BTreeSet::new();
    // Everybody is at work before and after each, and nobody's access token grows old.
    let all_go_on = async || {
        for (task, rounds) in load.iter().zip(&rounds) {
            let before = rounds.load(Ordering::Acquire);
            while rounds.load(Ordering::Acquire) < before + 2 {
                assert!(!task.is_finished(), "they were refused");
                watch.refresh(&first.refresh_token).await.expect(200, "W0000");
            }
        }
    };
    all_go_on().await;
    for _ in 0..5 {
        rotate(&app).await;
        // A function that signs has the new key within five minutes, at its next call but one.
        app.advance(300);
        watch.refresh(&first.refresh_token).await.expect(200, "W0000");
        let (kid, _) = app.signing_key().await;
        loop {
            let renewed = watch.refresh(&first.refresh_token).await.expect(200, "W0000");
            if part(renewed.body["token"].as_str().unwrap(), 0)["kid"] == kid {
                break;
            }
        }
        kids.insert(kid);
        all_go_on().await;
    }
    stop.store(true, Ordering::Release);
    for task in load {
        task.await.unwrap();
    }
    assert_eq!(kids.len(), 5);
    // The first tokens of all are as good as ever, and everybody who verifies by the key set has all keys.
    app.watch().refresh(&first.refresh_token).await.expect(200, "W0000");
    app.anonymous().get("/.well-known/jwks.json").await;
    app.advance(300);
    let set = loop {
        let set = app.anonymous().get("/.well-known/jwks.json").await.body;
        if set["keys"].as_array().unwrap().len() == 7 {
            break set;
        }
    };
    let published: BTreeSet<_> =
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    kids.insert(part(&first.token, 0)["kid"].as_str().unwrap().to_owned());
    assert!(kids.is_subset(&published));
    assert!(set["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()));
}

// Each AWS call by itself, those too that are not answered, and for long: see `faults::everywhere::rotation`.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_a_rotation_is_begun_anew_and_done_once() {
    let app = App::start().await;
    let client = Client::new(&app.operator().aws);
    let keys = async || {
        let text = secrets::read(&client, "usher/keys").await.unwrap();
        KeySecret::parse(&text).unwrap().roles().count()
    };
    let mut wanted = keys().await;
    let before = app.ana().await;
    for (service, operation) in [
        ("secretsmanager", "DescribeSecret"),
        ("secretsmanager", "GetSecretValue"),
        ("secretsmanager", "PutSecretValue"),
        ("secretsmanager", "UpdateSecretVersionStage"),
        ("dynamodb", "GetItem"),
        ("dynamodb", "PutItem"),
    ] {
        for error in ["throttle", "server_error", "lost_response"] {
            app.fail(service, operation, error, 4).await;
            rotate(&app).await;
            app.stack.world.clear_faults();
            wanted += 1;
            assert_eq!(keys().await, wanted, "{operation} {error}");
            app.watch().refresh(&before.refresh_token).await.expect(200, "W0000");
        }
    }
    let ana = app.ana().await;
    app.authorized(&ana.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_private_key_is_in_the_log_or_the_table() {
    let app = App::start().await;
    rotate(&app).await;
    let client = Client::new(&app.operator().aws);
    let text = secrets::read(&client, "usher/keys").await.unwrap();
    let secret: serde_json::Value = serde_json::from_str(&text).unwrap();
    let table = app.table_text().await;
    let mut found = 0;
    for private in secret["keys"].as_array().unwrap().iter().filter_map(|key| key["pkcs8"].as_str()) {
        found += 1;
        assert!(!table.contains(private) && app.log_of(private).is_empty());
    }
    assert_eq!(found, 2, "one signs, one waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_not_lost_when_the_template_makes_the_secret_anew() {
    let app = App::start().await;
    let client = Client::new(&app.operator().aws);
    let set = async || KeySecret::parse(&secrets::read(&client, "usher/keys").await.unwrap()).unwrap();
    let before = set().await;
    let put =
        client.put_secret_value().secret_id("usher/keys").secret_string(r#"{"keys":[],"placeholder":"x"}"#);
    put.send().await.unwrap();
    rotate(&app).await;
    assert_eq!(signing(&set().await), waiting(&before));
    // Without the version before, new keys would end every session: nothing is published then.
    for text in [r#"{"keys":[]}"#, r#"{"keys":[],"placeholder":"y"}"#] {
        let put = client.put_secret_value().secret_id("usher/keys").secret_string(text);
        put.send().await.unwrap();
    }
    let store = Store::new(&app.operator());
    let published = store.published_keys().await.unwrap();
    let version = "of-keys-that-are-not-lost-0000000000";
    let event = |step| json!({ "Step": step, "SecretId": "usher/keys", "ClientRequestToken": version });
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        app.stack.invoke("key-rotation", event(step)).await.unwrap_err();
    }
    assert_eq!(store.published_keys().await.unwrap(), published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_changed_by_hand_meanwhile_stays_as_it_was_changed() {
    let place = Place::new().await;
    place.rotate().await;
    for done in 1..STEPS.len() {
        let version = new_version();
        for step in &STEPS[..done] {
            place.step(step, &version).await.unwrap();
        }
        let by_hand = new_version();
        let id = &place.environment.keys_secret;
        let text = place.current().await.to_text();
        let put = place.client.put_secret_value().secret_id(id).client_request_token(&by_hand);
        put.secret_string(text).send().await.unwrap();
        for step in ["setSecret", "finishSecret"] {
            place.step(step, &version).await.unwrap_err();
        }
        assert_eq!(place.labelled(CURRENT).await, Some(by_hand), "after {done} steps");
        // It is given up, and stands in nobody's way.
        assert_eq!(place.labelled(PENDING).await, None);
        place.rotate().await;
        place.expect_published().await;
    }
}
