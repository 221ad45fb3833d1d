//! Refresh tokens with rotation: a client, a thief, one session, which somebody may end.

use std::collections::{BTreeMap, BTreeSet};

use shared::endpoint::DEADLINE;
use shared::store::session::{ROTATION_GRACE, Session, Spent};
use stateright::{Checker, Model, Property};

/// Seconds that pass at once: one step is within the grace of a spent token, two are not.
const STEP: i64 = ROTATION_GRACE * 6 / 10;
/// Epoch seconds of the end.
const END: i64 = 3 * STEP;
/// How many requests reach a handler.
const MOST_REQUESTS: usize = 4;

// A call is over before the second step after it came.
const _: () = assert!(DEADLINE.as_secs() < (2 * STEP).unsigned_abs());

/// A token, by the order in which they are made.
type Token = u8;

/// Who holds tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Who {
    Client,
    Thief,
}

/// What the session's item says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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

/// The call of the table that a handler makes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Next {
    Read,
    /// The token was the current one. And what it was spent for, where that was done and the answer lost.
    Rotate(Option<Token>),
    End,
}

/// A call that is being handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Handler {
    who: Who,
    token: Token,
    /// When it came.
    at: i64,
    next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rule {
    /// No token gets another one too late.
    Grace,
    /// No call gets one that looks, or spends its token, after the session's end.
    Ended,
    /// No session is ended for a token that has not come too late.
    NoReuse,
    /// No call is answered whose token came too late, while the session lives.
    Reuse,
}

/// What the contract says of what has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Contract {
    /// When each token was spent, and for which other ones it ever was.
    spent: BTreeMap<Token, (i64, BTreeSet<Token>)>,
    /// Whether the session was ended.
    is_over: bool,
    /// What was not as it says.
    broken: BTreeSet<Rule>,
}

impl Contract {
    fn require(&mut self, is_kept: bool, rule: Rule) {
        if !is_kept {
            self.broken.insert(rule);
        }
    }

    /// Whether a token was spent more than ten seconds ago, or its successor is spent too.
    fn is_too_late(&self, token: Token, at: i64) -> bool {
        self.spent.get(&token).is_some_and(|(spent_at, successors)| {
            at > spent_at + 10 || successors.iter().any(|successor| self.spent.contains_key(successor))
        })
    }

    /// How often tokens were spent since `token` was made.
    fn rotations_since(&self, token: Token) -> usize {
        self.spent.range(token..).count()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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
    contract: Contract,
    /// Whether an answer was found again.
    was_found: bool,
    /// Whether a call found what it had written under a later rotation.
    was_found_below: bool,
    /// Whether a call that had spent its token found the session ended.
    was_ended_meanwhile: bool,
}

impl State {
    fn answer(&mut self, handler: Handler, successor: Token) {
        self.contract.require(!self.contract.is_over, Rule::Ended);
        let (_, successors) =
            self.contract.spent.entry(handler.token).or_insert((handler.at, BTreeSet::new()));
        successors.insert(successor);
        self.answers.push((handler.who, successor));
    }

    /// What a token gets that is not the current one; what to do next.
    fn judge(&mut self, handler: Handler, spent: Spent) -> Option<Next> {
        let Handler { token, at, next, .. } = handler;
        let is_too_late = self.contract.is_too_late(token, at);
        match spent {
            Spent::Before(sealed) => {
                self.contract.require(!is_too_late, Rule::Grace);
                self.was_found = true;
                self.answer(handler, sealed[0]);
                None
            }
            Spent::Reused => {
                // Who spent a token has not come too late for it. An item remembers that for two rotations.
                let is_own = matches!(next, Next::Rotate(Some(successor))
                    if self.contract.rotations_since(successor) < 2);
                self.contract.require(is_too_late && !is_own, Rule::NoReuse);
                Some(Next::End)
            }
            Spent::Gone => None,
        }
    }

    /// One call of the table, and what the handler does next.
    fn call(&mut self, handler: Handler) -> Option<Next> {
        let Handler { token, at, next, .. } = handler;
        let session = self.item.session();
        match next {
            Next::Read if self.item.is_ended => None,
            Next::Read if self.item.current == token => Some(Next::Rotate(None)),
            Next::Read => {
                let is_too_late = self.contract.is_too_late(token, at);
                let next = self.judge(handler, session.already_spent(&token.to_string(), at));
                self.contract.require(!is_too_late || next == Some(Next::End), Rule::Reuse);
                next
            }
            Next::Rotate(_) if self.item.current == token && !self.item.is_ended => {
                let successor = self.item.current + 1;
                self.item.previous = Some((token, at));
                self.item.current = successor;
                self.answer(handler, successor);
                None
            }
            Next::Rotate(own) => {
                self.was_ended_meanwhile |= own.is_some() && self.item.is_ended;
                let successor = own.unwrap_or(Token::MAX);
                match session.not_rotated(&token.to_string(), &successor.to_string(), at) {
                    Ok(()) => {
                        self.was_found_below = true;
                        self.answer(handler, successor);
                        None
                    }
                    Err(spent) => self.judge(handler, spent),
                }
            }
            Next::End => {
                self.item.is_ended = true;
                self.contract.is_over = true;
                self.contract.require(self.item.is_ended, Rule::Reuse);
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
    /// A handler makes its next call of the table. None has to: one that dies makes no more.
    Call(usize),
    /// It does, its answer is lost, and it is going to make it again.
    CallInVain(usize),
    /// None has to be: it may be lost.
    Deliver(usize),
    /// Logout or hotlisting.
    EndSession,
    Wait,
}

struct Rotation;

impl Model for Rotation {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { held: BTreeMap::from([(Who::Client, 0)]), ..State::default() }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let has_more = state.handled + state.requests.len() < MOST_REQUESTS;
        if has_more {
            actions.extend(state.held.keys().map(|who| Action::Send(*who)));
        }
        if has_more && !state.held.contains_key(&Who::Thief) {
            actions.push(Action::Steal);
        }
        for at in 0..state.requests.len() {
            actions.push(Action::Arrive(at, false));
            if has_more {
                actions.push(Action::Arrive(at, true));
            }
        }
        for at in 0..state.handlers.len() {
            actions.extend([Action::Call(at), Action::CallInVain(at)]);
        }
        actions.extend((0..state.answers.len()).map(Action::Deliver));
        if !state.item.is_ended {
            actions.push(Action::EndSession);
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
                if let Some(next) = state.call(handler) {
                    state.handlers.push(Handler { next, ..handler });
                }
            }
            Action::CallInVain(at) => {
                let _ = state.call(before.handlers[at]);
                // What changes nothing might as well be made later.
                if state.item == before.item {
                    return None;
                }
                state.answers.clone_from(&before.answers);
                if let Next::Rotate(own) = &mut state.handlers[at].next {
                    *own = Some(state.item.current);
                }
            }
            Action::Deliver(at) => {
                let (who, token) = state.answers.remove(at);
                state.held.entry(who).and_modify(|held| *held = (*held).max(token));
            }
            Action::EndSession => (state.item.is_ended, state.contract.is_over) = (true, true),
            Action::Wait => {
                state.now += STEP;
                state.handlers.retain(|handler| before.now <= handler.at);
            }
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
                state.contract.spent.values().all(|(_, successors)| successors.len() == 1)
            }),
            Property::always(
                "nobody gets anything for a token ten seconds after it was spent",
                |_, state: &State| !state.contract.broken.contains(&Rule::Grace),
            ),
            Property::always(
                "a session ends for a token that came too late, or because somebody ended it, and for nothing else",
                |_, state: &State| !state.contract.broken.contains(&Rule::NoReuse),
            ),
            Property::always(
                "a token that came too late, and was answered, ends the session",
                |_, state: &State| !state.contract.broken.contains(&Rule::Reuse),
            ),
            Property::always("a session that was ended gives nothing afterwards", |_, state: &State| {
                !state.contract.broken.contains(&Rule::Ended)
            }),
            Property::sometimes("the same answer is given again", |_, state: &State| state.was_found),
            Property::sometimes("a call finds its rotation under a later one", |_, state: &State| {
                state.was_found_below
            }),
            Property::sometimes("a session ends before its rotation is sent again", |_, state: &State| {
                state.was_ended_meanwhile
            }),
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
