//! Functions that are killed between two of their AWS calls, and what their clients are told before and after.
//!
//! `USHER_BINARIES=<folder> cargo test -p tests --features crashes --test crashes`: it takes built functions, since
//! what dies is a process. People do what people do, each knows what they were told, and holds every answer
//! against that. What a killed function was asked is asked again until there is an answer.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod history;
mod keys;
mod person;
mod random;

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;
use tests::studio::Studio;

use crate::history::History;
use crate::person::{Person, pin};
use crate::random::Random;

/// Things that one person does in a stack of their own, or beside 31 others: 10,240 in all.
const ALONE: usize = 640;
const TOGETHER: usize = 160;

/// As many people as there are at most.
const PEOPLE: usize = 32;

/// The password of each person's player, who is somebody of their own: one's tries are not another's.
const PLAYER: &str = "popcorn in every coat pocket";

async fn start() -> Arc<Studio> {
    assert!(std::env::var_os("USHER_BINARIES").is_some(), "USHER_BINARIES names the folder of the functions");
    let with_people = Studio::changed(|document| {
        let acme = &mut document["enterprises"][0];
        acme["sso"]["jit"] = json!(true);
        acme["sso"]["email_domains"] = json!(["acme.example"]);
        acme["users"].as_array_mut().unwrap().extend((0..PEOPLE).map(|index| {
            let (username, email) = (format!("player{index}"), format!("player{index}@acme.example"));
            json!({ "username": username, "email": email, "password": PLAYER, "surfaces": ["vidizmo"] })
        }));
        let pins = (0..PEOPLE).map(|index| json!({ "pin": pin(index), "label": format!("Seat {index}") }));
        acme["pins"].as_array_mut().unwrap().extend(pins);
    });
    Arc::new(with_people.await)
}

/// So many people, each of whom does so many things.
async fn live(studio: &Arc<Studio>, seed: u64, people: usize, things: usize) {
    let history = Arc::new(History::default());
    let app = &studio.app;
    let owner = app.authorized(&app.olga().await.token).forgetting();
    let lives = (0..people).map(|index| {
        let (studio, history, owner) = (Arc::clone(studio), Arc::clone(&history), owner.clone());
        tokio::spawn(async move {
            let random = Random::new(seed + index as u64);
            Person::sign_up(studio, history, random, owner, index).await.live(things).await;
        })
    });
    for life in join_all(lives).await {
        life.unwrap();
    }
    app.stack.world.clear_faults();
    history.check(app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_after_the_other() {
    let stacks = (0..8)
        .map(|stack| tokio::spawn(async move { live(&start().await, 1000 * (stack + 1), 1, ALONE).await }));
    for stack in join_all(stacks).await {
        stack.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_at_once() {
    live(&start().await, 1, PEOPLE, TOGETHER).await;
}

/// However many die while they count: nobody is told more often than ten times that a password is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_is_counted() {
    let studio = start().await;
    let app = &studio.app;
    let history = Arc::new(History::default());
    let guesses = (0..32_u64).map(|index| {
        let (studio, history) = (Arc::clone(&studio), Arc::clone(&history));
        tokio::spawn(async move {
            let mut random = Random::new(77 + index);
            random.plan_a_death(&studio.app);
            let answer = studio.app.watch().login("walt", &format!("wrong password {index}")).await;
            history.note(&answer);
            answer
        })
    });
    let answers: Vec<_> = join_all(guesses).await.into_iter().map(Result::unwrap).collect();
    app.stack.world.clear_faults();
    assert!(tests::count(&answers, "W2002") <= 10);
    assert_eq!(tests::count(&answers, "W0000"), 0);
    history.check(app).await;
    for _ in 0..10 {
        app.watch().login("walt", "wrong password").await;
    }
    app.watch().login("walt", "one seat in the last row").await.expect(429, "W5001");
}
