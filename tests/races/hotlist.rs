//! An owner ends a session, a person's or an API key's: whoever else does so too, it is counted once.

use serde_json::json;
use shared::store::api_key::ApiKey;
use shared::store::{Store, parse};
use tests::{Answer, App, Client, at_once, part};

use crate::{CALLS, PIN, all, hold, rounds};

const HOTLIST: &str = "/v1/admin/auth/hotlist";
/// Of the calls, those that hotlist a key: each of them writes all the key's copies.
const OWNERS: usize = 4;

/// Olga's access token lasts a quarter of an hour: she signs in for some rounds.
const ROUNDS_OF_A_TOKEN: usize = 50;

async fn owner(app: &App) -> Client {
    app.authorized(&app.olga().await.token).forgetting()
}

fn counted(answers: &[Answer]) -> u64 {
    answers.iter().filter_map(|answer| answer.body["hotlisted"].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_a_person_count_once() {
    let app = App::start().await;
    let (watch, mut olga) = (app.watch().forgetting(), owner(&app).await);
    for round in rounds() {
        if round % ROUNDS_OF_A_TOKEN == ROUNDS_OF_A_TOKEN - 1 {
            olga = owner(&app).await;
        }
        for (what, claim) in [("session", "sid"), ("user", "sub")] {
            let tokens = watch.login_by_pin(PIN).await.tokens();
            let answers = all(&olga, HOTLIST, json!({ what: part(&tokens.token, 1)[claim] })).await;
            assert_eq!(counted(&answers), 1, "{what}");
            hold(answers, &[(200, "A0000", CALLS)]);
            watch.refresh(&tokens.refresh_token).await.expect(401, "W2003");
        }
    }
}

/// A key for one round.
fn id(round: usize) -> String {
    format!("round-{round}")
}

fn key(round: usize) -> String {
    format!("usk_acme_{}_{round:032}", id(round))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_counts_once_and_no_copy_of_it_works_on() {
    let app = App::changed(|document| {
        let keys = document["enterprises"][0]["api_keys"].as_array_mut().unwrap();
        keys.extend(rounds().map(|round| json!({ "id": id(round), "key": key(round) })));
    })
    .await;
    let (store, mut olga) = (Store::new(&app.operator()), owner(&app).await);
    for round in rounds() {
        if round % ROUNDS_OF_A_TOKEN == ROUNDS_OF_A_TOKEN - 1 {
            olga = owner(&app).await;
        }
        let client = app.authorized(&format!("Bearer {}", key(round))).forgetting();
        let refresh_token = client.login_by_pin(PIN).await.tokens().refresh_token;
        let mut answers = at_once(CALLS, |index| {
            let (olga, client, token) = (olga.clone(), client.clone(), refresh_token.clone());
            async move {
                if index < OWNERS {
                    olga.post(HOTLIST, json!({ "api_key": id(round) })).await
                } else {
                    client.refresh(&token).await
                }
            }
        })
        .await;
        let refreshed = answers.split_off(OWNERS);
        assert_eq!(counted(&answers), 1);
        hold(answers, &[(200, "A0000", OWNERS)]);
        // Those that read a copy before it was written.
        let before = refreshed.iter().filter(|answer| answer.status == 200).count();
        let after = CALLS - OWNERS - before;
        hold(refreshed, &[(200, "W0000", before), (401, "W2001", after)]);
        let copies = ApiKey::first("acme", &id(round)).copies();
        for copy in store.read_all(&copies.iter().collect::<Vec<_>>()).await.unwrap() {
            let copy: ApiKey = parse(copy).unwrap().unwrap();
            assert_eq!(copy.hotlisted, [copy.hash]);
        }
        client.refresh(&refresh_token).await.expect(401, "W2001");
    }
}
