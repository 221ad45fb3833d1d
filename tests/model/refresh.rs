//! Refresh tokens with rotation: a client, a thief, one session.

use std::collections::{BTreeMap, BTreeSet};

use shared::store::session::{ROTATION_GRACE, Session, Spent};
use stateright::{Checker, Model, Property};

/// Seconds that pass at once: one step is within the grace of a spent token, two are not.
const STEP: i64 = ROTATION_GRACE * 6 / 10;
/// Epoch seconds of the end.
const END: i64 = 3 * STEP;
/// How many requests reach a handler.
const MOST_REQUESTS: usize = 4;

/// A token, by the order in which they are made.
type Token = u8;

/// Who holds tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Who {
    Client,
    Thief,
}

/// What the session's item says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Item {
    current: Token,
    /// The one before, and when it was spent.
    previous: Option<(Token, i64)>,
    is_ended: bool,
}

impl Item {
    /// What the code reads.
    fn session(&self) -> Session {
        Session {
            id: String::new(),
            user: String::new(),
            api_key: String::new(),
            api_key_hash: String::new(),
            surface: String::new(),
            epoch: 0,
            amr: Vec::new(),
            refresh_jti: self.current.to_string(),
            previous_jti: self.previous.map(|(token, _)| token.to_string()),
            rotated_at: self.previous.map(|(_, at)| at),
            sealed_successor: self.previous.map(|_| vec![self.current]),
            created_at: 0,
            expires_at: i64::MAX,
            ended_at: self.is_ended.then_some(0),
        }
    }
}

/// A call that is being handled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Handler {
    who: Who,
    token: Token,
    /// When it came.
    at: i64,
    next: Next,
}

/// The call of the table that it makes next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Next {
    Read,
    /// With what was read.
    Write(Item),
    End,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: i64,
    item: Item,
    held: BTreeMap<Who, Token>,
    /// Requests on their way.
    requests: Vec<(Who, Token)>,
    handlers: Vec<Handler>,
    /// Answers on their way.
    answers: Vec<(Who, Token)>,
    handled: usize,
    /// When each token was spent, and for which other ones it ever was.
    spent: BTreeMap<Token, (i64, BTreeSet<Token>)>,
    /// Whether a token got another one too late.
    was_late: bool,
    /// Whether one was found again.
    was_found: bool,
    /// Whether somebody came with a token that nobody gets anything for any more.
    was_reused: bool,
}

impl State {
    /// By the contract: spent more than ten seconds ago, or its successor is spent too.
    fn is_too_late(&self, token: Token, at: i64) -> bool {
        self.spent.get(&token).is_some_and(|(spent_at, successors)| {
            at > spent_at + 10 || successors.iter().any(|successor| self.spent.contains_key(successor))
        })
    }

    fn answer(&mut self, handler: &Handler, successor: Token, is_late: bool) {
        self.was_late |= is_late;
        let (_, successors) = self.spent.entry(handler.token).or_insert((handler.at, BTreeSet::new()));
        successors.insert(successor);
        self.answers.push((handler.who, successor));
    }

    /// What a token gets that is not the current one of `item`; what to do next.
    fn judge(&mut self, handler: &Handler, item: &Item) -> Option<Next> {
        match item.session().already_spent(&handler.token.to_string(), handler.at) {
            Spent::Before(sealed) => {
                // Later rotations than the one that was read are none of this answer's business.
                let is_late = item.previous.is_none_or(|(_, at)| handler.at > at + 10);
                self.was_found = true;
                self.answer(handler, sealed[0], is_late);
                None
            }
            Spent::Reused => {
                self.was_reused |= self.is_too_late(handler.token, handler.at);
                Some(Next::End)
            }
            Spent::Gone => None,
        }
    }

    /// One call of the table, and what the handler does next.
    fn call(&mut self, handler: &Handler) -> Option<Next> {
        match &handler.next {
            Next::Read if self.item.is_ended => None,
            Next::Read => Some(Next::Write(self.item.clone())),
            Next::Write(read) if read.current != handler.token => self.judge(handler, read),
            Next::Write(_) if self.item.current == handler.token && !self.item.is_ended => {
                let successor = self.item.current + 1;
                self.item.previous = Some((handler.token, handler.at));
                self.item.current = successor;
                self.answer(handler, successor, false);
                None
            }
            Next::Write(_) => {
                let found = self.item.clone();
                self.judge(handler, &found)
            }
            Next::End => {
                self.item.is_ended = true;
                None
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Send(Who),
    Steal,
    /// A request reaches a handler; whether it will again.
    Arrive(usize, bool),
    /// A handler makes its next call of the table.
    Call(usize),
    /// It does, its answer is lost, and it makes it again.
    CallTwice(usize),
    Die(usize),
    Deliver(usize),
    Lose(usize),
    Wait,
}

struct Rotation;

impl Model for Rotation {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: 0,
            item: Item { current: 0, previous: None, is_ended: false },
            held: BTreeMap::from([(Who::Client, 0)]),
            requests: Vec::new(),
            handlers: Vec::new(),
            answers: Vec::new(),
            handled: 0,
            spent: BTreeMap::new(),
            was_late: false,
            was_found: false,
            was_reused: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.handled + state.requests.len() < MOST_REQUESTS {
            actions.extend(state.held.keys().map(|who| Action::Send(*who)));
        }
        if !state.held.contains_key(&Who::Thief) {
            actions.push(Action::Steal);
        }
        for at in 0..state.requests.len() {
            actions.push(Action::Arrive(at, false));
            if state.handled + state.requests.len() < MOST_REQUESTS {
                actions.push(Action::Arrive(at, true));
            }
        }
        for at in 0..state.handlers.len() {
            actions.extend([Action::Call(at), Action::CallTwice(at), Action::Die(at)]);
        }
        for at in 0..state.answers.len() {
            actions.extend([Action::Deliver(at), Action::Lose(at)]);
        }
        if state.now < END {
            actions.push(Action::Wait);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Send(who) => state.requests.push((who, state.held[&who])),
            Action::Steal => _ = state.held.insert(Who::Thief, state.held[&Who::Client]),
            Action::Arrive(at, again) => {
                let (who, token) = state.requests[at];
                if !again {
                    state.requests.remove(at);
                }
                state.handled += 1;
                state.handlers.push(Handler { who, token, at: state.now, next: Next::Read });
            }
            Action::Call(at) => {
                let handler = state.handlers.remove(at);
                if let Some(next) = state.call(&handler) {
                    state.handlers.push(Handler { next, ..handler });
                }
            }
            Action::CallTwice(at) => {
                let handler = state.handlers.remove(at);
                let answers = state.answers.len();
                let _ = state.call(&handler);
                state.answers.truncate(answers);
                if let Some(next) = state.call(&handler) {
                    state.handlers.push(Handler { next, ..handler });
                }
            }
            Action::Die(at) => _ = state.handlers.remove(at),
            Action::Deliver(at) => {
                let (who, token) = state.answers.remove(at);
                state.held.entry(who).and_modify(|held| *held = (*held).max(token));
            }
            Action::Lose(at) => _ = state.answers.remove(at),
            Action::Wait => state.now += STEP,
        }
        // In which order things are on their way is decided when they arrive.
        state.requests.sort_unstable();
        state.answers.sort_unstable();
        state.handlers.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a spent token has one successor", |_, state: &State| {
                state.spent.values().all(|(_, successors)| successors.len() == 1)
            }),
            Property::always(
                "nobody gets anything for a token ten seconds after it was spent",
                |_, state: &State| !state.was_late,
            ),
            Property::always(
                "a session ends for a token that came too late, and for nothing else",
                |_, state: &State| !state.item.is_ended || state.was_reused,
            ),
            Property::sometimes("the same answer is given again", |_, state: &State| state.was_found),
            Property::sometimes("the thief and the client end the session together", |_, state: &State| {
                let [client, thief] = [Who::Client, Who::Thief].map(|who| state.held.get(&who));
                state.item.is_ended && thief.is_some() && thief != client
            }),
            Property::sometimes("two rotations in a row", |_, state: &State| state.item.current == 2),
        ]
    }
}

#[test]
fn each_order_of_refreshes_keeps_what_the_contract_says() {
    Rotation.checker().threads(2).spawn_bfs().join().assert_properties();
}
