//! `bench measure`: time, processor time, memory and size, held against floors and peers.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{ANA, App, DOCUMENT};

use crate::event;
use crate::statistics::{median, quantile};
use crate::subject::{Round, Subject};

/// Rounds: each starts every subject once, so that what else the machine does meets all of them alike.
pub(crate) const ROUNDS: usize = 9;
/// Warm calls in a round that are measured; before them there are as many that are not.
pub(crate) const WARM: usize = 60;
/// The same for what hashes a password.
pub(crate) const WARM_HASHES: usize = 20;

/// The calls of a subject in all rounds of both tables.
pub(crate) fn calls_in_all(warm: usize) -> usize {
    2 * ROUNDS * (1 + 2 * warm)
}

/// What all rounds found out about one subject.
pub(crate) struct Measured {
    /// See [`Subject`].
    pub(crate) name: &'static str,
    /// One for each round, in order.
    pub(crate) rounds: Vec<Round>,
}

impl Measured {
    /// The median over the rounds of what `of` takes from each.
    pub(crate) fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of))
    }

    /// A quantile of all warm calls, in milliseconds.
    pub(crate) fn warm(&self, at: f64) -> f64 {
        quantile(self.rounds.iter().flat_map(|round| round.warm.iter().copied().map(milliseconds)), at)
    }
}

/// For arithmetic.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A stack whose functions are in this process, to make tokens and to serve AWS to the subjects.
pub(crate) async fn stack() -> App {
    App::placed(DOCUMENT, 0, None, None).await
}

/// The `Authorization` header of an API key of the tests' document.
pub(crate) fn key(id: &str) -> Result<String, String> {
    let document: Value = serde_json::from_str(DOCUMENT).map_err(|error| error.to_string())?;
    let mut keys = document["enterprises"][0]["api_keys"].as_array().into_iter().flatten();
    let key = keys.find(|key| key["id"] == id).and_then(|key| key["key"].as_str());
    key.map(|key| format!("Bearer {key}")).ok_or_else(|| format!("the document has no {id}"))
}

/// The floors.
pub(crate) fn floors(app: &App, folder: &Path) -> Result<Vec<Subject>, String> {
    let all = [
        ("floor: nothing", "floor-noop", "/", WARM),
        ("floor: one GetItem", "floor-get-item", "/", WARM),
        ("floor: three items", "floor-get-item", "/three", WARM),
        ("floor: verify", "floor-token", "/verify", WARM),
        ("floor: sign and verify", "floor-token", "/", WARM),
        ("floor: one hash", "floor-hash", "/", WARM_HASHES),
    ];
    let subject = |(name, file, path, times)| {
        let events = vec![event::plain(app, path)?];
        Subject::function(name, (folder, file), app.stack.place.variables(file), events, times)
    };
    all.map(subject).into_iter().collect()
}

/// Usher's own subjects, of the functions that `wanted` names.
///
/// Fails when the folder does not have one of them.
pub(crate) async fn own_subjects(
    app: &App,
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Subject>, String> {
    let key = key("acme-watch")?;
    let tokens = app.ana().await;
    let token = format!("JWT {}", tokens.token);
    let credentials = json!({ "username": "ana", "password": ANA });
    let password = json!({ "type": "password", "credentials": credentials });
    let pin = json!({ "type": "pin", "credentials": { "pin": "K7QX-93WD" } });
    let refresh = json!({ "refresh_token": tokens.refresh_token });
    let own = |function, authorization, body| event::of(app, function, authorization, body);
    let one = |function, authorization, body| own(function, authorization, body).map(|event| vec![event]);
    // The same call a quarter of an hour later each time: each is the first within its limit's window, as most are.
    let spread = |first: &Value| -> Vec<Value> {
        let began = app.stack.world.clock.now_milliseconds();
        let at = |number: usize| {
            let mut event = first.clone();
            let later = i64::try_from(number).unwrap_or(0) * 15 * 60 * 1000;
            event["requestContext"]["timeEpoch"] = (began + later).into();
            event
        };
        (1..=calls_in_all(WARM)).map(at).collect()
    };
    let logins = |body| own("watch-login", &key, Some(body)).map(|event| spread(&event));
    // A viewer of the API key itself, since a token would be over.
    let mut number = own("screener-register", &key, None)?;
    number["pathParameters"]["screener_key"] = "link".into();
    // A session for each call: a spent token is answered with the one that was made before.
    let rotating = app.key("acme-rotating").forgetting();
    let rotating_key = self::key("acme-rotating")?;
    let mut rotations = Vec::new();
    if wanted("watch-token-refresh") {
        for _ in 0..calls_in_all(WARM) {
            let tokens = rotating.login_by_pin("K7QX-93WD").await.tokens();
            let body = json!({ "refresh_token": tokens.refresh_token });
            rotations.push(event::of(app, "watch-token-refresh", &rotating_key, Some(&body))?);
        }
    }
    let all = [
        ("jwks", "jwks", vec![event::plain(app, "/.well-known/jwks.json")?], WARM),
        ("watch-session", "watch-session", one("watch-session", &token, None)?, WARM),
        ("authorizer", "authorizer", one("authorizer", &token, None)?, WARM),
        (
            "watch-token-refresh",
            "watch-token-refresh",
            one("watch-token-refresh", &key, Some(&refresh))?,
            WARM,
        ),
        ("watch-token-refresh, rotating", "watch-token-refresh", rotations, WARM),
        ("watch-login, password", "watch-login", logins(&password)?, WARM_HASHES),
        ("watch-login, PIN", "watch-login", logins(&pin)?, WARM),
        ("screener-register", "screener-register", spread(&number), WARM),
    ];
    let asked_for = all.into_iter().filter(|(_, file, ..)| wanted(file));
    let subject = |(name, file, events, times)| {
        Subject::function(name, (folder, file), app.stack.place.variables(file), events, times)
    };
    asked_for.map(subject).collect()
}

/// All rounds of all subjects, with so much delay of the AWS calls.
pub(crate) async fn rounds(
    app: &App,
    subjects: &[Subject],
    delay: Duration,
) -> Result<Vec<Measured>, String> {
    app.stack.world.set_delay(delay);
    let mut rounds: BTreeMap<&str, Vec<Round>> = BTreeMap::new();
    for number in 1..=ROUNDS {
        eprintln!("round {number} of {ROUNDS}, AWS calls delayed by {} ms", delay.as_millis());
        // Each round begins with another one, so that none always comes after the same.
        let (before, from) = subjects.split_at(number % subjects.len());
        for subject in from.iter().chain(before) {
            rounds.entry(subject.name).or_default().push(subject.round(app).await?);
        }
    }
    app.stack.world.set_delay(Duration::ZERO);
    let take = |subject: &Subject| Measured {
        name: subject.name,
        rounds: rounds.get(subject.name).cloned().unwrap_or_default(),
    };
    Ok(subjects.iter().map(take).collect())
}
