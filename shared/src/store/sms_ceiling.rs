//! What text messages may cost the deployment: one item, which the operator's document sets.
//!
//! Money is in millionths of a dollar: SNS prices a message in as small a unit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Key;
use crate::limits;

/// Millionths in one dollar.
pub const DOLLAR: i64 = 1_000_000;

/// The limits on all enterprises together. Those that nobody set have the defaults below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SmsCeiling {
    /// Messages a day.
    pub daily_max: u32,
    /// Money a calendar month.
    pub monthly: i64,
    /// The most that a message's part may cost in a country that `prices` does not name.
    pub price: i64,
    /// The most that it may cost in a country (ISO 3166-1 alpha-2).
    pub prices: BTreeMap<String, i64>,
}

impl Default for SmsCeiling {
    fn default() -> Self {
        Self {
            daily_max: limits::SMS_DEPLOYMENT.max(),
            monthly: 100 * DOLLAR,
            price: DOLLAR / 10,
            prices: BTreeMap::new(),
        }
    }
}

impl SmsCeiling {
    /// The item's key.
    #[must_use]
    pub fn key() -> Key {
        Key::new("SMS", "CEILING")
    }

    /// The most that a message of `parts` parts to `country` may cost.
    #[must_use]
    pub fn price(&self, country: &str, parts: u16) -> i64 {
        self.prices.get(country).unwrap_or(&self.price).saturating_mul(parts.into())
    }
}
