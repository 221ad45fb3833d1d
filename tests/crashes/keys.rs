//! Rotating the signing keys, while people sign in and functions die.

use std::collections::BTreeSet;

use aws_sdk_secretsmanager::Client;
use serde_json::json;
use shared::secrets::{self, CURRENT};
use shared::token::keys::KeySecret;
use tests::App;
use ulid::Ulid;

use crate::person::PATIENCE;
use crate::random::Random;

const SECRET: &str = "usher/keys";

/// Runs the four steps as Secrets Manager does: from the first one again where one has died. In the end there is one
/// key more, and none is lost.
pub(crate) async fn rotate(app: &App, random: &mut Random) {
    let client = Client::new(&app.operator().aws);
    let before = keys(&client).await;
    let version = format!("rotation-{}", Ulid::generate());
    let mut attempts = 0..PATIENCE;
    while !go_through(app, &version, random).await {
        attempts.next().expect("a rotation comes to its end");
    }
    let after = keys(&client).await;
    assert!(after.is_superset(&before) && after.len() == before.len() + 1, "{before:?} {after:?}");
    let labels = secrets::labels(&client, SECRET).await.unwrap();
    assert_eq!(labels.on(CURRENT), Some(version.as_str()));
}

/// Whether it came to its end.
async fn go_through(app: &App, version: &str, random: &mut Random) -> bool {
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        if random.below(5) == 0 {
            random.plan_a_death(app, 5);
        }
        let event = json!({ "Step": step, "SecretId": SECRET, "ClientRequestToken": version });
        if app.stack.invoke("key-rotation", event).await.is_err() {
            return false;
        }
    }
    true
}

/// What the keys are called.
async fn keys(client: &Client) -> BTreeSet<String> {
    let text = secrets::read(client, SECRET).await.unwrap();
    KeySecret::parse(&text).unwrap().roles().map(|(kid, _)| kid.to_owned()).collect()
}
