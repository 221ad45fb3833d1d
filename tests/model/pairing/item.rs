//! What is written of a login code, as the code reads it.

use shared::crypto;
use shared::device::Device;
use shared::store::pairing::{Answer, LIFETIME, Pairing};

use super::{ASKED, Number, POLLING_INTERVAL, Person, UDID};

/// What the code's item says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Item {
    /// Whose session it is going to be, and whether that person vouches for it with another one.
    pub(super) holder: Option<(Person, bool)>,
    /// The token of the browser in which somebody signed in last: the number of that call.
    pub(super) browser: Option<Number>,
    /// Who approved, or that somebody refused; and by which call.
    pub(super) answer: Option<(Option<Person>, Number)>,
    /// When the last poll was taken.
    pub(super) polled: Option<i64>,
    /// The last one that was told to wait.
    pub(super) poll_operation: Option<Number>,
    /// The poll that was handed the session, and when.
    pub(super) handed: Option<(Number, i64)>,
}

impl Item {
    /// What the code reads.
    pub(super) fn pairing(&self) -> Pairing {
        Pairing {
            enterprise: String::new(),
            api_key: String::new(),
            device: Device::Roku,
            udid_hash: String::new(),
            device_code_hash: None,
            polling_interval: POLLING_INTERVAL.cast_signed(),
            session_seconds: 0,
            ends_at: ASKED + LIFETIME,
            expires_at: Pairing::kept_until(ASKED),
            polled_at: self.polled,
            holder: None,
            holder_name: None,
            browser_hash: None,
            answer: self.answer.map(|(who, _)| who.map_or(Answer::Refused, |_| Answer::Approved)),
            session_id: self.handed.map(|(number, _)| number.to_string()),
            handed_at: self.handed.map(|(_, at)| at),
        }
    }

    pub(super) fn has_udid(&self, udid: &str) -> bool {
        Pairing { udid_hash: crypto::sha256_hex(UDID.as_bytes()), ..self.pairing() }.has_udid(udid)
    }

    /// Whether a poll is neither too late nor too soon after the last one.
    pub(super) fn takes_poll(&self, at: i64) -> bool {
        let pairing = self.pairing();
        at < pairing.ends_at && pairing.next_poll() <= at
    }
}
