//! Budgets: what may be used up in a window, as a number.
//!
//! A [`crate::limits::Counter`] is a set and finds an operation that it has; it grows with what it counts. A
//! budget of thousands cannot. It is only ever taken within a transaction, whose `ClientRequestToken` finds
//! the first outcome when it is sent again after a lost answer; see docs/decisions/0016.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use super::{Store, number, write};
use crate::limits::Budget;

/// Seconds for which a budget's item outlives its window before TTL may remove it.
const KEPT: i64 = 60 * 60;

impl Budget {
    /// Whether the share is at most the whole: what can never be taken is refused without a write.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.amount <= self.max
    }
}

impl Store {
    /// Takes a budget's share unless too little is left, as a write of a transaction. The share must be
    /// [`Budget::is_possible`].
    #[must_use]
    pub fn taking_budget(&self, budget: &Budget) -> TransactWriteItem {
        let most = number(budget.max - budget.amount);
        let adding = self.adding(budget, budget.amount).expression_attribute_values(":most", most);
        write!(update, adding.condition_expression("attribute_not_exists(used) OR used <= :most"))
    }

    /// Gives a share back that was taken, as a write of a transaction.
    #[must_use]
    pub fn giving_budget_back(&self, budget: &Budget) -> TransactWriteItem {
        write!(update, self.adding(budget, -budget.amount))
    }

    fn adding(&self, budget: &Budget, amount: i64) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(budget.key.attributes()))
            .update_expression("ADD used :amount SET expires_at = :expires_at")
            .expression_attribute_values(":amount", number(amount))
            .expression_attribute_values(":expires_at", number(budget.ends_at + KEPT))
    }
}
