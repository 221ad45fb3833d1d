//! The table, as the code reads and writes it. What it decides from a phone that it has read is decided by its own
//! functions; its writes are as in `shared/src/store/phone.rs`, `texted.rs` and `budget.rs`.

use std::collections::BTreeSet;

use shared::limits::{OTP_HOUR, OTP_TRIES, SMS_PAUSE};
use shared::otp::LIFETIME;
use shared::store::phone::{LinkedPhone, SentCode};

use super::{HOUR, Number};

/// How many messages there are: one limit stands for all those that a message takes a share of.
pub(super) const BUDGET: i64 = 2;

/// The phone's item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Phone {
    /// Which of two.
    pub(super) number: usize,
    is_verified: bool,
    /// With its end.
    pub(super) code: Option<(Number, i64)>,
    /// Whose code it is, while that call may take it back.
    pub(super) code_operation: Option<Number>,
    sent_at: Option<i64>,
    pub(super) tries: BTreeSet<Number>,
    pub(super) tries_until: Option<i64>,
    spent_by: Option<Number>,
}

impl Phone {
    /// What the code reads.
    fn read(&self) -> LinkedPhone {
        LinkedPhone {
            number: "".into(),
            country: String::new(),
            verified_at: self.is_verified.then_some(0),
            code: self.code.map(|(code, ends_at)| SentCode { hash: code.to_string(), ends_at }),
            sent_at: self.sent_at,
            tries: self.tries.iter().map(|number| vec![*number].into()).collect(),
            tries_until: self.tries_until,
            refused: None,
            spent_by: None,
        }
    }

    pub(super) fn live_code(&self, now: i64) -> Option<Number> {
        self.read().live_code(now).and(self.code).map(|(code, _)| code)
    }

    /// The number to link in place of this one.
    pub(super) fn other_number(&self) -> Option<usize> {
        (!self.read().is_verified()).then(|| 1 - self.number)
    }

    fn has_tries(&self) -> bool {
        self.tries.len() < OTP_TRIES as usize
    }

    /// Whether `code` is the one that works.
    fn has(&self, code: Number, at: i64) -> bool {
        self.code.is_some_and(|(this, end)| this == code && at < end)
    }
}

/// What a request for a code has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Read {
    pub(super) number: usize,
    code: Option<Number>,
    to_keep: Option<(Number, i64)>,
    has_new_hour: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Table {
    pub(super) phone: Phone,
    /// When each number was sent its last five, the newest first.
    pub(super) texted: [Vec<i64>; 2],
    pub(super) used: i64,
}

impl Table {
    /// What a request needs; `None` where it has to wait.
    pub(super) fn read(&self, at: i64) -> Option<Read> {
        let phone = self.phone.read();
        phone.waits_until(at).is_none().then(|| Read {
            number: self.phone.number,
            code: self.phone.code.map(|(code, _)| code),
            to_keep: phone.code_to_keep(at).and(self.phone.code),
            has_new_hour: phone.has_new_hour(at),
        })
    }

    /// A transaction: the code, its number's pause, and a share of the budget.
    pub(super) fn take(&mut self, by: Number, read: &Read, at: i64) -> bool {
        let Self { phone, texted, used } = self;
        let texted = &mut texted[read.number];
        let is_same = phone.number == read.number && phone.code.map(|(code, _)| code) == read.code;
        let may_try = if read.has_new_hour {
            phone.tries_until.is_some_and(|end| end <= at)
        } else {
            phone.has_tries()
        };
        let may_text = texted.first().is_none_or(|last| last + SMS_PAUSE <= at)
            && texted.get(4).is_none_or(|fifth| fifth + HOUR <= at);
        let is_taken = is_same && may_try && may_text && *used < BUDGET;
        if is_taken {
            (phone.code, phone.sent_at) = (Some((by, at + LIFETIME)), Some(at));
            phone.code_operation = Some(by);
            if read.has_new_hour {
                (phone.tries, phone.tries_until) = (BTreeSet::new(), None);
            }
            texted.insert(0, at);
            texted.truncate(5);
            *used += 1;
        }
        is_taken
    }

    /// A transaction: undoes that one.
    pub(super) fn take_back(&mut self, by: Number, read: &Read) -> bool {
        let is_taken = self.phone.code_operation == Some(by);
        if is_taken {
            let phone = &mut self.phone;
            (phone.code, phone.sent_at, phone.code_operation) = (read.to_keep, None, None);
            self.take_rest_back(read.number);
        }
        is_taken
    }

    /// A transaction: undoes it but for the code.
    pub(super) fn take_rest_back(&mut self, number: usize) {
        let texted = &mut self.texted[number];
        texted.drain(..texted.len().min(1));
        self.used -= 1;
    }

    pub(super) fn spend(&mut self, by: Number, code: Number, at: i64) -> bool {
        let phone = &mut self.phone;
        if phone.has(code, at) && phone.has_tries() {
            (phone.code, phone.is_verified, phone.spent_by) = (None, true, Some(by));
        }
        phone.spent_by == Some(by)
    }

    pub(super) fn count(&mut self, by: Number, code: Number, at: i64) -> bool {
        let phone = &mut self.phone;
        let is_counted = phone.has(code, at) && (phone.has_tries() || phone.tries.contains(&by));
        if is_counted {
            phone.tries.insert(by);
            phone.tries_until.get_or_insert(at + OTP_HOUR);
        }
        is_counted
    }

    pub(super) fn link(&mut self, number: usize) -> bool {
        let phone = &mut self.phone;
        let is_linked = !phone.is_verified && phone.number != number;
        if is_linked {
            (phone.number, phone.code, phone.sent_at, phone.code_operation) = (number, None, None, None);
        }
        is_linked
    }
}
