//! One-time codes that are sent by SMS.

use crate::body::{Invalid, Object};
use crate::crypto;
use crate::private::Private;
use crate::store::Key;

/// Seconds for which a code works.
pub const LIFETIME: i64 = 5 * 60;

/// How many digits a code has.
const DIGITS: usize = 6;

/// How many codes there are.
const CODES: u32 = 1_000_000;

/// A new code. All are equally likely: numbers past the last whole million of what 32 bits hold are drawn again.
#[must_use]
pub fn generate() -> Private {
    loop {
        let drawn = u32::from_be_bytes(crypto::random());
        if drawn < u32::MAX - u32::MAX % CODES {
            return Private::from(format!("{:0DIGITS$}", drawn % CODES));
        }
    }
}

/// Reads `otp` of a body.
///
/// # Errors
/// Missing, not a string, or not six ASCII digits.
pub fn parse(body: &Object) -> Result<Private, Invalid> {
    let code = body.private("otp", 64)?;
    let is_code = code.expose().len() == DIGITS && code.expose().bytes().all(|byte| byte.is_ascii_digit());
    if is_code { Ok(code) } else { Err(Invalid::new("otp", "must be 6 digits")) }
}

/// What the table holds of a code: HMAC-SHA-256 under the pepper, since a million codes are quickly tried, bound
/// to the phone's item (enterprise, screener and viewer) and to the number that it was sent to.
#[must_use]
pub fn hash(pepper: &[u8], phone: &Key, number: &Private, code: &Private) -> String {
    crypto::keyed_hash(pepper, &["otp", &phone.pk, &phone.sk, number.expose(), code.expose()])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_have_six_digits_and_differ() {
        let codes: HashSet<_> = (0..1000).map(|_| generate().expose().to_owned()).collect();
        assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())));
        assert!(codes.len() > 990, "{}", codes.len());
        // Those that begin with a zero keep it: a tenth of all, give or take six standard deviations.
        let with_zero = codes.iter().filter(|code| code.starts_with('0')).count();
        assert!((43..=157).contains(&with_zero), "{with_zero}");
    }

    #[test]
    fn a_hash_is_of_one_viewer_and_one_number() {
        let of = |[pk, sk]: [&str; 2], number: &str, code: &str| {
            hash(b"pepper", &Key::new(pk, sk), &number.into(), &code.into())
        };
        let one = of(["ENT#acme#SCREENER#a", "LINK"], "+12025550143", "123456");
        assert_eq!(one, of(["ENT#acme#SCREENER#a", "LINK"], "+12025550143", "123456"));
        for other in [
            of(["ENT#acme#SCREENER#b", "LINK"], "+12025550143", "123456"),
            of(["ENT#acme#SCREENER#a", "USER#1"], "+12025550143", "123456"),
            of(["ENT#acme#SCREENER#a", "LINK"], "+12025550144", "123456"),
            of(["ENT#acme#SCREENER#a", "LINK"], "+12025550143", "123457"),
        ] {
            assert_ne!(one, other);
        }
    }
}
