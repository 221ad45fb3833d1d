//! A rotation of the signing keys, each AWS call that it makes, each way in which that can fail.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use serde_json::json;
use shared::secrets;
use shared::token::keys::KeySecret;
use tests::{App, SignedIn, part};

use super::{ERRORS, LONG, Planned, has_met, plan, some_of, try_all};
use crate::key_rotation::steps::{STEPS, new_version};
use crate::key_rotation::{signing, waiting};

/// The steps of the rotation that makes `version`, up to one that fails. Secrets Manager begins with the first one
/// again after that.
async fn rotate(app: &App, version: &str) -> Result<(), String> {
    for step in STEPS {
        let event = json!({ "Step": step, "SecretId": "usher/keys", "ClientRequestToken": version });
        app.stack.invoke("key-rotation", event).await?;
    }
    Ok(())
}

async fn keys(app: &App) -> KeySecret {
    let client = Client::new(&app.operator().aws);
    KeySecret::parse(&secrets::read(&client, "usher/keys").await.unwrap()).unwrap()
}

/// The AWS calls of a rotation.
async fn calls() -> BTreeMap<String, u64> {
    let app = App::start().await;
    app.forget_usage();
    rotate(&app, &new_version()).await.unwrap();
    app.usage("key-rotation").calls
}

/// Refreshes with tokens of before, and uses what comes: whether both are accepted; and who has signed.
async fn renew(app: &App, before: &SignedIn) -> (bool, String) {
    let renewed = app.watch().refresh(&before.refresh_token).await;
    let Some(token) = renewed.body["token"].as_str() else { return (false, String::new()) };
    let session = app.authorized(token).get("/v2/watch/auth/session").await;
    (session.status == 200, part(token, 0)["kid"].as_str().unwrap().to_owned())
}

/// Rotates with each fault of one call; what went wrong.
async fn try_call(call: String, after: u32) -> Vec<String> {
    let app = App::start().await;
    let before = app.ana().await;
    let mut wrong = Vec::new();
    for (error, count) in ERRORS.into_iter().flat_map(|error| [(error, 1), (error, LONG)]) {
        let planned = Planned { call: &call, after, error, count };
        let mut tell = |what: String| wrong.push(format!("{planned:?}: {what}"));
        let (old, version) = (keys(&app).await, new_version());
        plan(&app, planned).await;
        let rotated = rotate(&app, &version).await;
        if !has_met(&app, planned) {
            tell("the fault was not met".to_owned());
        }
        app.stack.world.clear_faults();
        // A label whose move went well, though nobody was told, is not moved again: Secrets Manager begins anew, and
        // finds all of it done.
        let is_moved = error == "lost_response" && call.ends_with("UpdateSecretVersionStage") && after == 0;
        if rotated.is_ok() != (count == 1 && !is_moved) {
            tell(format!("{rotated:?}"));
        }
        let left = keys(&app).await;
        if ![signing(&old), waiting(&old)].contains(&signing(&left)) {
            tell("another key signs".to_owned());
        }
        if !renew(&app, &before).await.0 {
            tell("a token is refused in between".to_owned());
        }
        rotate(&app, &version).await.unwrap();
        let new = keys(&app).await;
        if signing(&new) != waiting(&old) || new.roles().count() != old.roles().count() + 1 {
            tell("the keys are not those of one rotation".to_owned());
        }
        // Whoever signs has the new key after five minutes, at the next call but one.
        app.advance(301);
        loop {
            let (is_accepted, kid) = renew(&app, &before).await;
            if !is_accepted {
                tell("a token is refused afterwards".to_owned());
            }
            if !is_accepted || kid == signing(&new) {
                break;
            }
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_fails_anywhere_is_done_once_and_refuses_no_token() {
    let calls = calls().await.into_iter();
    let all =
        calls.flat_map(|(call, times)| some_of(times).into_iter().map(move |after| (call.clone(), after)));
    try_all(all.map(|(call, after)| try_call(call, after))).await;
}
