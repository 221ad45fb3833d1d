//! 32 at once, 200 times: of whatever works once, one gets it; of whatever has a limit, as many as the limit allows.
//!
//! `cargo test -p tests --features races --test races`; with `USHER_ROUNDS=<n>` so many times. A round of a limit
//! begins with a counter in which a few tries are left, from none to as many as there are calls.
//!
//! | what works once | race |
//! |---|---|
//! | a refresh token has one successor | `tokens::a_refresh_token_has_one_successor` |
//! | an opaque token has one | `tokens::an_opaque_token_has_one_successor` |
//! | a session ends, whoever refreshes it meanwhile | `tokens::nobody_refreshes_what_is_signed_out` |
//! | so does that of an opaque token | `tokens::nobody_refreshes_an_opaque_token_that_is_signed_out` |
//! | a session or a person is hotlisted | `hotlist::a_session_and_a_person_count_once` |
//! | an API key is, in all its copies | `hotlist::an_api_key_counts_once_and_no_copy_of_it_works_on` |
//! | all of a person ends that began before they are hotlisted | `ends::what_began_before_a_person_is_hotlisted_is_over` |
//! | or before their password is reset; the old one's hash is not upgraded after that | `ends::what_began_before_a_password_is_reset_is_over_and_the_old_one_too` |
//! | a poll in each interval; a login code's answer; its session | `codes::a_login_code_is_polled_answered_and_handed_out_once` |
//! | a reset code | `codes::a_reset_code_is_used_once` |
//! | a user name, an e-mail address | `codes::a_name_and_an_address_are_taken_once` |
//! | a host name is one enterprise's, in all its copies | `codes::a_host_name_is_one_enterprises` |
//! | a state of single sign-on | `sso::a_state_is_used_once` |
//! | a `sub` of a provider is one person | `sso::a_first_sight_makes_one_person` |
//! | a person has one `sub` | `sso::of_two_subs_one_is_a_person` |
//! | ten tries of a state at a provider that does not answer | `sso::a_provider_that_does_not_answer_is_asked_ten_times` |
//! | a rotation of the signing keys makes one key | `rotation::of_two_rotations_one_makes_one_key` |
//! | a message to a viewer; a one-time code | `messages::a_message_is_sent_once_and_its_code_opens_once` |
//! | a one-time code, while its number is replaced | `messages::a_code_opens_for_no_number_but_its_own` |
//!
//! | limit | race |
//! |---|---|
//! | `LOGIN_ACCOUNT` | `guesses::wrong_passwords_for_one_person` |
//! | the same, on all surfaces together | `guesses::wrong_passwords_for_one_person_on_all_surfaces` |
//! | `LOGIN_SOURCE` | `guesses::wrong_passwords_from_one_address` |
//! | `LOGIN_ENTERPRISE` | `guesses::wrong_passwords_within_an_enterprise` |
//! | the same, shared out over counters | `guesses::wrong_passwords_within_an_enterprise_of_several_counters` |
//! | `PIN_SOURCE` | `guesses::wrong_pins_from_one_address` |
//! | `PIN_ENTERPRISE` | `guesses::wrong_pins_within_an_enterprise` |
//! | the same, shared out over counters | `guesses::wrong_pins_within_an_enterprise_of_several_counters` |
//! | `SIGNUP_SOURCE` | `sending::sign_ups_from_one_address` |
//! | `FORGOT_ADDRESS` | `sending::reset_mails_for_one_address` |
//! | `FORGOT_SOURCE` | `sending::reset_mails_from_one_address` |
//! | `RESET_SOURCE` | `guesses::reset_codes_from_one_address` |
//! | `SSO_SOURCE` | `sso::sign_ins_that_one_address_begins` |
//! | `QR_CODE_DEVICE` | `sending::login_codes_of_one_tv` |
//! | `QR_CODE_SOURCE` | `sending::login_codes_from_one_address` |
//! | `QR_GUESS_SOURCE` | `guesses::wrong_login_codes_from_one_address` |
//! | `QR_GUESS_DEVICE` | `guesses::wrong_login_codes_of_one_tv` |
//! | `PHONE_VIEWER` | `sending::numbers_of_one_viewer` |
//! | `PHONE_SOURCE` | `sending::numbers_from_one_address` |
//! | `OTP_TRIES`, `OTP_HOUR` | `guesses::wrong_one_time_codes` |
//! | `SMS_PAUSE`, `SMS_NUMBER` | `messages::one_number_has_its_pause_and_five_an_hour` |
//! | `SMS_ATTEMPTS` | `messages::attempts_of_one_viewer` |
//! | `SMS_VIEWER` | `messages::messages_of_one_viewer` |
//! | `SMS_SOURCE` | `messages::messages_from_one_address` |
//! | `SMS_SCREENER` | `messages::messages_for_one_screener` |
//! | `SMS_ENTERPRISE` | `messages::messages_of_an_enterprise` |
//! | `SMS_DEPLOYMENT` | `messages::messages_of_the_deployment` |
//! | `month_of_money` | `messages::money_of_the_deployment` |

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod codes;
mod ends;
mod guesses;
mod hotlist;
mod messages;
mod rotation;
mod sending;
mod sso;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Value, json};
use shared::limits::Counter;
use tests::tries::Tries;
use tests::{Answer, App, Client, at_once};

/// How many calls are made at once.
const CALLS: usize = 32;

/// The PIN of the tests' document. Signing in by it costs little, as by a password does not.
const PIN: &str = "K7QX-93WD";

/// Which the rounds are.
fn rounds() -> Range<usize> {
    let set =
        std::env::var("USHER_ROUNDS").ok().map(|rounds| rounds.parse().expect("USHER_ROUNDS is a number"));
    0..set.unwrap_or(200)
}

/// The same call by everybody.
async fn all(client: &Client, path: &str, body: Value) -> Vec<Answer> {
    at_once(CALLS, |_| {
        let (client, path, body) = (client.clone(), path.to_owned(), body.clone());
        async move { client.post(&path, body).await }
    })
    .await
}

/// The answer's row of the status table.
fn row(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["status_code"].as_str().unwrap_or_default())
}

/// Holds answers against how many there are to be of each row, and each of them against its row.
#[track_caller]
fn hold(answers: Vec<Answer>, wanted: &[(u16, &str, usize)]) {
    let mut told = BTreeMap::new();
    for answer in &answers {
        *told.entry(row(answer)).or_insert(0) += 1;
    }
    let wanted = wanted.iter().filter(|(.., times)| *times > 0);
    let wanted: BTreeMap<_, _> = wanted.map(|(http, code, times)| ((*http, *code), *times)).collect();
    assert_eq!(told, wanted);
    for answer in answers {
        let (http, code) = row(&answer);
        let code = code.to_owned();
        answer.expect(http, &code);
    }
}

/// The different values of a field.
fn different(answers: &[Answer], field: &str) -> BTreeSet<String> {
    answers.iter().filter_map(|answer| answer.body[field].as_str().map(ToOwned::to_owned)).collect()
}

/// Moves the clock to the beginning of an hour, and so of every limit's window that is no longer: no round runs across
/// its end, and there is nothing in it.
fn next_hour(app: &App) -> i64 {
    next(app, 60 * 60)
}

/// The same for a day.
fn next_day(app: &App) -> i64 {
    next(app, 24 * 60 * 60)
}

fn next(app: &App, window: i64) -> i64 {
    let now = app.stack.world.clock.now();
    let begin = now - now.rem_euclid(window) + window;
    app.advance(begin - now);
    begin
}

/// Rounds of a call with counters in which few tries are left: so many go through as are, and all others are refused.
///
/// `most` is how many are left at most, for a call that takes long where it goes through.
async fn exactly<F>(
    app: &App,
    most: usize,
    (http, code): (u16, &str),
    counters: impl Fn(i64) -> Vec<Counter>,
    call: impl Fn(usize, usize) -> F,
) where
    F: Future<Output = Answer> + Send + 'static,
{
    let tries = Tries::of(app);
    let refusal = format!("{}5001", &code[..1]);
    for round in rounds() {
        let left = round % (most + 1);
        for counter in counters(next_hour(app)) {
            tries.leave(&counter, left).await;
        }
        let answers = at_once(CALLS, |index| call(round, index)).await;
        hold(answers, &[(http, code, left), (429, &refusal, CALLS - left)]);
    }
}

/// So many people more, called `person0` and so on, with hashes of another system that cost little to compare with.
fn add_people(document: &mut Value, count: usize) {
    let hash = format!("$argon2id$v=19$m=8,t=1,p=1$dXNoZXItbm9ib2R5LXNhbHQ${}", "A".repeat(43));
    let people = document["enterprises"][0]["users"].as_array_mut().unwrap();
    people.extend((0..count).map(|index| {
        json!({ "username": format!("person{index}"), "email": address(index), "password_hash": hash })
    }));
}

/// The e-mail address of one of [`add_people`].
fn address(index: usize) -> String {
    format!("person{index}@acme.example")
}

/// A source address, another one for each number.
fn source(number: usize) -> String {
    format!("127.2.{}.{}", number / 200, number % 200 + 1)
}

/// Each limit has a race, and each race of the tables is there.
#[test]
fn no_limit_is_forgotten() {
    let head: String = include_str!("main.rs").lines().take_while(|line| line.starts_with("//!")).collect();
    let limits = include_str!("../../shared/src/limits.rs").lines();
    let limits: Vec<_> =
        limits.filter_map(|line| line.strip_prefix("pub const ")?.split(':').next()).collect();
    assert!(limits.len() > 20, "{limits:?}");
    for limit in limits {
        assert!(head.contains(&format!("`{limit}`")), "{limit} has no race");
    }
    let rooms = [
        ("codes", include_str!("codes.rs")),
        ("ends", include_str!("ends.rs")),
        ("guesses", include_str!("guesses.rs")),
        ("hotlist", include_str!("hotlist.rs")),
        ("messages", include_str!("messages.rs")),
        ("rotation", include_str!("rotation.rs")),
        ("sending", include_str!("sending.rs")),
        ("sso", include_str!("sso.rs")),
        ("tokens", include_str!("tokens.rs")),
    ];
    let named = head.split('`').filter_map(|word| word.split_once("::"));
    let named: BTreeSet<_> = named.map(|(room, race)| (room.to_owned(), race.to_owned())).collect();
    let there = rooms.iter().flat_map(|(room, text)| {
        let races = text.split("#[tokio::test(flavor = \"multi_thread\")]\nasync fn ").skip(1);
        races.map(|race| ((*room).to_owned(), race.split('(').next().unwrap_or_default().to_owned()))
    });
    assert_eq!(named, there.collect());
}
