//! Who is signed in: known by `sub` once seen, found by e-mail address at first sight, or made just in time.

use std::sync::Arc;

use serde_json::{Value, json};
use tests::{at_once, part};

use super::{OLGA_AT, SESSION, Studio};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_admin_here_is_2002_like_who_is_nobody() {
    let studio = Studio::open().await;
    let mut bodies = Vec::new();
    for (email, sub) in
        [("ana@acme.example", "ana-1"), ("dora@acme.example", "dora-1"), ("nobody@acme.example", "nobody-1")]
    {
        let answer = studio.sign_in(email, sub).await.expect(401, "A2002");
        bodies.push(answer.text);
    }
    // Another address than the one that the provider says.
    let begun = studio.begin().await;
    let code = studio.provider.sign_in(&begun.redirect, "ana@acme.example", "ana-1");
    bodies.push(studio.login(&begun, OLGA_AT, &code).await.expect(401, "A2002").text);
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn once_seen_a_person_is_their_sub_and_not_their_address() {
    let studio = Studio::open().await;
    let first = studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000").tokens();
    // A new address at the provider, by marriage.
    let again = studio.sign_in("olga.orlova@acme.example", "olga-1").await.expect(200, "A0000").tokens();
    assert_eq!(part(&again.token, 1)["sub"], part(&first.token, 1)["sub"]);
    // Her old address is somebody else's there now.
    studio.sign_in(OLGA_AT, "olaf-2").await.expect(401, "A2002");
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    // And when that address is entered here for somebody else, they are who they are.
    studio
        .apply(|document| {
            let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
            users[2]["email"] = json!("olga.orlova@acme.example");
            users.push(
                json!({ "username": "olaf", "email": OLGA_AT, "roles": ["admin"], "surfaces": ["admin"] }),
            );
        })
        .await;
    let olaf = studio.sign_in(OLGA_AT, "olaf-2").await.expect(200, "A0000").tokens();
    assert_ne!(part(&olaf.token, 1)["sub"], part(&first.token, 1)["sub"]);
    let olga = studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000").tokens();
    assert_eq!(part(&olga.token, 1)["sub"], part(&first.token, 1)["sub"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_disabled_after_first_sight_is_out() {
    let studio = Studio::open().await;
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    studio
        .apply(|document| {
            document["enterprises"][0]["users"][2]["disabled"] = json!(true);
        })
        .await;
    studio.sign_in(OLGA_AT, "olga-1").await.expect(401, "A2002");
    studio.sign_in("olga.orlova@acme.example", "olga-1").await.expect(401, "A2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_first_sights_at_once_there_is_one_person() {
    let studio = Arc::new(Studio::changed(|document| just_in_time(document, &["acme.example"])).await);
    let answers = at_once(32, |_| {
        let studio = Arc::clone(&studio);
        async move { studio.sign_in("nina@acme.example", "nina-1").await }
    })
    .await;
    let subs: std::collections::BTreeSet<_> = answers
        .into_iter()
        .map(|answer| part(&answer.expect(200, "A0000").tokens().token, 1)["sub"].to_string())
        .collect();
    assert_eq!(subs.len(), 1);
}

fn just_in_time(document: &mut Value, domains: &[&str]) {
    document["enterprises"][0]["sso"]["jit"] = json!(true);
    document["enterprises"][0]["sso"]["email_domains"] = json!(domains);
}

#[tokio::test(flavor = "multi_thread")]
async fn just_in_time_admins_are_those_of_the_enterprises_domains() {
    let studio =
        Studio::changed(|document| just_in_time(document, &["acme.example", "daughters.example"])).await;
    for (email, sub) in [("nina@acme.example", "nina-1"), ("Noor@Daughters.Example", "noor-1")] {
        let tokens = studio.sign_in(email, sub).await.expect(200, "A0000").tokens();
        assert_eq!(part(&tokens.token, 1)["scope"], "admin");
        let session = studio.app.authorized(&tokens.token).get(SESSION).await.expect(200, "A0000");
        assert_eq!(session.body["user"]["email"], email);
        let again = studio.sign_in(email, sub).await.expect(200, "A0000").tokens();
        assert_eq!(part(&again.token, 1)["sub"], part(&tokens.token, 1)["sub"]);
        // They own nothing, and have no password.
        let hotlist = json!({ "user": part(&tokens.token, 1)["sub"] });
        let owner = studio.app.authorized(&tokens.token);
        owner.post("/v1/admin/auth/hotlist", hotlist).await.expect(403, "A2101");
        studio.app.admin().admin_login(email, "a password that is none").await.expect(401, "A2002");
    }
    for (email, sub) in [
        ("eve@evil.example", "eve-1"),
        ("eve@acme.example.evil.example", "eve-2"),
        ("eve@evilacme.example", "eve-3"),
        ("eve@sub.acme.example", "eve-4"),
    ] {
        studio.sign_in(email, sub).await.expect(401, "A2002");
    }
    // A viewer does not become an admin by that, nor somebody who is disabled anything.
    studio.sign_in("Ana@acme.example", "ana-1").await.expect(401, "A2002");
    studio.sign_in("dora@acme.example", "dora-1").await.expect(401, "A2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn just_in_time_without_domains_lets_nobody_in() {
    let studio = Studio::changed(|document| just_in_time(document, &[])).await;
    studio.sign_in("nina@acme.example", "nina-1").await.expect(401, "A2002");
}
