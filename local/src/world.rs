//! What the stack's parts share: the clock, what was sent, what was used, what is to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The clock that all functions see, through the events that they get.
#[derive(Debug, Default)]
pub struct Clock {
    ahead_milliseconds: AtomicI64,
    /// The machine's time at which it was stopped, while it stands still.
    stopped_at: Mutex<Option<i64>>,
}

impl Clock {
    /// Epoch milliseconds.
    #[must_use]
    pub fn now_milliseconds(&self) -> i64 {
        let machine = open(&self.stopped_at).unwrap_or_else(machine_milliseconds);
        machine.saturating_add(self.ahead_milliseconds.load(Ordering::Acquire))
    }

    /// From now on only [`Clock::advance`] moves it.
    pub fn stop(&self) {
        open(&self.stopped_at).get_or_insert_with(machine_milliseconds);
    }

    /// From now on it goes as the machine's clock does.
    pub fn go(&self) {
        *open(&self.stopped_at) = None;
    }

    /// Epoch seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now_milliseconds() / 1000
    }

    /// Moves the clock forward, or back for a negative number.
    pub fn advance(&self, seconds: i64) {
        self.ahead_milliseconds.fetch_add(seconds.saturating_mul(1000), Ordering::AcqRel);
    }
}

fn machine_milliseconds() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "what the clock shows is made of it")]
    let machine = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(machine.as_millis()).unwrap_or(i64::MAX)
}

/// A text message that was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Sms {
    /// The number.
    pub to: String,
    /// The text.
    pub body: String,
    /// How it was to be sent, as `AWS.SNS.SMS.MaxPrice`.
    pub attributes: BTreeMap<String, String>,
    /// Epoch seconds.
    pub at: i64,
}

/// An e-mail that was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Email {
    /// The first recipient.
    pub to: String,
    /// The sender, with name.
    pub from: String,
    /// The subject.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// Epoch seconds.
    pub at: i64,
}

/// Everything that was sent, oldest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outbox {
    /// By SNS.
    pub sms: Vec<Sms>,
    /// By SES.
    pub email: Vec<Email>,
}

/// What one function used.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FunctionUsage {
    /// How often it was called.
    pub invocations: u64,
    /// AWS calls, as `dynamodb.GetItem`.
    pub calls: BTreeMap<String, u64>,
    /// What its policy must allow: actions, as `dynamodb:PutItem`, each with the forms of the partition keys that it
    /// was for, as `ENT#*#USER#*`.
    #[serde(skip)]
    pub touched: BTreeMap<String, BTreeSet<String>>,
    /// `DynamoDB` read units.
    pub read_units: f64,
    /// `DynamoDB` write units.
    pub write_units: f64,
}

/// What the functions used.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Usage {
    /// By function.
    pub functions: BTreeMap<String, FunctionUsage>,
}

/// How an AWS call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The service says that it is asked too much.
    Throttle,
    /// The service answers 500.
    ServerError,
    /// The service does not answer, and does nothing.
    Timeout,
    /// The call is carried out, and its answer is not delivered.
    LostResponse,
    /// A write to `DynamoDB` meets another call's transaction, and is not carried out.
    Conflict,
    /// The process that makes the call is killed, and the call not carried out. One that runs in the stack's own
    /// process cannot be: it goes without an answer.
    Crash,
    /// The same, once the call has been carried out.
    CrashAfter,
}

/// `count` matching AWS calls of functions fail, once `after` of them have gone well.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `dynamodb`, `sns`, `ses`, `secretsmanager`, or `*`.
    pub service: String,
    /// `UpdateItem`, or `*`.
    pub operation: String,
    /// How.
    pub error: FaultKind,
    /// How many times.
    pub count: u32,
    /// How many go well before.
    #[serde(default)]
    pub after: u32,
}

/// The shared state.
#[derive(Debug, Default)]
pub struct World {
    /// See [`Clock`].
    pub clock: Clock,
    outbox: Mutex<Outbox>,
    usage: Mutex<Usage>,
    faults: Mutex<Vec<Fault>>,
    refused: Mutex<Vec<String>>,
    delay_microseconds: AtomicU64,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// What was sent.
    pub fn outbox(&self) -> MutexGuard<'_, Outbox> {
        open(&self.outbox)
    }

    /// What was used.
    pub fn usage(&self) -> MutexGuard<'_, Usage> {
        open(&self.usage)
    }

    /// Notes one call of a function.
    pub fn count_invocation(&self, function: &str) {
        self.usage().functions.entry(function.to_owned()).or_default().invocations += 1;
    }

    /// What functions asked for and were refused, since no policy allows it.
    pub fn refused(&self) -> MutexGuard<'_, Vec<String>> {
        open(&self.refused)
    }

    /// How much later than they could functions' AWS calls are answered.
    pub fn delay(&self) -> Duration {
        Duration::from_micros(self.delay_microseconds.load(Ordering::Acquire))
    }

    /// Sets [`World::delay`].
    pub fn set_delay(&self, delay: Duration) {
        let microseconds = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.delay_microseconds.store(microseconds, Ordering::Release);
    }

    /// Plans a fault.
    pub fn add_fault(&self, fault: Fault) {
        self.faults().push(fault);
    }

    /// What is left of the planned faults: those that have not hit yet, or not as often as they are to.
    pub fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        open(&self.faults)
    }

    /// Forgets all planned faults.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    /// The fault that hits this call, if one is planned; it is used up by that.
    #[must_use]
    pub fn take_fault(&self, service: &str, operation: &str) -> Option<FaultKind> {
        let mut faults = self.faults();
        let matches = |fault: &Fault| {
            let is = |planned: &str, called: &str| planned == "*" || planned == called;
            is(&fault.service, service) && is(&fault.operation, operation)
        };
        let is_due = |fault: &mut Fault| {
            let is_due = fault.after == 0;
            fault.after = fault.after.saturating_sub(1);
            is_due
        };
        let index = faults.iter_mut().position(|fault| fault.count > 0 && matches(fault) && is_due(fault))?;
        faults[index].count -= 1;
        let kind = faults[index].error;
        faults.retain(|fault| fault.count > 0);
        Some(kind)
    }
}
