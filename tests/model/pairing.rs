//! Login codes: a TV that polls, another device that does too, and two people who answer, in the application or on
//! the page.

mod contract;
mod item;

use std::collections::{BTreeMap, BTreeSet};

use shared::endpoint::DEADLINE;
use shared::store::pairing::{Answer, HAND_OUT_GRACE, LIFETIME};
use stateright::{Checker, Model, Property};

use contract::{Contract, Rule};
use item::Item;

/// Seconds that pass at once: two steps are within the time in which a TV gets its session again, three are not.
const STEP: i64 = HAND_OUT_GRACE / 2;
/// When the code was asked for: it ends after two steps.
const ASKED: i64 = 2 * STEP - LIFETIME;
/// Epoch seconds of the end.
const END: i64 = 4 * STEP;
/// What the TV was told: the next poll is taken a step after the last one.
const POLLING_INTERVAL: u64 = STEP.unsigned_abs() + 1;
/// How many calls are made that may write.
const MOST_CALLS: Number = 4;
const UDID: &str = "our TV";

// A call that came before a step is over before the next one.
const _: () = assert!(DEADLINE.as_secs() < STEP.unsigned_abs());

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Person {
    Ana,
    Olga,
}

/// A call, by the order in which they come: also its operation, and the session that it would open.
type Number = u8;

/// The call of the table that a handler makes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Next {
    /// In the application, with a session that lived when the call came.
    Approve(Person),
    /// On the page.
    SignIn(Person),
    /// There too, afterwards, with the token that the browser has.
    ApproveFrom(Person, Number),
    Refuse,
    /// A poll reads; whether it is by the TV that asked for the code.
    Poll(bool),
    /// It found no answer.
    Wait(bool),
    /// It found who approved, and whether that was with a session.
    HandOut(bool, Option<(Person, bool)>),
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
    item: Item,
    /// Whose session has ended.
    ended: BTreeSet<Person>,
    handlers: Vec<Handler>,
    calls: Number,
    has_ana_come: bool,
    /// The tokens that people's browsers were given.
    browsers: BTreeMap<Person, Number>,
    contract: Contract,
    /// What the last step of all showed.
    seen: Option<Seen>,
}

/// What is to happen at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seen {
    /// A TV is given its session again.
    Again,
    /// A TV is told that somebody refused.
    Refusal,
    /// A TV is told that whoever approved may not sign in any more.
    Gone,
    /// A call finds that it has written, after another one has too.
    Below,
}

impl State {
    /// One call of the table, and what the handler does next. By the same operation again it finds what it did, as a
    /// transaction does by its token.
    fn call(&mut self, handler: Handler) -> Option<Next> {
        let Handler { number, at, next, is_made } = handler;
        match next {
            Next::SignIn(who) => {
                if is_made || self.item.pairing().is_open(at) {
                    if !is_made {
                        (self.item.holder, self.item.browser) = (Some((who, false)), Some(number));
                    }
                    if self.item.browser != Some(number) {
                        self.seen = Some(Seen::Below);
                    }
                    self.browsers.insert(who, number);
                }
            }
            Next::Approve(who) => {
                if self.answer(Some(who), handler) {
                    self.item.holder = Some((who, true));
                }
            }
            Next::ApproveFrom(who, token) => {
                if self.item.browser == Some(token) {
                    self.answer(Some(who), handler);
                }
            }
            Next::Refuse => _ = self.answer(None, handler),
            Next::Poll(is_ours) => return self.read(is_ours, handler),
            Next::Wait(is_ours) => {
                let is_own = self.item.poll_operation == Some(number);
                if is_own || self.item.takes_poll(at) {
                    (self.item.polled, self.item.poll_operation) = (Some(at), Some(number));
                    self.contract.wait(number, at, is_ours);
                }
            }
            Next::HandOut(is_ours, holder) => {
                if !is_made {
                    if self.item.handed.is_some() || !self.item.takes_poll(at) {
                        return None;
                    }
                    let by = holder.and_then(|(who, is_vouching)| is_vouching.then_some(who));
                    if by.is_some_and(|by| self.ended.contains(&by)) {
                        self.seen = Some(Seen::Gone);
                        return None;
                    }
                    self.item.poll_operation = None;
                    (self.item.handed, self.item.polled) = (Some((number, at)), Some(at));
                    self.contract.open(number, holder.map(|(who, _)| who), by, at);
                }
                self.contract.give(number, at, is_ours);
            }
        }
        None
    }

    fn answer(&mut self, who: Option<Person>, Handler { number, at, .. }: Handler) -> bool {
        let is_free = self.item.answer.is_none_or(|(_, by)| by == number);
        let is_taken = is_free && self.item.pairing().ends_at > at;
        if is_taken {
            self.item.answer = Some((who, number));
            self.contract.take_answer(at);
            self.contract.told.insert(number);
        }
        is_taken
    }

    /// What a poll does with what it reads.
    fn read(&mut self, is_ours: bool, Handler { number, at, .. }: Handler) -> Option<Next> {
        if !self.item.has_udid(if is_ours { UDID } else { "another one" }) {
            return None;
        }
        if let Some((session, handed_at)) = self.item.handed {
            if at <= handed_at + HAND_OUT_GRACE {
                self.seen = Some(Seen::Again);
                self.contract.give(session, at, is_ours);
            }
            return None;
        }
        if !self.item.takes_poll(at) {
            return None;
        }
        match self.item.pairing().answer {
            None => Some(Next::Wait(is_ours)),
            Some(Answer::Refused) => {
                self.seen = Some(Seen::Refusal);
                self.contract.refuse(number, at, is_ours);
                None
            }
            Some(Answer::Approved) => Some(Next::HandOut(is_ours, self.item.holder)),
        }
    }

    /// Whether somebody has approved with their session, or is about to.
    fn needs_session(&self, who: Person) -> bool {
        self.item.holder == Some((who, true))
            || self.handlers.iter().any(|handler| handler.next == Next::Approve(who))
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    /// A call comes. A poll reads at once.
    Come(Next),
    /// A handler makes its next call of the table. None has to: one that dies makes no more.
    Call(usize),
    /// It does, its answer is lost, and it is going to make it again.
    CallInVain(usize),
    /// Somebody signs out where they approve, or their session is hotlisted.
    EndSession(Person),
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
        // The two are alike: whoever comes first of all is Ana.
        let people = if state.has_ana_come { &[Person::Ana, Person::Olga][..] } else { &[Person::Ana] };
        // Later than at its end is a code as it is then.
        if state.calls < MOST_CALLS && state.now <= ASKED + LIFETIME {
            for who in people {
                if !state.ended.contains(who) {
                    actions.push(Action::Come(Next::Approve(*who)));
                }
                actions.push(Action::Come(Next::SignIn(*who)));
            }
            let signed_in = state.browsers.iter().map(|(who, token)| Next::ApproveFrom(*who, *token));
            actions.extend(signed_in.map(Action::Come));
            actions.push(Action::Come(Next::Refuse));
        }
        actions.extend([true, false].map(Next::Poll).map(Action::Come));
        for at in 0..state.handlers.len() {
            actions.extend([Action::Call(at), Action::CallInVain(at)]);
        }
        for who in people {
            if !state.ended.contains(who) && state.needs_session(*who) {
                actions.push(Action::EndSession(*who));
            }
        }
        if state.now < END {
            actions.push(Action::Wait);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = State { seen: None, ..before.clone() };
        match action {
            Action::Come(next) => {
                let mut handler = Handler { number: state.calls, at: state.now, next, is_made: false };
                if let Next::Poll(_) = next {
                    // One that is answered for what it has read is no call that counts.
                    let Some(next) = state.call(handler) else { return Some(state) };
                    handler.next = next;
                }
                if state.calls == MOST_CALLS {
                    return None;
                }
                state.calls += 1;
                state.has_ana_come |= matches!(next, Next::Approve(_) | Next::SignIn(_));
                state.handlers.push(handler);
            }
            Action::Call(at) => {
                let handler = state.handlers.remove(at);
                let _ = state.call(handler);
            }
            Action::CallInVain(at) => {
                let _ = state.call(before.handlers[at]);
                // What changes nothing might as well be made later.
                if state.handlers[at].is_made || state.item == before.item {
                    return None;
                }
                state.handlers[at].is_made = true;
                // Nobody knows more than before.
                state.browsers.clone_from(&before.browsers);
                state.contract.given.clone_from(&before.contract.given);
                state.contract.told.clone_from(&before.contract.told);
            }
            Action::EndSession(who) => {
                state.ended.insert(who);
                state.contract.signed_out.insert(who);
            }
            Action::Wait => {
                state.now += STEP;
                state.handlers.retain(|handler| before.now <= handler.at);
                state.contract.forget_polls_before(before.now);
            }
        }
        state.handlers.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a code opens one session", |_, State { contract, .. }: &State| {
                contract.opened.len() <= 1
            }),
            Property::always(
                "a TV is given the session that was opened, and no other",
                |_, State { contract, .. }: &State| {
                    contract
                        .given
                        .iter()
                        .all(|given| contract.opened.iter().any(|(opened, _)| opened == given))
                },
            ),
            Property::always("the session is that of whoever approved", |_, state: &State| {
                state.contract.opened.iter().all(|(_, who)| {
                    who.is_some() && state.item.answer.map(|(answered, _)| answered) == Some(*who)
                })
            }),
            Property::always(
                "one answer counts, and nobody else is told that theirs does",
                |_, state: &State| {
                    let is_it = |told: &Number| state.item.answer.is_some_and(|(_, by)| by == *told);
                    state.contract.told.iter().all(is_it)
                },
            ),
            Property::always(
                "nothing is handed out half a minute after the first time",
                |_, state: &State| !state.contract.broken.contains(&Rule::Grace),
            ),
            Property::always(
                "after its end a code is not answered, makes nobody wait and opens nothing",
                |_, state: &State| !state.contract.broken.contains(&Rule::End),
            ),
            Property::always("polls that are told anything are an interval apart", |_, state: &State| {
                !state.contract.broken.contains(&Rule::Pause)
            }),
            Property::always("another device is told nothing", |_, state: &State| {
                !state.contract.broken.contains(&Rule::Device)
            }),
            Property::always(
                "an approval ends with the session by which it was given",
                |_, state: &State| !state.contract.broken.contains(&Rule::Approver),
            ),
            Property::sometimes("the same answer is given again", |_, state: &State| {
                state.seen == Some(Seen::Again)
            }),
            Property::sometimes("a TV is told that somebody refused", |_, state: &State| {
                state.seen == Some(Seen::Refusal)
            }),
            Property::sometimes("a TV comes when whoever approved is gone", |_, state: &State| {
                state.seen == Some(Seen::Gone)
            }),
            Property::sometimes("a sign-in is found under a later one", |_, state: &State| {
                state.seen == Some(Seen::Below)
            }),
            Property::sometimes("a session is opened for an answer on the page", |_, state: &State| {
                let is_vouching = state.item.holder.map(|(_, is_vouching)| is_vouching);
                is_vouching == Some(false) && !state.contract.opened.is_empty()
            }),
            Property::sometimes("a session is opened that no TV hears of", |_, state: &State| {
                !state.contract.opened.is_empty() && state.contract.given.is_empty()
            }),
        ]
    }
}

#[test]
fn each_order_of_polls_and_answers_keeps_what_the_contract_says() {
    Code.checker().threads(2).spawn_bfs().join().assert_properties();
}
