//! PINs: codes that an awards voter types on a remote control.

use unicode_normalization::UnicodeNormalization;

use crate::crypto;
use crate::private::Private;

/// The longest PIN that is read, in characters.
pub const MAX_CHARS: usize = 64;

/// The form in which two spellings of a PIN are the same: NFKC, upper-case, letters and digits only.
#[must_use]
pub fn canonical(pin: &str) -> String {
    pin.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// The name under which the table holds a PIN: HMAC-SHA-256 under the pepper, bound to the
/// enterprise. A PIN is too short for a plain hash to hide.
#[must_use]
pub fn lookup_hash(pepper: &[u8], enterprise: &str, pin: &Private) -> String {
    crypto::keyed_hash(pepper, &["pin", enterprise, &canonical(pin.expose())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_pin_meet() {
        let hash = |enterprise, pin: &str| lookup_hash(b"pepper", enterprise, &pin.into());
        assert_eq!(hash("acme", "K7QX-93WD"), hash("acme", " k7qx 93wd"));
        assert_ne!(hash("acme", "K7QX-93WD"), hash("acme", "K7QX-93WE"));
        assert_ne!(hash("acme", "K7QX-93WD"), hash("orbit", "K7QX-93WD"));
    }

    #[test]
    fn without_the_pepper_a_hash_says_nothing() {
        let pin = "K7QX-93WD".into();
        assert_ne!(lookup_hash(b"pepper", "acme", &pin), lookup_hash(b"another", "acme", &pin));
    }
}
