//! One canonical form for user names and e-mail addresses, so that `Ana`, `ANA` and a full-width
//! `ａｎａ` are one person, with one budget of wrong tries.

use caseless::default_case_fold_str;
use email_address::{EmailAddress, Options};
use unicode_normalization::UnicodeNormalization;

use crate::body::Invalid;
use crate::private::Private;

/// The longest user name or e-mail address that is read, in characters (RFC 5321 allows an
/// address 254).
pub const MAX_CHARS: usize = 254;

/// The canonical form of what a person types as user name or e-mail: NFKC, case-folded, NFKC
/// again, since folding can undo it (Unicode §3.13, `toNFKC_Casefold`), and trimmed.
#[must_use]
pub fn canonical(text: &str) -> String {
    let composed: String = text.nfkc().collect();
    let folded: String = default_case_fold_str(&composed).nfkc().collect();
    folded.trim().to_owned()
}

/// The canonical names that a person answers to: user name and e-mail, or one, when they are the same.
#[must_use]
pub fn names(username: &Private, email: Option<&Private>) -> Vec<String> {
    let mut names: Vec<_> =
        std::iter::once(username).chain(email).map(|name| canonical(name.expose())).collect();
    names.dedup();
    names
}

/// Whether `text` is an e-mail address that SES can send to: one ASCII address (an international
/// domain as its `xn--` form) without display name, comment, quotes or an IP literal, and with a
/// domain of at least two labels.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    text.is_ascii()
        && text.len() <= MAX_CHARS
        && !text.contains(['"', '(', ')', '\\'])
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && EmailAddress::parse_with_options(text, options).is_ok()
}

/// Refuses an address that [`is_email`] refuses.
///
/// # Errors
/// An [`Invalid`] that names `field`.
pub fn check_email(field: &str, text: &str) -> Result<(), Invalid> {
    if is_email(text) { Ok(()) } else { Err(Invalid::new(field, "must be an e-mail address")) }
}

/// Refuses a user name that is empty, longer than 64 characters, or has white space, invisible
/// characters or an `@` in it (which would make it an e-mail address).
///
/// # Errors
/// An [`Invalid`] that names `field`.
pub fn check_username(field: &str, text: &str) -> Result<(), Invalid> {
    let canonical = canonical(text);
    if !(1..=64).contains(&text.chars().count()) || canonical.is_empty() {
        return Err(Invalid::new(field, "must be 1 to 64 characters"));
    }
    if text.contains('@') || canonical.contains('@') || text.chars().any(is_invisible) {
        return Err(Invalid::new(field, "must not contain white space, invisible characters or @"));
    }
    Ok(())
}

/// Whether a character shows as nothing, or as no more than a gap.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_ignorable(c)
}

/// Characters that show as nothing (Unicode's `Default_Ignorable_Code_Point`): two names that look
/// alike must not differ by one.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_person_has_one_form() {
        for form in ["ana", "ANA", " Ana ", "ａｎａ"] {
            assert_eq!(canonical(form), "ana");
        }
        assert_eq!(canonical("STRASSE"), canonical("Straße"));
        assert_ne!(canonical("ana"), canonical("anna"));
    }

    #[test]
    fn addresses_that_mail_reaches() {
        for good in ["ana@acme.example", "a.b+c@sub.acme.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "ana",
            "ana@",
            "@acme.example",
            "ana@acme",
            "a b@acme.example",
            "Ana <ana@acme.example>",
            "ana@[127.0.0.1]",
            "ünï@acme.example",
            "ana@acme.example\n",
            "\"a\"@acme.example",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn names_that_are_refused() {
        for bad in [
            "",
            " ",
            "a b",
            "a@b",
            "a＠b",
            "a\u{0}b",
            "a\u{200b}b",
            "an\u{ad}a",
            "an\u{fe0f}a",
            &"x".repeat(65),
        ] {
            assert!(check_username("username", bad).is_err(), "{bad:?}");
        }
        for good in ["ana", "Ana.B-c_9", "アナ"] {
            assert!(check_username("username", good).is_ok(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_stable(text in "\\PC{0,40}") {
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once);
        }
    }
}
