//! What the contract says of what has happened, in its own numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::{ASKED, Number, POLLING_INTERVAL, Person};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rule {
    /// Nobody gets the session when its half minute is over.
    Grace,
    /// No code is answered, polled or opens a session after its end.
    End,
    /// No poll is answered too soon after another one.
    Pause,
    /// No other device is told anything.
    Device,
    /// No session is opened for somebody whose own has ended.
    Approver,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Contract {
    /// The sessions that were opened, and whose they are.
    pub(super) opened: BTreeSet<(Number, Option<Person>)>,
    /// When the first one was.
    opened_at: Option<i64>,
    /// The sessions whose tokens a TV was given.
    pub(super) given: BTreeSet<Number>,
    /// The calls that were told that theirs is the answer.
    pub(super) told: BTreeSet<Number>,
    /// The polls that were told to wait, and the one that opened the session; and when they came.
    polls: BTreeMap<Number, i64>,
    /// Who has no longer the session with which they approve.
    pub(super) signed_out: BTreeSet<Person>,
    /// What was not as it says.
    pub(super) broken: BTreeSet<Rule>,
}

impl Contract {
    fn require(&mut self, is_kept: bool, rule: Rule) {
        if !is_kept {
            self.broken.insert(rule);
        }
    }

    fn uses_code(&mut self, at: i64) {
        self.require(at < ASKED + 5 * 60, Rule::End);
    }

    /// A poll is answered, neither with tokens nor with what a code gets that is over.
    fn answer(&mut self, at: i64, is_ours: bool) {
        self.uses_code(at);
        self.require(is_ours, Rule::Device);
    }

    /// A person's answer is taken.
    pub(super) fn take_answer(&mut self, at: i64) {
        self.uses_code(at);
    }

    /// No call is left that came before `then`: it has nothing to do with polls an interval before.
    pub(super) fn forget_polls_before(&mut self, then: i64) {
        self.polls.retain(|_, at| at.abs_diff(then) < POLLING_INTERVAL - 1 || *at >= then);
    }

    fn note_poll(&mut self, number: Number, at: i64) {
        self.require(self.has_pause(number, at), Rule::Pause);
        self.polls.insert(number, at);
    }

    fn has_pause(&self, number: Number, at: i64) -> bool {
        self.polls.iter().all(|(other, then)| *other == number || at.abs_diff(*then) >= POLLING_INTERVAL - 1)
    }

    /// A poll is taken, and told to wait.
    pub(super) fn wait(&mut self, number: Number, at: i64, is_ours: bool) {
        self.answer(at, is_ours);
        self.note_poll(number, at);
    }

    /// A poll is told that somebody refused. That is the end of it, so it makes no other one wait.
    pub(super) fn refuse(&mut self, number: Number, at: i64, is_ours: bool) {
        self.answer(at, is_ours);
        self.require(self.has_pause(number, at), Rule::Pause);
    }

    /// A poll opens a session; by whose session they approved, where it was by one.
    pub(super) fn open(&mut self, number: Number, who: Option<Person>, by: Option<Person>, at: i64) {
        self.uses_code(at);
        self.note_poll(number, at);
        self.opened.insert((number, who));
        self.opened_at.get_or_insert(at);
        self.require(by.is_none_or(|by| !self.signed_out.contains(&by)), Rule::Approver);
    }

    /// A poll is given the tokens of a session.
    pub(super) fn give(&mut self, session: Number, at: i64, is_ours: bool) {
        self.require(is_ours, Rule::Device);
        self.require(self.opened_at.is_some_and(|opened_at| at <= opened_at + 30), Rule::Grace);
        self.given.insert(session);
    }
}
