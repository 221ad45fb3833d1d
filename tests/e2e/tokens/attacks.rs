//! The attacks: each a name, and a token that must not work, made of one that does. Most are signed by the right
//! key, as no attacker's are: so it is the one thing that is wrong for which they are refused.

mod claims;
mod headers;
pub(super) mod id_tokens;
pub(super) mod signatures;
mod spelling;

use std::collections::BTreeSet;

use serde_json::Value;

use super::forge::Good;

pub(super) type Attack = (String, String);

/// Tokens in the forms that RFC 7515 and RFC 7519 give as examples, each behind its name.
const EXAMPLES: &str = include_str!("rfc_examples.tsv");

/// All of them, and `kinds`, which are tokens of other kinds as they are; `stranger` is the claims of somebody
/// else's token.
pub(super) fn all(good: &Good<'_>, stranger: &Value, kinds: &[Attack]) -> Vec<Attack> {
    let mut all = [
        signatures::of(good),
        headers::of(good),
        claims::of(good, stranger),
        spelling::of(good),
        examples(),
        kinds.to_vec(),
    ]
    .concat();
    all.push(("what every other refusal is held against".to_owned(), "a.b.c".to_owned()));
    let names: BTreeSet<_> = all.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), all.len(), "two have one name");
    assert!(all.iter().all(|(_, token)| token != good.token), "one is none");
    all
}

/// Puts what they have in common before their names.
fn named<T>(
    what: &str,
    rows: impl IntoIterator<Item = (&'static str, T)>,
    make: impl Fn(T) -> String,
) -> Vec<Attack> {
    rows.into_iter().map(|(name, row)| (format!("{what}: {name}"), make(row))).collect()
}

fn examples() -> Vec<Attack> {
    let rows = EXAMPLES.lines().map(|line| line.split_once('\t').unwrap());
    rows.map(|(name, token)| (name.to_owned(), token.to_owned())).collect()
}
