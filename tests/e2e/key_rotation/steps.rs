//! The four steps, one by one as Secrets Manager runs them: each twice, given up and out of order.
//!
//! Against the stand-in or, with `USHER_SECRETSMANAGER`, another Secrets Manager (and table) at that URL.

use std::collections::BTreeSet;
use std::env;

use aws_sdk_secretsmanager::Client;
use functions::{Invocation, TRIGGERS};
use serde_json::json;
use serde_json::value::to_raw_value;
use shared::config::Environment;
use shared::secrets::{self, CURRENT, PENDING, PREVIOUS, Version};
use shared::store::Store;
use shared::token::keys::{KeySecret, Role};
use tests::App;
use ulid::Ulid;

use super::{signing, waiting};

pub(crate) const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// A table and a secret of one's own, and the function for them.
pub(crate) struct Place {
    pub(crate) environment: Environment,
    pub(crate) client: Client,
    function: Invocation,
    pub(crate) app: App,
}

impl Place {
    pub(super) async fn new() -> Self {
        Self::at(env::var("USHER_SECRETSMANAGER").ok()).await
    }

    /// On the stand-ins, or at another URL.
    pub(crate) async fn at(url: Option<String>) -> Self {
        let app = App::start().await;
        let mut environment = app.operator();
        if let Some(url) = url {
            environment.aws = environment.aws.into_builder().endpoint_url(url).build();
        }
        let name = format!("usher-{}", Ulid::generate());
        environment.keys_secret = format!("{name}/keys");
        environment.pepper_secret = format!("{name}/pepper");
        environment.table = name;
        local::create_resources(&environment).await.unwrap();
        let trigger = TRIGGERS.iter().find(|trigger| trigger.name == "key-rotation").unwrap();
        let function = (trigger.build)(environment.clone()).await.unwrap();
        Self { client: Client::new(&environment.aws), environment, function, app }
    }

    pub(super) async fn step(&self, step: &str, version: &str) -> Result<(), String> {
        let secret = self.environment.keys_secret.clone();
        self.invoke(json!({ "Step": step, "SecretId": secret, "ClientRequestToken": version })).await
    }

    async fn invoke(&self, event: serde_json::Value) -> Result<(), String> {
        let answer = (self.function)(to_raw_value(&event).unwrap(), String::new()).await;
        answer.map(|_| ()).map_err(|error| error.to_string())
    }

    /// A whole rotation; the new version's id.
    pub(super) async fn rotate(&self) -> String {
        let version = new_version();
        for step in STEPS {
            self.step(step, &version).await.unwrap();
        }
        version
    }

    /// What an operator does with a rotation that cannot be finished.
    async fn give_up(&self, version: &str) {
        let id = &self.environment.keys_secret;
        secrets::clear_pending(&self.client, id, version).await.unwrap();
    }

    pub(super) async fn labelled(&self, stage: &str) -> Option<String> {
        let labels = secrets::labels(&self.client, &self.environment.keys_secret).await.unwrap();
        labels.on(stage).map(ToOwned::to_owned)
    }

    async fn set(&self, version: Version<'_>) -> Option<KeySecret> {
        let text = secrets::read_version(&self.client, &self.environment.keys_secret, version).await.unwrap();
        text.map(|text| KeySecret::parse(&text).unwrap())
    }

    pub(super) async fn current(&self) -> KeySecret {
        self.set(Version::Labelled(CURRENT)).await.unwrap()
    }

    async fn published(&self) -> BTreeSet<String> {
        let keys = Store::new(&self.environment).published_keys().await.unwrap().unwrap_or_default().keys;
        keys.into_iter().filter_map(|key| key.common.key_id).collect()
    }

    /// Whoever signs now is understood by everybody.
    pub(super) async fn expect_published(&self) {
        let (current, published) = (self.current().await, self.published().await);
        assert!(current.roles().all(|(kid, _)| published.contains(kid)));
        assert_eq!(current.roles().filter(|(_, role)| *role == Role::Signing).count(), 1);
    }
}

pub(crate) fn new_version() -> String {
    // Secrets Manager's are of 36 characters.
    format!("rotation-{}", Ulid::generate())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_can_be_run_twice() {
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
async fn a_rotation_can_end_anywhere_and_the_next_one_begins_anew() {
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
        place.give_up(&given_up).await;
        place.rotate().await;
        assert_eq!(signing(&place.current().await), waiting(&before), "after {done} steps");
        place.expect_published().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_is_begun_again_from_the_first_with_the_same_version() {
    let place = Place::new().await;
    place.rotate().await;
    for done in 1..=STEPS.len() {
        let version = new_version();
        let before = place.current().await;
        for step in &STEPS[..done] {
            place.step(step, &version).await.unwrap();
        }
        let made = place.set(Version::Called(&version)).await.unwrap();
        for step in STEPS {
            place.step(step, &version).await.unwrap();
        }
        assert_eq!(signing(&place.current().await), waiting(&before), "after {done} steps");
        assert_eq!(waiting(&place.current().await), waiting(&made), "it made no other key");
        place.expect_published().await;
    }
    // Cut off between the two labels that the last step moves.
    let version = new_version();
    for step in &STEPS[..3] {
        place.step(step, &version).await.unwrap();
    }
    let current = place.labelled(CURRENT).await;
    let id = &place.environment.keys_secret;
    secrets::make_current(&place.client, id, current.as_deref(), &version).await.unwrap();
    assert_eq!(place.labelled(PENDING).await.as_ref(), Some(&version));
    for step in STEPS {
        place.step(step, &version).await.unwrap();
    }
    assert_eq!(place.labelled(PENDING).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_come_late_undo_nothing() {
    let place = Place::new().await;
    let old = place.rotate().await;
    let given_up = new_version();
    for step in &STEPS[..2] {
        place.step(step, &given_up).await.unwrap();
    }
    place.give_up(&given_up).await;
    let newer = place.rotate().await;
    let (current, published) = (place.current().await, place.published().await);
    for late in [&old, &given_up] {
        for step in STEPS {
            let _ = place.step(step, late).await;
        }
        assert_eq!(place.labelled(CURRENT).await.as_ref(), Some(&newer));
        assert_eq!(
            (signing(&place.current().await), place.published().await),
            (signing(&current), published.clone())
        );
    }
    // While another one is under way, too.
    let under_way = new_version();
    place.step("createSecret", &under_way).await.unwrap();
    for step in STEPS {
        place.step(step, &given_up).await.unwrap_err();
    }
    for step in STEPS {
        place.step(step, &under_way).await.unwrap();
    }
    assert_eq!(place.labelled(CURRENT).await, Some(under_way));
    place.expect_published().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_order_they_let_no_key_sign_that_is_not_published() {
    let place = Place::new().await;
    let first = place.rotate().await;
    let version = new_version();
    for step in ["setSecret", "finishSecret"] {
        place.step(step, &version).await.unwrap_err();
    }
    // Alone, as for a schedule that does not begin at once.
    place.step("testSecret", &version).await.unwrap();
    place.step("createSecret", &version).await.unwrap();
    for step in ["testSecret", "finishSecret"] {
        place.step(step, &version).await.unwrap_err();
    }
    assert_eq!(place.labelled(CURRENT).await, Some(first));
    place.expect_published().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_begin_with_a_secret_that_has_no_keys() {
    let place = Place::new().await;
    assert!(place.current().await.is_empty() && place.published().await.is_empty());
    place.rotate().await;
    assert_eq!(place.current().await.roles().count(), 2);
    place.expect_published().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn for_another_secret_or_of_another_name_they_do_nothing() {
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
