//! Tries that limits count: what a call that met a fault leaves of them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use shared::store::Attributes;

use super::{LONG, Planned, Table, is_told_anyway};

/// How many tries more, or fewer, there are of each limit.
pub(super) type Tries = BTreeMap<String, i64>;

/// How many tries an item has, if it is a counter.
fn count(item: &Attributes) -> i64 {
    match item.get("operations") {
        Some(AttributeValue::Bs(operations)) => i64::try_from(operations.len()).unwrap(),
        _ => 0,
    }
}

/// Limits whose count is another one after a call.
pub(super) fn counted(before: &Table, after: &Table) -> Tries {
    let mut tries = Tries::new();
    for key in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let [old, new] = [before, after].map(|table| table.get(key).map_or(0, count));
        if let Some((limit, _)) = key.0.rsplit_once('#').filter(|_| old != new) {
            *tries.entry(limit.to_owned()).or_default() += new - old;
        }
    }
    tries.retain(|_, more| *more != 0);
    tries
}

/// How a call that met a fault went.
pub(super) enum Outcome {
    /// It is answered as without the fault.
    Told,
    /// It failed, and has changed nothing.
    Old,
    /// It failed, and what it was to change is changed.
    New,
    /// It failed, and without the fault it would have been refused, and counted for that.
    Refusal,
}

/// What is wrong with the tries of a call that met a fault.
pub(super) fn judge(
    row: &str,
    planned: Planned<'_>,
    outcome: &Outcome,
    went: &Tries,
    right: &Tries,
) -> Option<String> {
    // A try is taken back by an update: where none is answered any more, it stays.
    let is_stuck = planned.call == "dynamodb.UpdateItem" && planned.count == LONG && planned.after > 0;
    let limits: BTreeSet<_> = went.keys().chain(right.keys()).collect();
    let is_fine = |limit: &String| {
        let [went, right] = [went, right].map(|tries| tries.get(limit).copied().unwrap_or(0));
        match outcome {
            Outcome::Told => {
                went == right || is_told_anyway(row, planned.call) || is_stuck && went == right + 1
            }
            // A guess that was compared may count.
            Outcome::Refusal => (0..=right.max(0)).contains(&went) || went == right,
            // Who is told of a failure may find it done, with or without the try.
            Outcome::New => went == right || went == 0,
            Outcome::Old => went == 0 || is_stuck && (0..=1).contains(&went),
        }
    };
    let wrong: Vec<_> = limits.into_iter().filter(|limit| !is_fine(limit)).collect();
    (!wrong.is_empty()).then(|| format!("tries of {wrong:?} are left counted: {went:?} instead of {right:?}"))
}
