//! Login codes: a TV that polls, and two people who answer, in the application or on the page.

use std::collections::{BTreeMap, BTreeSet};

use shared::device::Device;
use shared::store::pairing::{Answer, HAND_OUT_GRACE, Pairing};
use stateright::{Checker, Model, Property};

/// Seconds that pass at once: two steps are within the time in which a TV gets its session again, three are not.
const STEP: i64 = HAND_OUT_GRACE / 2;
/// Epoch seconds at which the code ends.
const CODE_ENDS: i64 = 3 * STEP;
/// Epoch seconds of the end.
const END: i64 = 5 * STEP;
/// How many calls are made.
const MOST_CALLS: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Person {
    Ana,
    Olga,
}

/// A call, by the order in which they come: also its operation, and the session that it would open.
type Number = u8;

/// What the code's item says.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Item {
    /// Whose session it is going to be.
    holder: Option<Person>,
    /// The token of the browser in which somebody signed in last: the number of that call.
    browser: Option<Number>,
    /// Who approved, or that somebody refused; and by which call.
    answer: Option<(Option<Person>, Number)>,
    /// When the last poll was taken.
    polled: Option<i64>,
    handed: Option<(Number, i64)>,
}

impl Item {
    /// What the code reads.
    fn pairing(&self) -> Pairing {
        Pairing {
            enterprise: String::new(),
            api_key: String::new(),
            device: Device::Roku,
            udid_hash: String::new(),
            device_code_hash: None,
            polling_interval: 5,
            session_seconds: 0,
            ends_at: CODE_ENDS,
            expires_at: Pairing::kept_until(0),
            polled_at: self.polled,
            holder: None,
            holder_name: None,
            browser_hash: None,
            answer: self.answer.map(|(who, _)| who.map_or(Answer::Refused, |_| Answer::Approved)),
            session_id: self.handed.map(|(number, _)| number.to_string()),
            handed_at: self.handed.map(|(_, at)| at),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Next {
    /// In the application.
    Approve(Person),
    /// On the page.
    SignIn(Person),
    /// There too, afterwards, with the token that the browser has.
    ApproveFrom(Person, Number),
    Refuse,
    /// A poll, before it has read anything.
    Poll,
    /// A poll, with what it has read.
    Take(Item),
}

/// A call that is being handled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Handler {
    number: Number,
    at: i64,
    next: Next,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    now: i64,
    item: Item,
    handlers: Vec<Handler>,
    calls: Number,
    /// The tokens that people's browsers were given.
    browsers: BTreeMap<Person, Number>,
    /// The sessions that were opened, and whose they are.
    opened: BTreeSet<(Number, Option<Person>)>,
    /// The sessions whose tokens a TV was given.
    given: BTreeSet<Number>,
    /// The calls that were told that theirs is the answer.
    told: BTreeSet<Number>,
    was_given_again: bool,
    was_refused: bool,
    was_answered_on_the_page: bool,
}

/// What TVs and people know.
type Heard = (BTreeSet<Number>, BTreeSet<Number>, BTreeMap<Person, Number>);

impl State {
    fn heard(&self) -> Heard {
        (self.given.clone(), self.told.clone(), self.browsers.clone())
    }

    /// An answer was lost: nobody knows more than before.
    fn forget(&mut self, heard: Heard) {
        (self.given, self.told, self.browsers) = heard;
    }

    /// One call of the table, and what the handler does next. By the same operation again it finds what it did.
    fn call(&mut self, handler: &Handler) -> Option<Next> {
        let Handler { number, at, next } = handler;
        match next {
            Next::SignIn(who) => {
                if self.item.pairing().is_open(*at) {
                    (self.item.holder, self.item.browser) = (Some(*who), Some(*number));
                    self.browsers.insert(*who, *number);
                }
                None
            }
            Next::Approve(_) | Next::ApproveFrom(..) | Next::Refuse => {
                let is_free = self.item.answer.is_none_or(|(_, by)| by == *number);
                let (who, is_theirs) = match next {
                    Next::Approve(who) => (Some(*who), true),
                    Next::ApproveFrom(who, token) => (Some(*who), self.item.browser == Some(*token)),
                    _ => (None, true),
                };
                if is_free && is_theirs && self.item.pairing().ends_at > *at {
                    if matches!(next, Next::Approve(_)) {
                        self.item.holder = who;
                    }
                    self.item.answer = Some((who, *number));
                    self.was_answered_on_the_page |= matches!(next, Next::ApproveFrom(..));
                    self.told.insert(*number);
                }
                None
            }
            Next::Poll => Some(Next::Take(self.item.clone())),
            Next::Take(read) => {
                self.take(read, *number, *at);
                None
            }
        }
    }

    fn take(&mut self, read: &Item, number: Number, at: i64) {
        let pairing = read.pairing();
        let is_open = |item: &Item| {
            let pairing = item.pairing();
            at < pairing.ends_at && pairing.next_poll() <= at
        };
        if let Some((session, handed_at)) = read.handed {
            if at <= handed_at + HAND_OUT_GRACE {
                self.was_given_again = true;
                self.given.insert(session);
            }
        } else if is_open(read) {
            match pairing.answer {
                None => {
                    if is_open(&self.item) {
                        self.item.polled = Some(at);
                    }
                }
                Some(Answer::Refused) => self.was_refused = true,
                Some(Answer::Approved) => {
                    let is_mine = self.item.handed.is_some_and(|(session, _)| session == number);
                    if self.item.handed.is_none() && is_open(&self.item) {
                        self.item.handed = Some((number, at));
                        self.item.polled = Some(at);
                        self.opened.insert((number, read.holder));
                        self.given.insert(number);
                    } else if is_mine {
                        self.given.insert(number);
                    }
                }
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Come(Next),
    /// A handler makes its next call of the table.
    Call(usize),
    /// It does, its answer is lost, and it makes it again.
    CallTwice(usize),
    /// It does, and dies before it can tell. One that dies before its call is as one that never comes to it.
    CallAndDie(usize),
    Wait,
}

struct Code;

impl Model for Code {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.calls < MOST_CALLS {
            // The two are alike: whoever comes first of all is Ana.
            let people = if state.calls == 0 { &[Person::Ana][..] } else { &[Person::Ana, Person::Olga] };
            for who in people {
                actions.extend([Next::Approve(*who), Next::SignIn(*who)].map(Action::Come));
            }
            let signed_in = state.browsers.iter().map(|(who, token)| Next::ApproveFrom(*who, *token));
            actions.extend(signed_in.map(Action::Come));
            actions.extend([Next::Refuse, Next::Poll].map(Action::Come));
        }
        for at in 0..state.handlers.len() {
            actions.extend([Action::Call(at), Action::CallTwice(at), Action::CallAndDie(at)]);
        }
        if state.now < END {
            actions.push(Action::Wait);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Come(next) => {
                state.handlers.push(Handler { number: state.calls, at: state.now, next });
                state.calls += 1;
            }
            Action::Call(at) => {
                let handler = state.handlers.remove(at);
                if let Some(next) = state.call(&handler) {
                    state.handlers.push(Handler { next, ..handler });
                }
            }
            Action::CallTwice(at) => {
                let handler = state.handlers.remove(at);
                let heard = state.heard();
                state.call(&handler);
                state.forget(heard);
                if let Some(next) = state.call(&handler) {
                    state.handlers.push(Handler { next, ..handler });
                }
            }
            Action::CallAndDie(at) => {
                let handler = state.handlers.remove(at);
                let heard = state.heard();
                state.call(&handler);
                state.forget(heard);
            }
            Action::Wait => state.now += STEP,
        }
        state.handlers.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a code opens one session", |_, state: &State| state.opened.len() <= 1),
            Property::always(
                "a TV is given the session that was opened, and no other",
                |_, state: &State| {
                    state.given.iter().all(|given| state.opened.iter().any(|(opened, _)| opened == given))
                },
            ),
            Property::always("the session is that of whoever approved", |_, state: &State| {
                state.opened.iter().all(|(_, who)| {
                    who.is_some() && state.item.answer.map(|(answered, _)| answered) == Some(*who)
                })
            }),
            Property::always(
                "one answer counts, and nobody else is told that theirs does",
                |_, state: &State| {
                    state.told.iter().all(|told| state.item.answer.is_some_and(|(_, by)| by == *told))
                },
            ),
            Property::sometimes("the same answer is given again", |_, state: &State| state.was_given_again),
            Property::sometimes("a TV is told that somebody refused", |_, state: &State| state.was_refused),
            Property::sometimes("a session is opened for an answer on the page", |_, state: &State| {
                state.was_answered_on_the_page && !state.opened.is_empty()
            }),
            Property::sometimes("a session is opened that no TV hears of", |_, state: &State| {
                !state.opened.is_empty() && state.given.is_empty()
            }),
        ]
    }
}

#[test]
fn each_order_of_polls_and_answers_keeps_what_the_contract_says() {
    Code.checker().threads(2).spawn_bfs().join().assert_properties();
}
