//! One-time codes by text message: viewers who ask, type and link another number, and SNS.

mod contract;
mod table;

use std::collections::BTreeSet;

use shared::endpoint::DEADLINE;
use shared::limits::SMS_PAUSE;
use shared::otp::LIFETIME;
use stateright::{Checker, Model, Property};

use contract::Contract;
use table::{BUDGET, Read, Table};

/// Seconds that pass at once: a code ends after two steps, and a pause is over after one.
const STEP: i64 = LIFETIME / 2;
/// Epoch seconds of the end.
const END: i64 = 2 * STEP;
const HOUR: i64 = 60 * 60;
/// How many calls are made.
const MOST_CALLS: Number = 4;
/// When a number was sent messages before: a fifth one may go out, and a sixth only at the end.
const SENT_BEFORE: [i64; 4] = [-STEP, -2 * STEP, -3 * STEP, END - HOUR];
/// The tries of before: one more is left, for as long as their hour lasts.
const TRIED_BEFORE: [Number; 4] = [100, 101, 102, 103];

// A call is over before another message may go to its number: what it takes back is its own.
const _: () = assert!(DEADLINE.as_secs() < SMS_PAUSE.unsigned_abs());

/// A call, by the order in which they come: also its operation, and the code that it would send.
type Number = u8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Next {
    /// A request for a code reads the phone.
    Ask,
    Take(Read),
    /// It asks SNS.
    Send(Read),
    /// Nothing was sent; and whether it is known that something was taken.
    TakeBack(Read, bool),
    /// The code is gone already: all the rest that a message to this number took.
    TakeRestBack(usize),
    /// Somebody types the code that is read, or another one.
    Type(bool),
    Spend(Number),
    /// A wrong try at this code.
    Count(Number),
    /// Somebody links the number that is not linked.
    Link,
    Relink(usize),
}

/// A call that is being handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Handler {
    number: Number,
    at: i64,
    next: Next,
    /// Whether its next call of the table has been made, and the answer was lost.
    is_made: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    now: i64,
    table: Table,
    handlers: Vec<Handler>,
    calls: Number,
    contract: Contract,
    /// Whether a code was taken back that was not sent.
    was_taken_back: bool,
    /// Whether one was taken that had come back.
    was_back: bool,
    /// Whether a try found that it had spent the code.
    was_found: bool,
}

impl State {
    /// One call of the table, and what the handler does next. A transaction that went through finds itself by its
    /// token, and a try by what is in the item.
    fn call(&mut self, handler: Handler) -> Option<Next> {
        let Handler { number, at, next, is_made } = handler;
        match next {
            Next::Ask => return self.table.read(at).map(Next::Take),
            Next::Take(read) => {
                if !is_made {
                    if !self.table.take(number, &read, at) {
                        return None;
                    }
                    self.contract.write(number, read.number, at);
                }
                return Some(Next::Send(read));
            }
            Next::TakeBack(read, is_known) if !is_made => {
                if self.table.take_back(number, &read) {
                    self.contract.take_back(number);
                    self.was_taken_back = true;
                } else if is_known {
                    return Some(Next::TakeRestBack(read.number));
                }
            }
            Next::TakeRestBack(to) if !is_made => self.table.take_rest_back(to),
            Next::Type(is_right) => {
                let next = if is_right { Next::Spend } else { Next::Count };
                return self.table.phone.live_code(at).map(next);
            }
            Next::Spend(code) => {
                let is_back = self.table.phone.code_operation.is_none();
                if self.table.spend(number, code, at) {
                    let is_new = self.contract.admit(code, number, self.table.phone.number, at);
                    self.was_back |= is_new && is_back;
                    self.was_found |= !is_new;
                }
            }
            Next::Count(code) => {
                if self.table.count(number, code, at) {
                    self.contract.count(number, at);
                }
            }
            Next::Link => return self.table.phone.other_number().map(Next::Relink),
            Next::Relink(to) if !is_made => {
                if self.table.link(to) {
                    self.contract.link(to);
                }
            }
            Next::Send(_) | Next::TakeBack(..) | Next::TakeRestBack(_) | Next::Relink(_) => {}
        }
        None
    }

    /// Whether somebody who asks again an hour later gets in, whatever was begun and did not come to an end.
    fn recovers(&self) -> bool {
        let (number, at) = (self.calls, self.now + HOUR);
        let mut state = self.clone();
        let mut step = Some(Next::Ask);
        while let Some(next) = step {
            let next = if let Next::Send(_) = next { Next::Type(true) } else { next };
            step = state.call(Handler { number, at, next, is_made: false });
        }
        state.contract.admitted.contains(&(number, number))
    }

    fn go_on(&mut self, handler: Handler, next: Next) {
        self.handlers.push(Handler { next, is_made: false, ..handler });
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sns {
    Sends,
    Refuses,
    /// It may have sent it.
    LeavesOpen,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    /// A call comes, and reads.
    Come(Next),
    /// A handler makes its next call of the table. None has to: one that dies makes no more.
    Call(usize),
    /// It does, its answer is lost, and it is going to make it again.
    CallInVain(usize),
    /// A request gets no answer to what it takes, however often it tries.
    GiveUp(usize),
    Answer(usize, Sns),
    /// Whatever is being handled has come to an end before.
    Wait,
}

struct Texting;

impl Model for Texting {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut after_messages = State::default();
        after_messages.contract.messages = SENT_BEFORE.map(|at| (0, at)).into_iter().rev().collect();
        after_messages.table.texted[0] = SENT_BEFORE.into();
        let mut after_tries = State::default();
        let State { contract, table: Table { phone, .. }, .. } = &mut after_tries;
        (contract.wrong, contract.hour_ends) = (TRIED_BEFORE.into(), Some(STEP));
        (phone.tries, phone.tries_until) = (TRIED_BEFORE.into(), Some(STEP));
        vec![after_messages, after_tries]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.calls < MOST_CALLS {
            let calls = [Next::Ask, Next::Type(true), Next::Type(false), Next::Link];
            actions.extend(calls.map(Action::Come));
        }
        for (at, handler) in state.handlers.iter().enumerate() {
            if let Next::Send(_) = handler.next {
                let answers = [Sns::Sends, Sns::Refuses, Sns::LeavesOpen];
                actions.extend(answers.map(|sns| Action::Answer(at, sns)));
            } else {
                actions.extend([Action::Call(at), Action::CallInVain(at), Action::GiveUp(at)]);
            }
        }
        if state.now < END {
            actions.push(Action::Wait);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Come(next) => {
                let handler = Handler { number: state.calls, at: state.now, next, is_made: false };
                // One that is refused for what it has read changes nothing.
                let next = state.call(handler)?;
                state.calls += 1;
                state.go_on(handler, next);
            }
            Action::Call(at) => {
                let handler = state.handlers.remove(at);
                if let Some(next) = state.call(handler) {
                    state.go_on(handler, next);
                }
            }
            Action::CallInVain(at) => {
                let _ = state.call(before.handlers[at]);
                // What changes nothing might as well be made later.
                if state.handlers[at].is_made || state.table == before.table {
                    return None;
                }
                state.handlers[at].is_made = true;
            }
            Action::GiveUp(at) => {
                let handler = state.handlers.remove(at);
                let Next::Take(read) = handler.next else { return None };
                state.go_on(handler, Next::TakeBack(read, false));
            }
            Action::Answer(at, sns) => {
                let handler = state.handlers.remove(at);
                let Next::Send(read) = handler.next else { return None };
                if sns == Sns::Refuses {
                    state.go_on(handler, Next::TakeBack(read, true));
                } else {
                    state.contract.messages.push((read.number, handler.at));
                }
            }
            Action::Wait => {
                state.handlers.clear();
                state.now += STEP;
            }
        }
        state.handlers.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a code is taken once", |_, State { contract, .. }: &State| {
                let codes: BTreeSet<_> = contract.admitted.iter().map(|(code, _)| code).collect();
                codes.len() == contract.admitted.len()
            }),
            Property::always(
                "the last code works that was not taken back, until it ends, and no other",
                |_, State { now, table, contract, .. }: &State| {
                    table.phone.live_code(*now) == contract.right_code(*now)
                },
            ),
            Property::always("none but that one is taken", |_, state: &State| !state.contract.was_wrong),
            Property::always(
                "five wrong tries in an hour are told, and each is counted",
                |_, State { table, contract, .. }: &State| {
                    contract.wrong.len() <= 5 && contract.wrong.is_subset(&table.phone.tries)
                },
            ),
            Property::always("a number that was verified stays", |_, state: &State| {
                state.contract.verified.is_none_or(|number| number == state.table.phone.number)
            }),
            Property::always("what may have been sent is within the budget", |_, state: &State| {
                state.contract.sent() <= state.table.used && state.table.used <= BUDGET
            }),
            Property::always("a number has its pauses", |_, state: &State| state.contract.has_pauses()),
            Property::always("whoever asks again gets in, while there are messages", |_, state: &State| {
                state.table.used == BUDGET || state.recovers()
            }),
            Property::sometimes("the code of before is taken", |_, state: &State| state.was_back),
            Property::sometimes("a try is found again", |_, state: &State| state.was_found),
            Property::sometimes("the fifth wrong try ends a code", |_, state: &State| {
                state.contract.wrong.len() == 5 && state.table.phone.code.is_some()
            }),
            Property::sometimes("what was not sent is sent later", |_, state: &State| {
                state.was_taken_back && state.contract.sent() == BUDGET
            }),
            Property::sometimes("a number is replaced while SNS refuses", |_, state: &State| {
                state.handlers.iter().any(|handler| matches!(handler.next, Next::TakeRestBack(_)))
            }),
        ]
    }
}

#[test]
fn each_order_of_requests_and_tries_keeps_what_the_contract_says() {
    Texting.checker().threads(2).spawn_bfs().join().assert_properties();
}
