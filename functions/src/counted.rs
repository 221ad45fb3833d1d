//! One try of a limit. It counts, unless our own fault ends the part of the call that it is for.

use shared::failure::Failure;
use shared::limits::Counter;
use shared::log::Level;
use shared::request::Call;
use shared::store::{self, Operation, Store};

/// A try of a call. Nothing is counted before [`Counted::take`].
pub(crate) struct Counted<'a> {
    call: &'a Call,
    store: &'a Store,
    counter: &'a Counter,
    operation: Operation,
}

impl<'a> Counted<'a> {
    pub(crate) fn new(call: &'a Call, store: &'a Store, counter: &'a Counter) -> Self {
        Self { call, store, counter, operation: Operation::new() }
    }

    /// Counts the try; `false` when there was no room for it.
    pub(crate) async fn take(&self) -> Result<bool, store::Error> {
        self.store.take(self.counter, &self.operation).await
    }

    /// The refusal where there was no room.
    pub(crate) fn refusal(&self) -> Failure {
        self.counter.refusal(self.call.now)
    }

    /// Takes the try back, as far as the table answers. Where it was not counted, this changes nothing.
    pub(crate) async fn give_back(&self) {
        if let Err(failed) = self.store.give_back(self.counter, &self.operation).await {
            self.call.log(Level::Warn, "give back", &failed);
        }
    }

    /// What comes of the call, or of a part of it. Where that is our own fault, the try is taken back. `rest` is best
    /// boxed, as in `SignIn::verify`.
    pub(crate) async fn unless_we_fail<T, E: Into<Failure>>(
        &self,
        rest: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        let outcome = rest.await.map_err(Into::into);
        if let Err(Failure::Internal(_)) = outcome {
            Box::pin(self.give_back()).await;
        }
        outcome
    }
}
