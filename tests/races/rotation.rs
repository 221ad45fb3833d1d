//! Rotations of the signing keys, each step of which may be run more than once, and at once with another rotation's.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use serde_json::json;
use shared::secrets::{self, CURRENT, PENDING, Version};
use shared::store::Store;
use shared::token::keys::{KeySecret, Role};
use tests::App;
use tokio::task::JoinSet;

use crate::{CALLS, rounds};

const SECRET: &str = "usher/keys";
/// Rounds of one stack: each leaves a key in its set.
const ROUNDS_OF_A_STACK: usize = 25;

/// Runs one step of two rotations, half of the calls for each; how many succeeded of each.
async fn step(app: &Arc<App>, step: &str, versions: &[String; 2]) -> [usize; 2] {
    let mut calls = JoinSet::new();
    for index in 0..CALLS {
        let (app, which) = (Arc::clone(app), index % 2);
        let event = json!({ "Step": step, "SecretId": SECRET, "ClientRequestToken": versions[which] });
        calls.spawn(async move { (which, app.stack.invoke("key-rotation", event).await.is_ok()) });
    }
    let succeeded = calls.join_all().await.into_iter().filter(|(_, succeeded)| *succeeded);
    succeeded.fold([0, 0], |mut of, (which, _)| {
        of[which] += 1;
        of
    })
}

/// The `kid`s of the keys of a set that are for this.
fn kids(set: &KeySecret, role: Role) -> Vec<String> {
    set.roles().filter(|(_, is)| *is == role).map(|(kid, _)| kid.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_rotations_one_makes_one_key() {
    let mut stack = None;
    for round in rounds() {
        if round % ROUNDS_OF_A_STACK == 0 {
            stack = Some(Arc::new(App::start().await));
        }
        let app = stack.as_ref().unwrap();
        let (client, store) = (Client::new(&app.operator().aws), Store::new(&app.operator()));
        let set = async |version| {
            let text = secrets::read_version(&client, SECRET, version).await.unwrap();
            KeySecret::parse(&text.unwrap()).unwrap()
        };
        let before = set(Version::Labelled(CURRENT)).await;
        let versions = [0, 1].map(|which| format!("rotation-{round:04}-{which}-{}", "0".repeat(20)));
        let made = step(app, "createSecret", &versions).await;
        // The label is on one: its rotation goes on, and the other one does not.
        let labels = secrets::labels(&client, SECRET).await.unwrap();
        let winner = versions.iter().position(|version| labels.on(PENDING) == Some(version)).unwrap();
        assert!(made[winner] >= 1, "{made:?}");
        let pending = set(Version::Labelled(PENDING)).await;
        for name in ["setSecret", "testSecret"] {
            let mut wanted = [0, 0];
            wanted[winner] = CALLS / 2;
            assert_eq!(step(app, name, &versions).await, wanted, "{name}");
        }
        let finished = step(app, "finishSecret", &versions).await;
        assert!(finished[winner] >= 1 && finished[1 - winner] == 0, "{finished:?}");
        let labels = secrets::labels(&client, SECRET).await.unwrap();
        assert_eq!((labels.on(CURRENT), labels.on(PENDING)), (Some(versions[winner].as_str()), None));
        // It is what was made first: the key that waited signs, and a single new one waits.
        let after = set(Version::Labelled(CURRENT)).await;
        assert_eq!(after.to_text(), pending.to_text());
        assert_eq!(after.roles().count(), before.roles().count() + 1);
        assert_eq!(kids(&after, Role::Signing), kids(&before, Role::Waiting));
        assert_eq!(kids(&after, Role::Waiting).len(), 1);
        assert_eq!(store.published_keys().await.unwrap().unwrap(), after.public().unwrap());
    }
}
