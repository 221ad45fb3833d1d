//! What may be done only so often: who tried what, what they were told, and the rules that hold whatever died.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::limits::{self, Limit};

/// Something that may be tried only so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limited {
    /// A wrong password, by name.
    Password,
    /// A wrong PIN, by address.
    Pin,
    /// A wrong login code, by address.
    LoginCode,
    /// A message to whoever forgot their password, by its address. None is wrong; each counts.
    Message,
    /// A wrong one-time code, by viewer and screener.
    OneTimeCode,
}

impl Limited {
    fn limit(self) -> Option<Limit> {
        match self {
            Self::Password => Some(limits::LOGIN_ACCOUNT),
            Self::Pin => Some(limits::PIN_SOURCE),
            Self::LoginCode => Some(limits::QR_GUESS_SOURCE),
            Self::Message => Some(limits::FORGOT_ADDRESS),
            Self::OneTimeCode => None,
        }
    }

    /// How often.
    pub(crate) fn most(self) -> usize {
        self.limit().map_or(limits::OTP_TRIES, |limit| limit.max()) as usize
    }

    /// Which window a moment lies in, by its end. The hour of a one-time code begins with the first wrong one, and
    /// no test takes an hour.
    pub(crate) fn window(self, now: i64) -> i64 {
        self.limit().map_or(0, |limit| limit.counter("", "", now).ends_at)
    }
}

/// A try.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    limited: Limited,
    subject: String,
    is_right: bool,
}

impl Try {
    pub(crate) fn new(limited: Limited, subject: impl Into<String>, is_right: bool) -> Self {
        Self { limited, subject: subject.into(), is_right }
    }
}

/// What somebody was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// That it is wrong, or that a message was sent: what the limit counts.
    Wrong,
    Right,
    /// That it was too often.
    Refused,
    /// Nothing about it: the function died, or refused the call for another reason.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    /// Which comes after which.
    order: usize,
    window: i64,
}

#[derive(Clone, Debug)]
struct Made {
    what: Try,
    asked: Moment,
    /// The HTTP status and when it came.
    answered: Option<(u16, Moment)>,
}

/// All tries.
#[derive(Default)]
pub(crate) struct Budgets {
    made: Mutex<(usize, Vec<Made>)>,
}

impl Budgets {
    fn made(&self) -> MutexGuard<'_, (usize, Vec<Made>)> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a try that begins; its number.
    pub(crate) fn begin(&self, what: Try, now: i64) -> usize {
        let (moments, made) = &mut *self.made();
        *moments += 1;
        let asked = Moment { order: *moments, window: what.limited.window(now) };
        made.push(Made { what, asked, answered: None });
        made.len() - 1
    }

    /// Notes what became of it.
    pub(crate) fn end(&self, number: usize, status: u16, now: i64) {
        let (moments, made) = &mut *self.made();
        *moments += 1;
        let one = &mut made[number];
        one.answered = Some((status, Moment { order: *moments, window: one.what.limited.window(now) }));
    }

    /// What breaks a rule.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut subjects: BTreeMap<(Limited, String), Vec<Tried>> = BTreeMap::new();
        for made in &self.made().1 {
            if let Some(tried) = Tried::of(made) {
                let subject = (made.what.limited, made.what.subject.clone());
                subjects.entry(subject).or_default().push(tried);
            }
        }
        subjects
            .into_iter()
            .flat_map(|((limited, subject), tries)| judge(limited, &subject, &tries))
            .collect()
    }

    /// How many messages each address can have been sent: those that were told of, and those of calls that died.
    pub(crate) fn messages(&self) -> BTreeMap<String, usize> {
        let mut messages = BTreeMap::new();
        for one in self.made().1.iter().filter(|one| one.what.limited == Limited::Message) {
            if one.answered.is_some_and(|(status, _)| status != 429) {
                *messages.entry(one.what.subject.clone()).or_default() += 1;
            }
        }
        messages
    }
}

/// A try of one subject, after its end.
#[derive(Clone, Copy)]
struct Tried {
    asked: Moment,
    answered: Moment,
    told: Told,
    is_right: bool,
    /// Whether it may have started the count afresh.
    may_clear: bool,
}

impl Tried {
    fn of(made: &Made) -> Option<Self> {
        let (status, answered) = made.answered?;
        let Try { limited, is_right, .. } = made.what;
        let told = match status {
            500 => Told::Nothing,
            429 => Told::Refused,
            _ if !is_right => Told::Wrong,
            200 => Told::Right,
            // A used-up code is told to be wrong, as any other.
            _ if limited == Limited::OneTimeCode => Told::Refused,
            _ => Told::Nothing,
        };
        let may_clear = limited == Limited::Password && is_right && told != Told::Refused;
        Some(Self { asked: made.asked, answered, told, is_right, may_clear })
    }

    fn is_within(&self, window: i64) -> bool {
        [self.asked.window, self.answered.window] == [window, window]
    }
}

/// Holds the tries of one subject against the rules, wherever they are certain: calls at once may have been taken in
/// any order, and one that ran across a window's end counts in either.
fn judge(limited: Limited, subject: &str, tries: &[Tried]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut break_rule = |what: String| broken.push(format!("{limited:?} of {subject}: {what}"));
    for one in tries {
        match one.told {
            Told::Wrong if limited != Limited::OneTimeCode => {
                let told = told_wrong(tries, one.answered);
                if told > limited.most() {
                    break_rule(format!("told {told} times, of {}", limited.most()));
                }
            }
            Told::Right => {
                let told = told_wrong(tries, one.asked);
                if told >= limited.most() {
                    break_rule(format!("right after {told} wrong ones"));
                }
            }
            Told::Refused => {
                let made = may_have_counted(tries, one);
                let may_be_spent = limited == Limited::OneTimeCode && may_be_spent(tries, one);
                if made < limited.most() && !may_be_spent {
                    break_rule(format!("refused after {made} of {}", limited.most()));
                }
            }
            Told::Wrong | Told::Nothing => {}
        }
    }
    broken
}

/// How often they had been told so by `end`, for certain in its window and since the count was last started afresh.
fn told_wrong(tries: &[Tried], end: Moment) -> usize {
    let is_cleared_since = |begin: usize| {
        let mut clearing = tries.iter().filter(|one| one.may_clear);
        clearing.any(|one| one.answered.order > begin && one.asked.order < end.order)
    };
    let wrong = tries.iter().filter(|one| one.told == Told::Wrong && one.is_within(end.window));
    wrong.filter(|one| one.answered.order <= end.order && !is_cleared_since(one.asked.order)).count()
}

/// How many tries can have used up what `refused` was refused for.
fn may_have_counted(tries: &[Tried], refused: &Tried) -> usize {
    let is_before = |one: &Tried| one.answered.order < refused.asked.order;
    let clearing = tries.iter().filter(|one| one.may_clear && one.told == Told::Right && is_before(one));
    let afresh = clearing.map(|one| one.asked.order).max().unwrap_or_default();
    let may_count = |one: &&Tried| {
        one.told != Told::Refused
            && one.asked.order < refused.answered.order
            && one.answered.order >= afresh
            && one.asked.window <= refused.answered.window
            && one.answered.window >= refused.asked.window
    };
    // Right ones are taken back, but for the first one, which stays if it met no other.
    let (right, others): (Vec<&Tried>, Vec<&Tried>) =
        tries.iter().filter(may_count).partition(|one| one.told == Told::Right && is_before(one));
    others.len() + right.len().min(1)
}

/// Whether the right code can have been used up before by another call that sent it, one that died too.
fn may_be_spent(tries: &[Tried], refused: &Tried) -> bool {
    let may_spend = |one: &&Tried| one.is_right && one.asked.order != refused.asked.order;
    tries.iter().filter(may_spend).any(|one| one.asked.order < refused.answered.order)
}
