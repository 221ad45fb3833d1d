//! However many die while they count: nobody is told more often than the limit allows that a guess is wrong, and
//! nobody is refused before.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;
use tests::costs::{link_and_request, wrong_code};
use tests::studio::Studio;
use tests::{Answer, count};

use crate::budgets::{Limited, Try};
use crate::history::History;
use crate::random::Random;
use crate::{FILMS, NO_CODE, film};

/// How many guess at once: fewer than any limit but that on one-time codes, so that the first ones may not be
/// refused.
const AT_ONCE: usize = 8;

/// Guesses until nobody is answered any more: at first while functions die.
async fn guess<F>(
    studio: &Arc<Studio>,
    history: &History,
    what: &Try,
    limited: Limited,
    call: impl Fn(usize) -> F,
) where
    F: Future<Output = Answer>,
{
    let app = &studio.app;
    let mut random = Random::new(limited as u64);
    // As many as the limit has, whichever die, and a few more.
    let rounds = limited.most().div_ceil(AT_ONCE) + 2;
    let mut answers = Vec::new();
    for round in 0..2 * rounds {
        if round < rounds {
            for _ in 0..AT_ONCE / 4 {
                random.plan_a_death(app, 5);
            }
        } else {
            app.stack.world.clear_faults();
        }
        let calls = (0..AT_ONCE).map(|index| history.hear(app, Some(what), call(round * AT_ONCE + index)));
        answers.extend(join_all(calls).await);
    }
    let (last, died) = (answers.split_off(answers.len() - AT_ONCE), |answer: &&Answer| answer.status == 500);
    assert!(answers.iter().any(|answer| answer.status != 500 && answer.status != 429), "{limited:?}");
    assert!(answers.iter().filter(died).count() > 1, "{limited:?}");
    assert!(last.iter().all(|answer| answer.status == 429), "{limited:?}: {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_is_counted() {
    let studio = crate::start(1).await;
    let app = &studio.app;
    let history = History::default();
    let from = |address: &str| app.watch().from(address).forgetting();

    let watch = &app.watch().forgetting();
    let what = Try::new(Limited::Password, "walt", false);
    guess(&studio, &history, &what, Limited::Password, |nth| async move {
        watch.login("walt", &format!("wrong password {nth}")).await
    })
    .await;
    let right = Try::new(Limited::Password, "walt", true);
    let refused = history.hear(app, Some(&right), watch.login("walt", "one seat in the last row")).await;
    refused.expect(429, "W5001");

    let (address, what) = ("127.2.0.1", Try::new(Limited::Pin, "127.2.0.1", false));
    let watch = &from(address);
    guess(&studio, &history, &what, Limited::Pin, |nth| async move {
        watch.login_by_pin(&format!("WRNG-{nth:04}")).await
    })
    .await;

    let (address, what) = ("127.2.0.2", Try::new(Limited::LoginCode, "127.2.0.2", false));
    let watch = &from(address);
    guess(&studio, &history, &what, Limited::LoginCode, |nth| async move {
        let credentials = json!({ "pin": "K7QX-93WD" });
        match nth % 3 {
            0 => watch.get_token(NO_CODE, &format!("tv {nth}")).await,
            1 => watch.get(&format!("/qr/{NO_CODE}")).await,
            _ => {
                let body = json!({ "login_code": NO_CODE, "type": "pin", "credentials": credentials });
                watch.post("/v2/watch/auth/login/qr", body).await
            }
        }
    })
    .await;

    let (watch, address) = (&app.watch().forgetting(), "walt@acme.example");
    let what = Try::new(Limited::Message, address, false);
    guess(&studio, &history, &what, Limited::Message, |_| async move {
        watch.post("/v2/watch/auth/forgot-password", json!({ "email": address })).await
    })
    .await;

    for nth in 0..FILMS {
        guess_a_one_time_code(&studio, &history, nth).await;
    }
    history.check(app).await;
}

/// The right one after so many wrong ones: at five it is one too many.
async fn guess_a_one_time_code(studio: &Studio, history: &History, wrong: usize) {
    let (app, film) = (&studio.app, film(wrong));
    let (watch, number) = (app.watch(), 2_025_550_900 + wrong as u64);
    let code = link_and_request(app, &watch, &film, (1, number, &format!("+1{number}"))).await;
    let mut random = Random::new(wrong as u64);
    for _ in 0..wrong / 3 {
        random.plan_a_death(app, 5);
    }
    let what = |is_right| Try::new(Limited::OneTimeCode, film.clone(), is_right);
    let (is_wrong, watch, film) = (what(false), &watch, &film);
    let calls = (0..wrong).map(|nth| {
        let guess = wrong_code(&code, u32::try_from(nth).unwrap() + 1);
        let call = async move { watch.verify_code(film, &guess).await };
        history.hear(app, Some(&is_wrong), call)
    });
    let answers = join_all(calls).await;
    assert_eq!(count(&answers, "W0000"), 0);
    app.stack.world.clear_faults();
    // Whether it opens is a matter of how many were told that theirs is wrong, and how many died.
    history.hear(app, Some(&what(true)), watch.verify_code(film, &code)).await;
}
