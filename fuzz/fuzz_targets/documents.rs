//! Provisioning documents. What is wrong with one is told without a value of it; one that is taken reads the same when
//! it is written otherwise; and what was applied once changes nothing the second time.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;
use shared::provision::Change;
use shared::provision::document::Document;
use usher_fuzz::house;

/// The fields that hold a secret.
const SECRETS: [&str; 6] = ["key", "password", "password_hash", "client_secret", "pin", "email"];

/// Long enough to be in no message by chance.
const LONG: usize = 20;

/// Calls `look` with every secret of a document.
fn each_secret(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if SECRETS.contains(&name.as_str()) && text.len() >= LONG => look(text),
                    _ => each_secret(value, look),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each_secret(item, look)),
        _ => {}
    }
}

/// Whether `secret` is in what is told of a text for the reason that the text has it there. The fuzzer makes secrets of
/// messages too, and of a setting's name, which may be told.
fn tells(told: &str, secret: &str, text: &str) -> bool {
    let with_another = text.replace(secret, &"x".repeat(secret.len()));
    told.contains(secret)
        && text.matches(secret).count() == 1
        && Document::parse(&with_another).map_or_else(|other| other.to_string() != told, |_| true)
}

/// Whether a number may be in it with more digits than are read to the last bit.
fn has_long_number(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit() && c != '.').any(|number| number.len() > 16)
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(input) else { return Corpus::Reject };
    let json = serde_json::from_str::<Value>(text);
    let document = match (Document::parse(text), &json) {
        (Ok(document), _) => document,
        (Err(invalid), Ok(json)) => {
            let told = invalid.to_string();
            each_secret(json, &mut |secret| assert!(!tells(&told, secret, text), "{told}"));
            return Corpus::Keep;
        }
        (Err(_), Err(_)) => return Corpus::Keep,
    };
    let rewritten =
        serde_json::to_string_pretty(&json.expect("what is read is JSON")).expect("JSON is written");
    let again = Document::parse(&rewritten).expect("the same in another form");
    if !has_long_number(text) {
        assert_eq!(format!("{document:?}"), format!("{again:?}"));
    }

    let house = house();
    if !house.has_time_to_hash() {
        return Corpus::Reject;
    }
    house.begin();
    let first = match house.apply(&document) {
        Ok(first) => first,
        // What the table says of others is known only now; what it cannot hold was to be refused before.
        Err(told) => {
            assert!(!told.contains("Exception"), "{told}");
            return Corpus::Keep;
        }
    };
    let second = house.apply(&document).expect("it applies again");
    assert!(second.new_keys.is_empty() && first.changes.len() >= second.changes.len(), "{second:?}");
    for change in second.changes {
        assert!(matches!(change, Change::Unchanged(_) | Change::Warning(_)), "{change:?}");
    }
    Corpus::Keep
});
