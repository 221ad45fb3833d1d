//! Many at once: exactly one wins, or exactly as many as there are tries.

use serde_json::json;
use shared::store::phone::{LinkedPhone, Subject};
use shared::store::{Store, parse};
use tests::tries::wrong_codes;
use tests::{App, at_once, count};

use super::{GB, LINK, US, US_TOO, add_films, link_and_request, wrong};

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_at_once_one_is_sent() {
    let app = App::start().await;
    let watch = app.watch();
    watch.link_phone(LINK, US.0, US.1).await.expect(200, "W0000");
    let answers = at_once(32, |_| {
        let watch = watch.clone();
        async move { watch.request_code(LINK).await }
    })
    .await;
    assert_eq!((count(&answers, "W0000"), count(&answers, "W5001")), (1, 31));
    assert_eq!(app.sms_to(US.2).len(), 1);
    watch.verify_code(LINK, &app.sms_code(US.2)).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_screeners_that_text_one_number_at_once_one_does() {
    let app = App::changed(|document| add_films(document, 0, 16)).await;
    let watch = app.watch();
    for n in 0..16 {
        watch.link_phone(&format!("film-{n}"), US.0, US.1).await.expect(200, "W0000");
    }
    let answers = at_once(16, |n| {
        let watch = watch.clone();
        async move { watch.request_code(&format!("film-{n}")).await }
    })
    .await;
    assert_eq!((count(&answers, "W0000"), app.sms_to(US.2).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_is_exact_under_a_crowd() {
    let app = App::changed(|document| {
        add_films(document, 0, 24);
        document["enterprises"][0]["settings"]["sms"] = json!({ "daily_max": 7 });
    })
    .await;
    let watch = app.watch();
    for n in 0..24 {
        watch.link_phone(&format!("film-{n}"), 1, 2_015_550_100 + n).await.expect(200, "W0000");
    }
    let answers = at_once(24, |n| {
        let watch = watch.clone();
        async move { watch.request_code(&format!("film-{n}")).await }
    })
    .await;
    assert_eq!((count(&answers, "W0000"), count(&answers, "W5001")), (7, 17));
    assert_eq!(app.stack.world.outbox().sms.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_right_codes_at_once_one_is_taken() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    let answers = at_once(32, |_| {
        let (watch, code) = (watch.clone(), code.clone());
        async move { watch.verify_code(LINK, &code).await }
    })
    .await;
    assert_eq!((count(&answers, "W0000"), count(&answers, "W2002")), (1, 31));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_wrong_codes_at_once_five_are_counted_and_the_code_is_over() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    let answers = at_once(32, |n| {
        let (watch, code) = (watch.clone(), wrong(&code, u32::try_from(n).unwrap() + 1));
        async move { watch.verify_code(LINK, &code).await }
    })
    .await;
    assert_eq!(count(&answers, "W2002"), 32);
    assert_eq!(wrong_codes(&app).await, 5);
    watch.verify_code(LINK, &code).await.expect(401, "W2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_among_many_wrong_ones_wins_once_at_most_and_never_after_five() {
    for _ in 0..8 {
        let app = App::start().await;
        let watch = app.watch();
        let code = link_and_request(&app, &watch, LINK, US).await;
        // The right one comes last but may be the first to be read: whichever it is, the answers and what is left
        // of the code agree.
        let answers = at_once(12, |n| {
            let code = if n == 11 { code.clone() } else { wrong(&code, u32::try_from(n).unwrap() + 1) };
            let watch = watch.clone();
            async move { watch.verify_code(LINK, &code).await }
        })
        .await;
        let won = count(&answers, "W0000");
        let tries = wrong_codes(&app).await;
        assert!(if won == 1 { tries <= 4 } else { tries == 5 }, "{won} won after {tries}");
        assert_eq!((won <= 1, won + count(&answers, "W2002")), (true, 12));
        watch.verify_code(LINK, &code).await.expect(401, "W2002");
        // Verified exactly when somebody was told so.
        let other = watch.link_phone(LINK, GB.0, GB.1).await;
        if won == 1 {
            other.expect(403, "W2101")
        } else {
            other.expect(200, "W0000")
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_not_replaced_while_it_is_verified() {
    for _ in 0..8 {
        let app = App::start().await;
        let watch = app.watch();
        let code = link_and_request(&app, &watch, LINK, US).await;
        let answers = at_once(8, |n| {
            let (watch, code) = (watch.clone(), code.clone());
            async move {
                if n == 0 {
                    watch.verify_code(LINK, &code).await
                } else {
                    watch.link_phone(LINK, US_TOO.0, US_TOO.1).await
                }
            }
        })
        .await;
        // Either the code was spent first and every other number refused, or the number was replaced and the code
        // is worth nothing.
        let is_verified = answers[0].status == 200;
        let replaced = count(&answers[1..], "W0000");
        let wanted = if is_verified { (0, 7) } else { (7, 0) };
        assert_eq!((replaced, count(&answers[1..], "W2101")), wanted, "{answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_linked_meanwhile_keeps_its_code() {
    let app = App::start().await;
    let watch = app.watch();
    let code = link_and_request(&app, &watch, LINK, US).await;
    // By a call that read the phone before.
    let (store, key) = (Store::new(&app.operator()), LinkedPhone::key("acme", LINK, &Subject::Link));
    let linking = store.linking_phone(&key, &US.2.into(), "US");
    let refused = store.transact(vec![linking]).await.unwrap().unwrap_err();
    let found: LinkedPhone = parse(refused.found[0].clone()).unwrap().unwrap();
    assert_eq!(found.number, US.2.into());
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_link_one_number_at_once_all_succeed_all_count_and_none_ends_a_code() {
    for _ in 0..8 {
        let app = App::start().await;
        let watch = app.watch();
        let answers = at_once(10, |n| {
            let watch = watch.clone();
            async move {
                let linked = watch.link_phone(LINK, US.0, US.1).await;
                // The rest may be on their way still.
                if n == 0 { watch.request_code(LINK).await } else { linked }
            }
        })
        .await;
        assert_eq!(count(&answers, "W0000"), 10, "{answers:?}");
        watch.verify_code(LINK, &app.sms_code(US.2)).await.expect(200, "W0000");
        // Ten numbers an hour may be linked.
        watch.link_phone(LINK, US.0, US.1).await.expect(429, "W5001");
    }
}
