//! Every limit on guessing and on sending, in one place.
//!
//! A limit counts in fixed windows: its counter is an item that carries the window's start in its
//! key and that the table's TTL removes afterwards. See [`crate::store::counter`].

use crate::crypto;
use crate::store::Key;

/// How often something may happen in a window.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    name: &'static str,
    /// How many times within one window.
    max: u32,
    /// The window's length in seconds.
    window: i64,
}

/// Wrong passwords for one person, by whichever name they are called. A right one starts afresh.
pub const LOGIN_ACCOUNT: Limit = Limit { name: "login-account", max: 10, window: 15 * 60 };
/// Wrong passwords from one source address within an enterprise. A right one is not counted.
pub const LOGIN_SOURCE: Limit = Limit { name: "login-source", max: 100, window: 5 * 60 };
/// Wrong passwords within an enterprise, from everywhere.
pub const LOGIN_ENTERPRISE: Limit = Limit { name: "login-enterprise", max: 1000, window: 5 * 60 };
/// Wrong PINs from one source address within an enterprise. A right one is not counted.
pub const PIN_SOURCE: Limit = Limit { name: "pin-source", max: 30, window: 5 * 60 };
/// Wrong PINs within an enterprise, from everywhere.
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

impl Limit {
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
}
