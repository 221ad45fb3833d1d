//! Tokens: one successor each, and none after the end.

use std::collections::BTreeSet;

use serde_json::json;
use tests::costs::ANA_AT;
use tests::{ANA, Answer, App, at_once};

use crate::{CALLS, PIN, all, different, hold, rounds};

const REFRESH: &str = "/v2/watch/auth/token/refresh";
const LOGOUT: &str = "/v2/watch/auth/logout";

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_has_one_successor() {
    let app = App::start().await;
    let key = app.key("acme-rotating").forgetting();
    let mut token = key.login_by_pin(PIN).await.tokens().refresh_token;
    for _ in rounds() {
        let answers = all(&key, REFRESH, json!({ "refresh_token": token })).await;
        let successors = different(&answers, "refresh_token");
        hold(answers, &[(200, "W0000", CALLS)]);
        assert_eq!(successors.len(), 1);
        token = successors.first().unwrap().clone();
        // Until the one before does not work any more.
        app.advance(11);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_has_one_successor() {
    let app = App::start().await;
    let client = app.vidizmo().forgetting();
    let mut token = client.authenticate(ANA_AT, ANA).await.opaque();
    for _ in rounds() {
        let client = client.clone().bearing(&token);
        let answers = all(&client, "/api/v1/user/refresh-access-token", json!({})).await;
        let successors: BTreeSet<_> = answers.into_iter().map(Answer::opaque).collect();
        assert_eq!(successors.len(), 1);
        token = successors.first().unwrap().clone();
        app.advance(11);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_refreshes_what_is_signed_out() {
    let app = App::start().await;
    let key = app.key("acme-rotating").forgetting();
    for _ in rounds() {
        let token = key.login_by_pin(PIN).await.tokens().refresh_token;
        let answers = at_once(CALLS, |index| {
            let (key, body) = (key.clone(), json!({ "refresh_token": token }));
            async move { key.post(if index % 2 == 0 { LOGOUT } else { REFRESH }, body).await }
        })
        .await;
        let mut successors = different(&answers, "refresh_token");
        assert!(successors.len() <= 1);
        // Those that were faster than the first logout.
        let refreshed = answers.iter().filter(|answer| answer.body["token"].is_string()).count();
        let (out, refused) = (CALLS / 2, CALLS / 2 - refreshed);
        hold(answers, &[(200, "W0000", out + refreshed), (401, "W2003", refused)]);
        successors.insert(token);
        for token in successors {
            key.refresh(&token).await.expect(401, "W2003");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_refreshes_an_opaque_token_that_is_signed_out() {
    const OVER: &str = "ExpiredAccessTokenException";
    let app = App::start().await;
    let client = app.vidizmo().forgetting();
    for _ in rounds() {
        let token = client.authenticate(ANA_AT, ANA).await.opaque();
        let bearing = client.clone().bearing(&token);
        let answers = at_once(CALLS, |index| {
            let path = if index % 2 == 0 { "logout" } else { "refresh-access-token" };
            let (bearing, path) = (bearing.clone(), format!("/api/v1/user/{path}"));
            async move { bearing.post(&path, json!({})).await }
        })
        .await;
        let mut successors = BTreeSet::from([token]);
        for answer in answers {
            if let Some(token) = answer.body.as_str() {
                successors.insert(token.to_owned());
            } else if answer.status != 200 {
                answer.expect_exception(400, OVER);
            }
        }
        assert!(successors.len() <= 2);
        for token in successors {
            client.clone().bearing(&token).refresh_opaque().await.expect_exception(400, OVER);
        }
    }
}
