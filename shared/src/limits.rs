//! Every limit on guessing and on sending, in one place.
//!
//! A limit counts in fixed windows: its counter is an item that carries the window's start in its
//! key and that the table's TTL removes afterwards. See [`crate::store::counter`].

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format as DateTimeFormat;

use crate::crypto;
use crate::store::{Key, Operation};

/// How often something may happen in a window.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    name: &'static str,
    /// How many times within one window.
    max: u32,
    /// The window's length in seconds.
    window: i64,
}

/// Wrong passwords and client secrets for one person, by whichever name they are called. A right password starts
/// afresh.
pub const LOGIN_ACCOUNT: Limit = Limit { name: "login-account", max: 10, window: 15 * 60 };
/// Wrong passwords from one source address within an enterprise. A right one is not counted.
pub const LOGIN_SOURCE: Limit = Limit { name: "login-source", max: 100, window: 5 * 60 };
/// Wrong passwords within an enterprise, from everywhere, where it has no other limit; see [`Limit::share`].
pub const LOGIN_ENTERPRISE: Limit = Limit { name: "login-enterprise", max: 1000, window: 5 * 60 };
/// Wrong PINs from one source address within an enterprise. A right one is not counted.
pub const PIN_SOURCE: Limit = Limit { name: "pin-source", max: 30, window: 5 * 60 };
/// Wrong PINs within an enterprise, from everywhere, where it has no other limit.
pub const PIN_ENTERPRISE: Limit = Limit { name: "pin-enterprise", max: 300, window: 5 * 60 };
/// Sign-ups from one source address within an enterprise.
pub const SIGNUP_SOURCE: Limit = Limit { name: "signup-source", max: 200, window: 60 * 60 };
/// Reset e-mails for one address, whether or not anybody has it.
pub const FORGOT_ADDRESS: Limit = Limit { name: "forgot-address", max: 10, window: 60 * 60 };
/// Reset e-mails asked for from one source address within an enterprise.
pub const FORGOT_SOURCE: Limit = Limit { name: "forgot-source", max: 200, window: 60 * 60 };
/// Reset codes tried from one source address, in all enterprises together.
pub const RESET_SOURCE: Limit = Limit { name: "reset-source", max: 200, window: 15 * 60 };
/// Sign-ins through a provider that one source address begins within an enterprise.
pub const SSO_SOURCE: Limit = Limit { name: "sso-source", max: 300, window: 15 * 60 };
/// Login codes that one TV asks for.
pub const QR_CODE_DEVICE: Limit = Limit { name: "qr-code-device", max: 30, window: 15 * 60 };
/// Login codes asked for from one source address within an enterprise.
pub const QR_CODE_SOURCE: Limit = Limit { name: "qr-code-source", max: 300, window: 15 * 60 };
/// Wrong login codes from one source address, in all enterprises and on all endpoints together: unknown
/// ones, another tenant's or application's, and those sent with a wrong `udid` or `device_code`. Right
/// ones are not counted.
pub const QR_GUESS_SOURCE: Limit = Limit { name: "qr-guess-source", max: 50, window: 5 * 60 };
/// Wrong login codes with which one `udid` asks for tokens, from everywhere.
pub const QR_GUESS_DEVICE: Limit = Limit { name: "qr-guess-device", max: 50, window: 5 * 60 };

/// Numbers that one viewer links to one screener: what is refused tells a little about the number that is
/// linked already.
pub const PHONE_VIEWER: Limit = Limit { name: "phone-viewer", max: 10, window: 60 * 60 };
/// Numbers linked from one source address within an enterprise.
pub const PHONE_SOURCE: Limit = Limit { name: "phone-source", max: 200, window: 60 * 60 };
/// Wrong one-time codes of one viewer for one screener, whichever codes they were meant for. They are kept beside
/// the code; see [`crate::store::phone`].
pub const OTP_TRIES: u32 = 5;
/// Seconds within which, from the first one on.
pub const OTP_HOUR: i64 = 60 * 60;
/// Seconds between two text messages to one number, in all enterprises and for all screeners together. They are
/// kept by number; see [`crate::store::texted`], which also holds that there are five in any hour.
pub const SMS_PAUSE: i64 = 30;
/// Text messages that one viewer of one screener has tried to be sent, those too that SNS refused: what else a
/// message takes is given back for those.
pub const SMS_ATTEMPTS: Limit = Limit { name: "sms-attempts", max: 60, window: 60 * 60 };
/// Text messages for one viewer of one screener.
pub const SMS_VIEWER: Limit = Limit { name: "sms-viewer", max: 20, window: DAY };
/// Text messages asked for from one source address, in all enterprises together. A theatre shares one, and so do
/// many phones of one carrier.
pub const SMS_SOURCE: Limit = Limit { name: "sms-source", max: 500, window: DAY };
/// Text messages for one screener, where its enterprise has no other limit.
pub const SMS_SCREENER: Limit = Limit { name: "sms-screener", max: 500, window: DAY };
/// Text messages of one enterprise, where it has no other limit.
pub const SMS_ENTERPRISE: Limit = Limit { name: "sms-enterprise", max: 1000, window: DAY };
/// Text messages of the whole deployment, where it has no other limit.
pub const SMS_DEPLOYMENT: Limit = Limit { name: "sms-deployment", max: 5000, window: DAY };

const DAY: i64 = 24 * 60 * 60;

/// One limit's counter for one subject in the window that holds one moment.
#[derive(Clone, Debug)]
pub struct Counter {
    /// The counter's item.
    pub key: Key,
    /// See [`Limit::max`].
    pub max: u32,
    /// Epoch seconds at which the window, and so a lock, ends.
    pub ends_at: i64,
}

/// A share of what may be used up in one window: one message of a day's, some money of a month's. Where a
/// [`Counter`] remembers each operation, and so grows with them, this is a number; it is taken in a
/// transaction, which finds itself when it is sent again. See [`crate::store::budget`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What the log calls it.
    pub name: &'static str,
    /// The item with what has been used up.
    pub key: Key,
    /// The share.
    pub amount: i64,
    /// How much there is.
    pub max: i64,
    /// Epoch seconds at which there is all of it again.
    pub ends_at: i64,
}

/// What the log calls the limit of [`crate::store::texted`].
pub const SMS_NUMBER: &str = "sms-number";

/// What the log calls [`month_of_money`].
const SMS_MONTH: &str = "sms-month";

/// A share of the deployment's money of the calendar month (UTC) that holds `now`, in millionths of a dollar.
#[must_use]
pub fn month_of_money(amount: i64, max: i64, now: i64) -> Budget {
    let (month, ends_at) = month(now);
    Budget { name: SMS_MONTH, key: Key::new("SMS", format!("SPENT#{month}")), amount, max, ends_at }
}

/// The month of `now` as `2026-11`, and the epoch seconds at which it ends.
fn month(now: i64) -> (String, i64) {
    let first_of = |text: &str| {
        DateTime::from_str(&format!("{text}-01T00:00:00Z"), DateTimeFormat::DateTime)
            .map_or(now, |at| at.secs())
    };
    let text = DateTime::from_secs(now).fmt(DateTimeFormat::DateTime).unwrap_or_default();
    let month = text.get(..7).unwrap_or_default().to_owned();
    // 32 days after the first of a month is in the next one.
    let next =
        DateTime::from_secs(first_of(&month) + 32 * DAY).fmt(DateTimeFormat::DateTime).unwrap_or_default();
    (month, first_of(next.get(..7).unwrap_or_default()))
}

impl Limit {
    /// The same limit with another number of times.
    #[must_use]
    pub fn at_most(self, max: u32) -> Self {
        Self { max, ..self }
    }

    /// How many times.
    #[must_use]
    pub fn max(&self) -> u32 {
        self.max
    }

    /// The counter of a whole enterprise in which `operation` counts, where there may be `most` of them: above
    /// [`Limit::max`] they are shared out among as many counters as it takes, since one counter is one item,
    /// which grows with what it counts and can be read and written only so often.
    #[must_use]
    pub fn share(&self, enterprise: &str, most: u32, operation: &Operation, now: i64) -> Counter {
        let counters = most.div_ceil(self.max).max(1);
        let subject = match operation.number() % u64::from(counters) {
            0 => String::new(),
            number => number.to_string(),
        };
        self.at_most(most / counters).counter(enterprise, &subject, now)
    }

    /// One time of `subject`'s at `now`, as [`Limit::counter`] counts it, but as a number.
    #[must_use]
    pub fn budget(&self, enterprise: &str, subject: &str, now: i64) -> Budget {
        let Counter { key, max, ends_at } = self.counter(enterprise, subject, now);
        Budget { name: self.name, key, amount: 1, max: max.into(), ends_at }
    }

    /// The counter of `subject` (an address, a canonical name) at `now`. The subject is hashed:
    /// it can be personal, and of any length.
    #[must_use]
    pub fn counter(&self, enterprise: &str, subject: &str, now: i64) -> Counter {
        let start = now - now.rem_euclid(self.window);
        let subject = crypto::sha256_hex(subject.as_bytes());
        Counter {
            key: Key::new(
                format!("ENT#{enterprise}#LIMIT#{}#{subject}", self.name),
                format!("WINDOW#{start}"),
            ),
            max: self.max,
            ends_at: start + self.window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_every_moment_in_it() {
        let at = |now| LOGIN_ACCOUNT.counter("acme", "ana", now);
        assert_eq!(at(900).key, at(1799).key);
        assert_ne!(at(1799).key, at(1800).key);
        assert_eq!(at(1000).ends_at, 1800);
    }

    #[test]
    fn what_is_more_than_one_counter_holds_is_shared_out_evenly() {
        let operations: Vec<_> = (0..4000).map(|_| Operation::new()).collect();
        let share = |most, operation| LOGIN_ENTERPRISE.share("acme", most, operation, 0);
        for (most, counters, each) in [(10, 1, 10), (1000, 1, 1000), (1001, 2, 500), (8000, 8, 1000)] {
            let mut found = std::collections::HashMap::new();
            for operation in &operations {
                let counter = share(most, operation);
                assert_eq!((counter.max, &counter.key), (each, &share(most, operation).key));
                *found.entry(counter.key.pk).or_insert(0) += 1;
            }
            assert_eq!(found.len(), counters);
            assert!(found.values().all(|times| (4000 / counters * 3 / 4..).contains(times)), "{found:?}");
        }
    }

    #[test]
    fn a_month_is_a_calendar_month() {
        // 2028-02-29T12:00:00Z, 2026-12-31T23:59:59Z and the second after it.
        assert_eq!(month(1_835_438_400), ("2028-02".to_owned(), 1_835_481_600));
        assert_eq!(month(1_798_761_599), ("2026-12".to_owned(), 1_798_761_600));
        assert_eq!(month(1_798_761_600), ("2027-01".to_owned(), 1_801_440_000));
    }
}
