//! Single sign-on: states, and who comes with them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use shared::limits;
use tests::provider::Trouble;
use tests::studio::{INITIATE, LOGIN, OLGA_AT, Studio, body};
use tests::{Answer, Client, at_once, count, part};

use crate::{CALLS, different, exactly, hold, next_hour, rounds};

/// How often a provider is asked about one state when it does not answer.
const TRIES: usize = 10;

fn admin(studio: &Studio) -> Client {
    studio.app.admin().forgetting()
}

fn email(round: usize) -> String {
    format!("n{round}@acme.example")
}

/// Signs in, with the address of a round, as one of the people at the provider who have it.
async fn come(studio: &Studio, admin: &Client, round: usize, nth: usize) -> Answer {
    let (begun, email) = (studio.begin_by(admin).await, email(round));
    let code = studio.provider.sign_in(&begun.redirect, &email, &format!("n-{round}-{nth}"));
    admin.post(LOGIN, body(&begun, &email, &code)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_used_once() {
    let studio = Arc::new(Studio::open().await);
    let admin = admin(&studio);
    for _ in rounds() {
        next_hour(&studio.app);
        let begun = Arc::new(studio.begin_by(&admin).await);
        // Each comes with a code of its own, so that it is not the provider that sees to it.
        let answers = at_once(CALLS, |_| {
            let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
            let (admin, body) = (admin.clone(), body(&begun, OLGA_AT, &code));
            async move { admin.post(LOGIN, body).await }
        })
        .await;
        hold(answers, &[(200, "A0000", 1), (401, "A2002", CALLS - 1)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sight_makes_one_person() {
    let studio = Studio::changed(|document| {
        document["enterprises"][0]["sso"]["jit"] = json!(true);
        document["enterprises"][0]["sso"]["email_domains"] = json!(["acme.example"]);
    })
    .await;
    let (admin, studio) = (admin(&studio), Arc::new(studio));
    for round in rounds() {
        next_hour(&studio.app);
        let answers = at_once(CALLS, |_| {
            let (studio, admin) = (Arc::clone(&studio), admin.clone());
            async move { come(&studio, &admin, round, 0).await }
        })
        .await;
        let people: BTreeSet<_> =
            different(&answers, "token").iter().map(|token| part(token, 1)["sub"].to_string()).collect();
        hold(answers, &[(200, "A0000", CALLS)]);
        assert_eq!(people.len(), 1);
    }
}

/// Two people of the provider come with one address: it is that of somebody who is here, or of nobody yet.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_subs_one_is_a_person() {
    let studio = Studio::changed(|document| {
        document["enterprises"][0]["sso"]["jit"] = json!(true);
        document["enterprises"][0]["sso"]["email_domains"] = json!(["acme.example"]);
        let people = document["enterprises"][0]["users"].as_array_mut().unwrap();
        people.extend(rounds().step_by(2).map(
            |round| json!({ "username": format!("n{round}"), "email": email(round), "surfaces": ["admin"] }),
        ));
    })
    .await;
    let (admin, studio) = (admin(&studio), Arc::new(studio));
    for round in rounds() {
        next_hour(&studio.app);
        let answers = at_once(CALLS, |index| {
            let (studio, admin) = (Arc::clone(&studio), admin.clone());
            async move { come(&studio, &admin, round, index % 2).await }
        })
        .await;
        let people: BTreeSet<_> =
            different(&answers, "token").iter().map(|token| part(token, 1)["sub"].to_string()).collect();
        assert_eq!(people.len(), 1);
        let winner = answers.iter().position(|answer| answer.status == 200).unwrap() % 2;
        for (index, answer) in answers.into_iter().enumerate() {
            if index % 2 == winner {
                answer.expect(200, "A0000")
            } else {
                answer.expect(401, "A2002")
            };
        }
        come(&studio, &admin, round, 1 - winner).await.expect(401, "A2002");
        come(&studio, &admin, round, winner).await.expect(200, "A0000");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_is_asked_ten_times() {
    let studio = Studio::open().await;
    let admin = admin(&studio);
    studio.trouble("token", Trouble::Closed);
    for _ in rounds() {
        next_hour(&studio.app);
        let begun = studio.begin_by(&admin).await;
        let code = studio.provider.sign_in(&begun.redirect, OLGA_AT, "olga-1");
        let login = || admin.post(LOGIN, body(&begun, OLGA_AT, &code));
        let answers = at_once(CALLS, |_| {
            let (admin, body) = (admin.clone(), body(&begun, OLGA_AT, &code));
            async move { admin.post(LOGIN, body).await }
        })
        .await;
        // One call has the state at a time; those that come meanwhile are refused.
        let asked = count(&answers, "A5000");
        assert!((1..=TRIES).contains(&asked));
        hold(answers, &[(500, "A5000", asked), (401, "A2002", CALLS - asked)]);
        for _ in asked..TRIES {
            login().await.expect(500, "A5000");
        }
        login().await.expect(401, "A2002");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_that_one_address_begins() {
    let studio = Studio::open().await;
    let admin = admin(&studio);
    let counters = |now| vec![limits::SSO_SOURCE.counter("acme", "127.0.0.1", now)];
    exactly(&studio.app, CALLS, (200, "A0000"), counters, |_, _| {
        let admin = admin.clone();
        async move { admin.post(INITIATE, json!({ "username": OLGA_AT })).await }
    })
    .await;
}
