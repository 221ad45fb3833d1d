//! Functions that are killed between two of their AWS calls, and what their clients are told before and after.
//!
//! `USHER_BINARIES=<folder> cargo test -p tests --features crashes --test crashes`: it takes built functions, since
//! what dies is a process. People do what people do, each knows what they were told, and holds every answer
//! against that. What a killed function was asked is asked again until there is an answer.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod budgets;
mod guesses;
mod history;
mod keys;
mod person;
mod random;

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::studio::Studio;

use crate::history::{Done, History};
use crate::person::{Person, pin};
use crate::random::Random;

/// Things that one person does in a stack of their own, or beside 31 others: 10,240 each way.
const ALONE: usize = 640;
const TOGETHER: usize = 320;

/// Stacks of one person: eight at once, and eight after them.
const WAVES: u64 = 2;
const STACKS: u64 = 8;

/// How many people share a stack.
const PEOPLE: usize = 32;

/// The password of each person's player, who is somebody of their own: one's tries are not another's.
const PLAYER: &str = "popcorn in every coat pocket";
/// The password of the admin that each person is at work.
const STAFF: &str = "the keys to the projection room";

/// A login code that no TV shows, or one in billions.
const NO_CODE: &str = "BCD3FGH";

/// How often each thing is done at least.
const LEAST: &[(&str, usize)] = &[
    ("API key hotlisted, cut off", 5),
    ("authorizer asked", 100),
    ("keys rotated", 4),
    ("new password set", 30),
    ("old refresh token used", 10),
    ("one-time code opened", 40),
    ("one-time code used up", 20),
    ("person hotlisted", 50),
    ("refresh token spent", 80),
    ("refreshed", 500),
    ("refused on a TV by token", 30),
    ("refused on a TV's page", 30),
    ("session hotlisted", 50),
    ("session looked at", 500),
    ("signed in by PIN", 150),
    ("signed in by password", 500),
    ("signed in on a TV by token", 100),
    ("signed in on a TV from its page", 100),
    ("signed in on a TV with a PIN", 50),
    ("signed in on a TV with a password", 50),
    ("signed out", 200),
    ("signed out elsewhere by GET", 30),
    ("signed out elsewhere by POST", 30),
    ("something mistyped", 150),
    ("worked by single sign-on", 30),
    ("worked with a password", 30),
];

/// Screeners that want a code.
const FILMS: usize = 8;

fn film(number: usize) -> String {
    format!("film-{number}")
}

/// API keys that each person may lose.
const KEYS: usize = 1;

fn key_id(person: usize, number: usize) -> String {
    format!("seat-{person}-{number}")
}

fn key(person: usize, number: usize) -> String {
    let id = key_id(person, number);
    format!("usk_acme_{id}_{}", format!("{person:03}{number:03}").repeat(6))
}

async fn start(people: usize) -> Arc<Studio> {
    assert!(std::env::var_os("USHER_BINARIES").is_some(), "USHER_BINARIES names the folder of the functions");
    let with_people = Studio::changed(|document| {
        let acme = &mut document["enterprises"][0];
        acme["sso"]["jit"] = json!(true);
        acme["sso"]["email_domains"] = json!(["acme.example"]);
        let mut add = |list: &str, more: Vec<Value>| acme[list].as_array_mut().unwrap().extend(more);
        let each = |make: fn(usize) -> Value| (0..people).map(make).collect();
        add(
            "users",
            each(|index| {
                let (username, email) = (format!("player{index}"), format!("player{index}@acme.example"));
                json!({ "username": username, "email": email, "password": PLAYER, "surfaces": ["vidizmo"] })
            }),
        );
        add(
            "users",
            each(|index| {
                let username = format!("staff{index}");
                json!({ "username": username, "password": STAFF, "roles": ["admin"], "surfaces": ["admin"] })
            }),
        );
        add("pins", each(|index| json!({ "pin": pin(index), "label": format!("Seat {index}") })));
        let keys = (0..people).flat_map(|person| (0..KEYS).map(move |number| (person, number)));
        let keys =
            keys.map(|(person, number)| json!({ "id": key_id(person, number), "key": key(person, number) }));
        add("api_keys", keys.collect());
        let films =
            (0..FILMS).map(|number| json!({ "key": film(number), "two_factor": true, "link_type": true }));
        add("screeners", films.collect());
    });
    Arc::new(with_people.await)
}

/// So many people, each of whom does so many things.
async fn live(studio: &Arc<Studio>, seed: u64, people: usize, things: usize) -> Done {
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
    history.check(app).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_after_the_other() {
    let mut all = Done::new();
    for wave in 0..WAVES {
        let stacks = (0..STACKS).map(|stack| {
            let seed = 1000 * (wave * STACKS + stack + 1);
            tokio::spawn(async move { live(&start(1).await, seed, 1, ALONE).await })
        });
        for stack in join_all(stacks).await {
            for (thing, times) in stack.unwrap() {
                *all.entry(thing).or_default() += times;
            }
        }
    }
    expect_enough(&all);
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_at_once() {
    expect_enough(&live(&start(PEOPLE).await, 1, PEOPLE, TOGETHER).await);
}

/// Nothing was left out, or came to nothing each time.
fn expect_enough(done: &Done) {
    eprintln!("{done:#?}");
    for (thing, least) in LEAST {
        let times = done.get(thing).copied().unwrap_or_default();
        assert!(times >= *least, "{thing}: {times} times");
    }
}
