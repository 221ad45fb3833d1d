//! One try with a limit, counted beside the call's first read.

use shared::failure::Failure;
use shared::limits::Counter;
use shared::log::Level;
use shared::request::Call;
use shared::store::{self, Operation, Store};

/// A try, as it was counted.
pub(crate) struct Counted {
    counter: Counter,
    operation: Operation,
    has_room: bool,
}

impl Counted {
    /// Counts one try.
    pub(crate) async fn take(store: &Store, counter: Counter) -> Result<Self, store::Error> {
        let operation = Operation::new();
        let has_room = store.take(&counter, &operation).await?;
        Ok(Self { counter, operation, has_room })
    }

    /// Refuses the call when there was no room for the try.
    pub(crate) fn require_room(&self, now: i64) -> Result<(), Failure> {
        if self.has_room { Ok(()) } else { Err(self.counter.refusal(now)) }
    }

    /// Takes the try back, as far as the table answers: the call is refused for another reason.
    pub(crate) async fn give_back(&self, call: &Call, store: &Store) {
        if self.has_room
            && let Err(failed) = store.give_back(&self.counter, &self.operation).await
        {
            call.log(Level::Warn, "give back", &failed);
        }
    }
}
