//! What the contract says of what has happened, in its own numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::{ASKED, Number, POLLING_INTERVAL, Person};

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
    /// Whether somebody got the session when its half minute was over.
    pub(super) was_late: bool,
    /// Whether a code was answered, polled or opened a session after its end.
    pub(super) was_after_end: bool,
    /// Whether a poll was answered too soon after another one.
    pub(super) was_too_soon: bool,
    /// Whether another device was told anything.
    pub(super) was_overheard: bool,
    /// Whether a session was opened for somebody whose own had ended.
    pub(super) was_opened_for_nobody: bool,
}

impl Contract {
    fn uses_code(&mut self, at: i64) {
        self.was_after_end |= at >= ASKED + 5 * 60;
    }

    /// A poll is answered, neither with tokens nor with what a code gets that is over.
    fn answer(&mut self, at: i64, is_ours: bool) {
        self.uses_code(at);
        self.was_overheard |= !is_ours;
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
        self.was_too_soon |= !self.has_pause(number, at);
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
        self.was_too_soon |= !self.has_pause(number, at);
    }

    /// A poll opens a session; by whose session they approved, where it was by one.
    pub(super) fn open(&mut self, number: Number, who: Option<Person>, by: Option<Person>, at: i64) {
        self.uses_code(at);
        self.note_poll(number, at);
        self.opened.insert((number, who));
        self.opened_at.get_or_insert(at);
        self.was_opened_for_nobody |= by.is_some_and(|by| self.signed_out.contains(&by));
    }

    /// A poll is given the tokens of a session.
    pub(super) fn give(&mut self, session: Number, at: i64, is_ours: bool) {
        self.was_overheard |= !is_ours;
        self.was_late |= self.opened_at.is_none_or(|opened_at| at > opened_at + 30);
        self.given.insert(session);
    }
}
