//! Good tokens that are written otherwise than RFC 7515 has it: no text but one is the token.

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::Attack;
use crate::tokens::forge::Good;

pub(super) fn of(good: &Good<'_>) -> Vec<Attack> {
    let all = [parts(good), base64(good), characters(good)].concat();
    all.into_iter().map(|(name, token)| (format!("written {name}"), token)).collect()
}

/// Too few parts, too many, or empty ones.
fn parts(good: &Good<'_>) -> Vec<Attack> {
    let (token, [header, claims, signature]) = (good.token, good.parts());
    let flattened = json!({ "protected": header, "payload": claims, "signature": signature });
    let rows = [
        ("as nothing", String::new()),
        ("as its header", header.to_owned()),
        ("without its signature", format!("{header}.{claims}")),
        ("without its header", format!(".{claims}.{signature}")),
        ("without its claims", format!("{header}..{signature}")),
        ("as dots", "..".to_owned()),
        ("with a dot before it", format!(".{token}")),
        ("with a dot behind it", format!("{token}.")),
        ("with a fourth part", format!("{token}.{signature}")),
        ("with five parts, as if encrypted", format!("{header}..{signature}.{claims}.{signature}")),
        ("twice", token.repeat(2)),
        ("twice with a dot", format!("{token}.{token}")),
        ("twice with a comma", format!("{token},{token}")),
        ("as a JSON object", flattened.to_string()),
        ("in quotes", format!("\"{token}\"")),
        ("with over 4,096 characters", format!("{token}{}", "A".repeat(4096))),
        ("with over 4,096 characters, and signed", good.with_claim("more", json!("A".repeat(4096)))),
    ];
    rows.map(|(name, token)| (name.to_owned(), token)).into()
}

/// Parts in other dialects of base64.
fn base64(good: &Good<'_>) -> Vec<Attack> {
    let (token, [header, claims, signature]) = (good.token, good.parts());
    // One whose signature has one of the two letters that the alphabets differ in: most do.
    let mut again = std::iter::repeat_with(|| good.signed(&good.header, &good.claims));
    let differing = again.find(|token| token.rsplit('.').next().unwrap().contains(['-', '_'])).unwrap();
    // The last letter has four bits that stand for nothing, and are zero.
    let (start, last) = token.split_at(token.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    let rows = [
        ("with a padded header", format!("{header}=.{claims}.{signature}")),
        ("with padded claims", format!("{header}.{claims}=.{signature}")),
        ("with a padded signature", format!("{token}==")),
        ("in the standard alphabet", differing.replace('-', "+").replace('_', "/")),
        ("with bits that stand for nothing", format!("{start}{next}")),
        ("in base64 once more", BASE64URL_NOPAD.encode(token.as_bytes())),
        ("in capitals", token.to_uppercase()),
        ("in small letters", token.to_lowercase()),
        ("from its end", token.chars().rev().collect()),
    ];
    rows.map(|(name, token)| (name.to_owned(), token)).into()
}

/// Characters that no token has.
fn characters(good: &Good<'_>) -> Vec<Attack> {
    let (token, [header, claims, signature]) = (good.token, good.parts());
    let mut rows = vec![
        ("with %2E for dots".to_owned(), token.replace('.', "%2E")),
        ("with full-width dots".to_owned(), token.replace('.', "\u{ff0e}")),
        ("with an é".to_owned(), format!("{token}é")),
        ("with a full-width letter".to_owned(), format!("{header}.{claims}.Ａ{}", &signature[1..])),
    ];
    for (name, character) in [
        ("a space", " "),
        ("a tab", "\t"),
        ("a line break", "\n"),
        ("a network's line break", "\r\n"),
        ("a NUL", "\0"),
        ("a no-break space", "\u{a0}"),
        ("a zero-width space", "\u{200b}"),
    ] {
        rows.push((format!("with {name} after a dot"), format!("{header}.{character}{claims}.{signature}")));
        let (start, end) = signature.split_at(40);
        rows.push((
            format!("with {name} in its signature"),
            format!("{header}.{claims}.{start}{character}{end}"),
        ));
    }
    rows
}
