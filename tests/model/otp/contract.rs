//! What the contract says of what has happened, in its own numbers.

use std::collections::BTreeSet;

use super::{HOUR, Number};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Contract {
    /// The codes, with their ends. The last one works, and those before it only once it is taken back.
    codes: Vec<(Number, i64)>,
    /// The wrong tries of the hour that were told, and its end.
    pub(super) wrong: BTreeSet<Number>,
    pub(super) hour_ends: Option<i64>,
    /// The codes that were taken, and by which calls.
    pub(super) admitted: BTreeSet<(Number, Number)>,
    /// Whether one was that did not work.
    pub(super) was_wrong: bool,
    /// The number that is linked.
    linked: usize,
    /// The number that was verified.
    pub(super) verified: Option<usize>,
    /// The messages that may have to be paid for, since SNS did not refuse them: number and time.
    pub(super) messages: Vec<(usize, i64)>,
}

impl Contract {
    /// The code that works.
    pub(super) fn right_code(&self, at: i64) -> Option<Number> {
        let (code, end) = *self.codes.last()?;
        let is_taken = self.admitted.iter().any(|(taken, _)| *taken == code);
        (at < end && !is_taken).then_some(code)
    }

    pub(super) fn write(&mut self, code: Number, number: usize, at: i64) {
        // With the tries of an hour that is over go the codes that they were for.
        if self.hour_ends.is_some_and(|end| end <= at) {
            self.codes.clear();
            (self.wrong, self.hour_ends) = (BTreeSet::new(), None);
        }
        if number == self.linked {
            self.codes.push((code, at + 5 * 60));
        }
    }

    pub(super) fn take_back(&mut self, code: Number) {
        self.codes.retain(|(other, _)| *other != code);
    }

    /// A code was taken; whether this call is told so for the first time.
    pub(super) fn admit(&mut self, code: Number, by: Number, number: usize, at: i64) -> bool {
        let is_right = self.right_code(at) == Some(code);
        let is_new = self.admitted.insert((code, by));
        self.was_wrong |= is_new && !is_right;
        self.verified.get_or_insert(number);
        is_new
    }

    pub(super) fn count(&mut self, by: Number, at: i64) {
        self.wrong.insert(by);
        self.hour_ends.get_or_insert(at + HOUR);
        if self.wrong.len() >= 5 {
            self.codes.clear();
        }
    }

    /// With a number go its codes. One that is linked again keeps them, whoever asked for them meanwhile.
    pub(super) fn link(&mut self, number: usize) {
        if number != self.linked {
            self.codes.clear();
            self.linked = number;
        }
    }

    /// How many messages there were since the beginning.
    pub(super) fn sent(&self) -> i64 {
        self.messages.iter().map(|(_, at)| i64::from(*at >= 0)).sum()
    }

    /// Whether each number had its pause before each message, and no more than five in an hour.
    pub(super) fn has_pauses(&self) -> bool {
        (0..2).all(|number| {
            let sent = self.messages.iter().filter(|(to, _)| *to == number);
            let times: Vec<_> = sent.map(|(_, at)| at).collect();
            times.windows(2).all(|two| *two[1] >= two[0] + 30)
                && times.windows(6).all(|six| *six[5] >= six[0] + HOUR)
        })
    }
}
