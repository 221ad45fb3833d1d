//! Login codes: what a TV shows, and what a phone's camera reads or a person compares and types.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::crypto;

/// Letters and digits that cannot be taken for one another, and no vowel, so that no code is a word
/// (RFC 8628 §6.1). Seven of 23 give 3.4 × 10⁹ codes.
const ALPHABET: &[u8] = b"BCDFGHJKMNPRSTVWXYZ3479";

/// Characters in a code.
const LENGTH: usize = 7;

/// The longest text that is read in a code's place, in characters: room for spaces and dashes.
pub const MAX_CHARS: usize = 64;

/// A code of a TV that waits for somebody to sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginCode(String);

impl LoginCode {
    /// A new code.
    #[must_use]
    pub fn generate() -> Self {
        Self(crypto::random_text(ALPHABET, LENGTH))
    }

    /// Reads a code as a person types it: in any case and width, with spaces and dashes, and with
    /// characters that look like the code's. `None` when it cannot be one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.chars().count() > MAX_CHARS {
            return None;
        }
        let meant = text.nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).map(unfold);
        let code: String = meant.collect();
        let is_code = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        is_code.then_some(Self(code))
    }

    /// The code as the TV shows it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address that the picture holds and the phone opens.
    #[must_use]
    pub fn url(&self, public_url: &str) -> String {
        format!("{public_url}/qr/{}", self.0)
    }
}

impl fmt::Debug for LoginCode {
    /// Whoever reads a log must not be able to answer for a TV.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[login code]")
    }
}

/// The character of a code that somebody meant who typed one that looks like it.
fn unfold(c: char) -> char {
    match c {
        '0' | 'O' | 'Q' => 'D',
        '1' => '7',
        'I' | 'L' => 'J',
        '2' => 'Z',
        '5' => 'S',
        '6' => 'G',
        '8' => 'B',
        'A' => '4',
        'E' => '3',
        'U' => 'V',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_seven_characters_that_do_not_look_alike() {
        for _ in 0..1000 {
            let code = LoginCode::generate();
            assert_eq!(code.as_str().len(), LENGTH);
            assert!(code.as_str().bytes().all(|byte| ALPHABET.contains(&byte)));
            assert!(
                !code.as_str().contains(['0', 'O', 'Q', '1', 'I', 'L', '2', '5', '6', '8', 'U', 'A', 'E'])
            );
            assert_eq!(LoginCode::read(code.as_str()), Some(code));
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = LoginCode::read("BDGSVZ3");
        assert!(code.is_some());
        for typed in ["bdgsvz3", "BDG-SVZ3", " b d g s v z 3 ", "ＢＤＧＳＶＺ３", "80 6-5U2E", "8Q65U23"]
        {
            assert_eq!(LoginCode::read(typed), code, "{typed}");
        }
        for other in ["", "80652", "BDGSVZ", "BDGSVZ33", "BDGSVZ!", "ÄDGSVZ3", &"B".repeat(65)] {
            assert_eq!(LoginCode::read(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            if let Some(code) = LoginCode::read(&text) {
                prop_assert_eq!(LoginCode::read(code.as_str()), Some(code));
            }
        }
    }
}
