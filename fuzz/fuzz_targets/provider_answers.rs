//! What an identity provider publishes and answers, its ID token before all, and what a browser brings back from it.
//! A second reading of all of it says what must come of it; whatever does, the state is used up as it should be, no
//! request goes anywhere else, and nothing that the provider has sent is in the log or in the answer.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use usher_fuzz::provider::document::discovery;
use usher_fuzz::provider::input::{Choice, Login, initiate};
use usher_fuzz::provider::reading::{Outcome, Reading};
use usher_fuzz::provider::sent::{check_asked, check_log, check_redirect};
use usher_fuzz::provider::tenant::{Ids, studio, user};
use usher_fuzz::provider::wire::Answers;
use usher_fuzz::{Answer, House};

/// For how many seconds a call that dies holds a state, and one more.
const HELD: i64 = 31;

/// Begins a sign-in at the provider of an input, and holds the answer against what its document says.
fn begin(house: &House, choice: &Choice) -> Login {
    let tenant = choice.tenant();
    let document = discovery(&choice.discovery(), tenant.issuer);
    house.wire().answer(Answers { discovery: choice.discovery(), ..Answers::default() });
    let answer = initiate(house, tenant);
    check_log(&house.last_log(), &answer, tenant);
    check_asked(&house.wire().asked(), document.as_ref(), tenant, None);
    let is_good = document.as_ref().map_or(Some(false), |document| document.is_good);
    assert!(is_good.is_none_or(|is_good| is_good == (answer.status == 200)), "{document:?}: {answer:?}");
    match document {
        Some(document) if answer.status == 200 => check_redirect(&answer, &document),
        _ => assert_eq!(answer.status, 500, "{answer:?}"),
    }
    if choice.has_discovery() { Login::begin(house, choice) } else { Login::of(tenant, &answer) }
}

/// What has come of a sign-in, as far as its answer tells.
fn is_told(outcome: Outcome, answer: &Answer, choice: &Choice, ids: &Ids) -> bool {
    match outcome {
        Outcome::Taken(who) => answer.status == 200 && ids.who(choice.tenant, &user(answer)) == who,
        Outcome::Refused | Outcome::Unasked | Outcome::NotTheirs => answer.code() == "2002",
        Outcome::Invalid => answer.code() == "4900",
        Outcome::Down => answer.code() == "5000",
    }
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let (house, ids) = studio();
    let choice = Choice::read(input);
    let tenant = choice.tenant();
    house.begin();
    let login = begin(house, &choice);
    let Some((id_token, signed)) = login.id_token(&choice) else { return Corpus::Reject };
    let answers = login.answers(&choice, &id_token);
    let body = login.body(&choice);
    house.wire().answer(answers.clone());
    let answer = login.send(house, &body, 0);
    let asked = house.wire().asked();
    check_log(&house.last_log(), &answer, tenant);
    let document = discovery(&answers.discovery, tenant.issuer);
    check_asked(&asked, document.as_ref(), tenant, Some((&login, &body)));
    let mut outcomes = Reading::new(&choice, &login, &answers, &signed).outcomes(&body);
    let read = outcomes.clone();
    outcomes.retain(|outcome| is_told(*outcome, &answer, &choice, ids));
    assert!(!outcomes.is_empty(), "{read:?}: {answer:?} {}", house.last_log());

    // The same state once more, with all as it should be. A provider that was down has let it go at once; otherwise
    // whatever has not used it up would hold it no longer by then.
    let good = choice.but_good();
    house.wire().answer(login.answers(&good, &login.good(&good).token));
    let again = login.send(house, &login.body(&good), if answer.status == 500 { 0 } else { HELD });
    let asked_again = house.wire().asked().len();
    outcomes.retain(|outcome| match outcome {
        Outcome::Taken(_) | Outcome::Refused => {
            again.code() == "2002" && asked_again == 0 && !asked.is_empty()
        }
        Outcome::Unasked => again.code() == "2002" && asked_again == 0 && asked.is_empty(),
        Outcome::NotTheirs | Outcome::Invalid => again.status == 200 && asked.is_empty(),
        Outcome::Down => again.status == 200,
    });
    assert!(!outcomes.is_empty(), "{read:?}: {answer:?}, and once more {again:?}");
    Corpus::Keep
});
