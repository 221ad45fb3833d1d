//! Functions that are killed between two of their AWS calls, and what their clients are told before and after.
//!
//! `USHER_BINARIES=<folder> cargo test -p tests --features crashes --test crashes`: it takes built functions, since
//! what dies is a process. People do what people do, each knows what they were told, and holds every answer
//! against that. What a killed function was asked is asked again until there is an answer.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod history;
mod person;
mod random;

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;
use tests::App;

use crate::history::History;
use crate::person::Person;
use crate::random::Random;

/// Things that one person does in a stack of their own, or beside 31 others: 10,240 in all.
const ALONE: usize = 640;
const TOGETHER: usize = 160;

/// Somebody with a player of VIDIZMO's for each person, so that one's tries are not another's.
const PLAYERS: usize = 32;

/// A player's password.
const PLAYER: &str = "popcorn in every coat pocket";

async fn start() -> Arc<App> {
    assert!(std::env::var_os("USHER_BINARIES").is_some(), "USHER_BINARIES names the folder of the functions");
    let with_players = App::changed(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.extend((0..PLAYERS).map(|index| {
            let (username, email) = (format!("player{index}"), format!("player{index}@acme.example"));
            json!({ "username": username, "email": email, "password": PLAYER, "surfaces": ["vidizmo"] })
        }));
    });
    Arc::new(with_players.await)
}

/// So many people, each of whom does so many things.
async fn live(app: &Arc<App>, seed: u64, people: usize, things: usize) {
    let history = Arc::new(History::default());
    let owner = app.authorized(&app.olga().await.token).forgetting();
    let lives = (0..people).map(|index| {
        let (app, history, owner) = (Arc::clone(app), Arc::clone(&history), owner.clone());
        tokio::spawn(async move {
            let random = Random::new(seed + index as u64);
            Person::sign_up(app, history, random, owner, index).await.live(things).await;
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
    live(&start().await, 1, 32, TOGETHER).await;
}

/// However many die while they count: nobody is told more often than ten times that a password is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_is_counted() {
    let app = start().await;
    let history = Arc::new(History::default());
    let guesses = (0..32_u64).map(|index| {
        let (app, history) = (Arc::clone(&app), Arc::clone(&history));
        tokio::spawn(async move {
            let mut random = Random::new(77 + index);
            random.plan_a_death(&app);
            let answer = app.watch().login("walt", &format!("wrong password {index}")).await;
            history.note(&answer);
            answer
        })
    });
    let answers: Vec<_> = join_all(guesses).await.into_iter().map(Result::unwrap).collect();
    app.stack.world.clear_faults();
    assert!(tests::count(&answers, "W2002") <= 10);
    assert_eq!(tests::count(&answers, "W0000"), 0);
    history.check(&app).await;
    for _ in 0..10 {
        app.watch().login("walt", "wrong password").await;
    }
    app.watch().login("walt", "one seat in the last row").await.expect(429, "W5001");
}
