//! Rotating the signing keys: the four steps, each run twice, given up and out of order; and rotations
//! under load.
//!
//! The tests of the steps drive them one by one, as Secrets Manager does, against the stand-in or, with
//! `USHER_SECRETSMANAGER`, another one that speaks its protocol (and `DynamoDB`'s).

use std::collections::BTreeSet;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use functions::{Invocation, TRIGGERS};
use lambda_http::{Context, LambdaEvent};
use serde_json::json;
use shared::config::Environment;
use shared::secrets::{self, CURRENT, PENDING, PREVIOUS, Version};
use shared::store::Store;
use shared::token::keys::{KeySecret, Role};
use tests::{ANA, App, part};
use ulid::Ulid;

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// A table and a secret of one's own, and the function for them.
struct Place {
    environment: Environment,
    client: Client,
    function: Invocation,
    _app: App,
}

impl Place {
    async fn new() -> Self {
        let app = App::start().await;
        let mut environment = app.operator();
        if let Ok(url) = env::var("USHER_SECRETSMANAGER") {
            environment.aws = environment.aws.into_builder().endpoint_url(url).build();
        }
        let name = format!("usher-{}", Ulid::generate());
        environment.keys_secret = format!("{name}/keys");
        environment.pepper_secret = format!("{name}/pepper");
        environment.table = name;
        local::create_resources(&environment).await.unwrap();
        let trigger = TRIGGERS.iter().find(|trigger| trigger.name == "key-rotation").unwrap();
        let function = (trigger.build)(environment.clone()).await.unwrap();
        Self { client: Client::new(&environment.aws), environment, function, _app: app }
    }

    async fn step(&self, step: &str, version: &str) -> Result<(), String> {
        let secret = self.environment.keys_secret.clone();
        self.invoke(json!({ "Step": step, "SecretId": secret, "ClientRequestToken": version })).await
    }

    async fn invoke(&self, event: serde_json::Value) -> Result<(), String> {
        let answer = (self.function)(LambdaEvent::new(event, Context::default())).await;
        answer.map(|_| ()).map_err(|error| error.to_string())
    }

    /// A whole rotation; the new version's id.
    async fn rotate(&self) -> String {
        let version = new_version();
        for step in STEPS {
            self.step(step, &version).await.unwrap();
        }
        version
    }

    async fn labelled(&self, stage: &str) -> Option<String> {
        secrets::version_labelled(&self.client, &self.environment.keys_secret, stage).await.unwrap()
    }

    async fn set(&self, version: Version<'_>) -> Option<KeySecret> {
        let text = secrets::read_version(&self.client, &self.environment.keys_secret, version).await.unwrap();
        text.map(|text| KeySecret::parse(&text).unwrap())
    }

    async fn current(&self) -> KeySecret {
        self.set(Version::Labelled(CURRENT)).await.unwrap()
    }

    async fn published(&self) -> BTreeSet<String> {
        let keys = Store::new(&self.environment).published_keys().await.unwrap().unwrap_or_default().keys;
        keys.into_iter().filter_map(|key| key.common.key_id).collect()
    }

    /// Whoever signs now is understood by everybody.
    async fn expect_published(&self) {
        let (current, published) = (self.current().await, self.published().await);
        assert!(current.roles().all(|(kid, _)| published.contains(kid)));
        assert_eq!(current.roles().filter(|(_, role)| *role == Role::Signing).count(), 1);
    }
}

fn new_version() -> String {
    // Secrets Manager's are of 36 characters.
    format!("rotation-{}", Ulid::generate())
}

fn signing(set: &KeySecret) -> String {
    set.roles().find(|(_, role)| *role == Role::Signing).unwrap().0.to_owned()
}

fn waiting(set: &KeySecret) -> String {
    set.roles().find(|(_, role)| *role == Role::Waiting).unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_each_can_be_run_twice() {
    let place = Place::new().await;
    let first = place.rotate().await;
    let before = place.current().await;
    let version = new_version();
    for _ in 0..2 {
        place.step("createSecret", &version).await.unwrap();
    }
    let made = place.set(Version::Called(&version)).await.unwrap();
    assert_eq!(place.labelled(PENDING).await.as_ref(), Some(&version));
    assert_eq!(signing(&place.current().await), signing(&before), "nobody signs with it yet");
    assert!(!place.published().await.contains(&waiting(&made)));
    for _ in 0..2 {
        place.step("setSecret", &version).await.unwrap();
    }
    assert!(place.published().await.contains(&waiting(&made)), "it is published before it signs");
    assert_eq!(place.labelled(CURRENT).await, Some(first.clone()));
    for step in ["testSecret", "testSecret", "finishSecret", "finishSecret"] {
        place.step(step, &version).await.unwrap();
    }
    assert_eq!(place.labelled(CURRENT).await, Some(version.clone()));
    assert_eq!(place.labelled(PREVIOUS).await, Some(first));
    assert_eq!(place.labelled(PENDING).await, None);
    // What was waiting signs, and what signed is there to verify.
    let after = place.current().await;
    assert_eq!(signing(&after), waiting(&before));
    assert!(after.roles().any(|(kid, role)| kid == signing(&before) && matches!(role, Role::Retired(_))));
    place.expect_published().await;
    // From the beginning, long after: nothing is left to do.
    for step in STEPS {
        place.step(step, &version).await.unwrap();
    }
    assert_eq!(signing(&place.current().await), signing(&after));
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_can_end_anywhere_and_the_next_rotation_begins_anew() {
    let place = Place::new().await;
    place.rotate().await;
    for done in 0..STEPS.len() {
        let given_up = new_version();
        let before = place.current().await;
        for step in &STEPS[..done] {
            place.step(step, &given_up).await.unwrap();
        }
        assert_eq!(signing(&place.current().await), signing(&before));
        place.expect_published().await;
        place.rotate().await;
        assert_eq!(signing(&place.current().await), waiting(&before), "after {done} steps");
        place.expect_published().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_out_of_order_let_no_key_sign_that_is_not_published() {
    let place = Place::new().await;
    let first = place.rotate().await;
    let version = new_version();
    for step in &STEPS[1..] {
        place.step(step, &version).await.unwrap_err();
    }
    place.step("createSecret", &version).await.unwrap();
    for step in ["testSecret", "finishSecret"] {
        place.step(step, &version).await.unwrap_err();
    }
    assert_eq!(place.labelled(CURRENT).await, Some(first));
    place.expect_published().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_begin_with_a_secret_that_has_no_keys() {
    let place = Place::new().await;
    assert!(place.current().await.is_empty() && place.published().await.is_empty());
    place.rotate().await;
    assert_eq!(place.current().await.roles().count(), 2);
    place.expect_published().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_not_lost_when_the_template_makes_the_secret_anew() {
    let app = App::start().await;
    let client = Client::new(&app.operator().aws);
    let set = async || KeySecret::parse(&secrets::read(&client, "usher/keys").await.unwrap()).unwrap();
    let before = set().await;
    let put = client.put_secret_value().secret_id("usher/keys").client_request_token(new_version());
    put.secret_string(r#"{"keys":[],"placeholder":"x"}"#).send().await.unwrap();
    rotate(&app).await;
    assert_eq!(signing(&set().await), waiting(&before));
    // Without the version before, new keys would end every session: nothing is published then.
    for _ in 0..2 {
        let put = client.put_secret_value().secret_id("usher/keys").client_request_token(new_version());
        put.secret_string(r#"{"keys":[]}"#).send().await.unwrap();
    }
    let version = new_version();
    let event = |step| json!({ "Step": step, "SecretId": "usher/keys", "ClientRequestToken": version });
    app.stack.invoke("key-rotation", event("createSecret")).await.unwrap();
    app.stack.invoke("key-rotation", event("setSecret")).await.unwrap_err();
    app.anonymous().get("/.well-known/jwks.json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_for_another_secret_or_of_another_name_do_nothing() {
    let place = Place::new().await;
    let version = new_version();
    for event in [
        json!({ "Step": "createSecret", "SecretId": "usher/other", "ClientRequestToken": version }),
        json!({ "Step": "dropSecret", "SecretId": place.environment.keys_secret, "ClientRequestToken": version }),
        json!({ "SecretId": place.environment.keys_secret, "ClientRequestToken": version }),
        json!(null),
    ] {
        place.invoke(event).await.unwrap_err();
    }
    assert!(place.set(Version::Called(&version)).await.is_none());
    assert!(place.current().await.is_empty() && place.published().await.is_empty());
}

pub(crate) async fn rotate(app: &App) {
    let client = Client::new(&app.operator().aws);
    secrets::rotate(&client, "usher/keys", Duration::from_mins(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_rotations_under_load_refuse_no_valid_token() {
    let app = Arc::new(App::start().await);
    let before = app.ana().await;
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|index| {
            let (app, stop) = (Arc::clone(&app), Arc::clone(&stop));
            tokio::spawn(async move {
                let surface = if index % 2 == 0 { "acme-watch" } else { "acme-rotating" };
                let mut tokens = app.key(surface).sign_in("ana", ANA).await;
                let mut rounds = 0;
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
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    let mut kids = BTreeSet::new();
    for _ in 0..5 {
        rotate(&app).await;
        // A function that signs has the new key within five minutes, at its next call but one.
        app.advance(300);
        app.watch().refresh(&before.refresh_token).await.expect(200, "W0000");
        let (kid, _) = app.signing_key().await;
        loop {
            let renewed = app.watch().refresh(&before.refresh_token).await.expect(200, "W0000");
            if part(renewed.body["token"].as_str().unwrap(), 0)["kid"] == kid {
                break;
            }
        }
        kids.insert(kid);
    }
    stop.store(true, Ordering::Release);
    for task in load {
        assert!(task.await.unwrap() > 0);
    }
    assert_eq!(kids.len(), 5);
    // The first tokens of all are as good as ever, and everybody who verifies by the key set has all keys.
    app.watch().refresh(&before.refresh_token).await.expect(200, "W0000");
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
    kids.insert(part(&before.token, 0)["kid"].as_str().unwrap().to_owned());
    assert!(kids.is_subset(&published));
    assert!(set["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_a_rotation_is_begun_anew_and_done_once() {
    let app = App::start().await;
    let client = Client::new(&app.operator().aws);
    let keys = async || {
        let text = secrets::read(&client, "usher/keys").await.unwrap();
        KeySecret::parse(&text).unwrap().roles().count()
    };
    let mut wanted = keys().await;
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
