//! Chance that a seed decides.

use local::world::{Fault, FaultKind};
use tests::App;

/// Numbers in an order that the seed decides (Knuth's MMIX).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// A function is going to die at one of the next `within` AWS calls: before it is carried out, or after.
    pub(crate) fn plan_a_death(&mut self, app: &App, within: u64) {
        let error = if self.below(2) == 0 { FaultKind::Crash } else { FaultKind::CrashAfter };
        let after = u32::try_from(self.below(within)).unwrap();
        let (service, operation) = ("*".to_owned(), "*".to_owned());
        app.stack.world.add_fault(Fault { service, operation, error, count: 1, after });
    }
}
