//! Finding the TV that a login code names, with a limit on guessing codes.

use shared::failure::Failure;
use shared::limits::{self, Counter};
use shared::login_code::LoginCode;
use shared::request::Call;
use shared::store::pairing::Pairing;
use shared::store::{Attributes, Operation, Store, parse};

/// The limit on wrong codes from the caller's address: one counter for all endpoints that take codes.
///
/// A right code is not counted: a TV polls for five minutes, and a whole cinema shares an address.
/// What a wrong one gets is withheld until it has been counted, so that many guesses at once learn
/// no more than the limit allows.
pub(crate) struct Guesses {
    /// Read beside the pairing; see [`Guesses::check`].
    pub(crate) counter: Counter,
    now: i64,
}

impl Guesses {
    pub(crate) fn of(call: &Call) -> Self {
        Self { counter: limits::QR_GUESS_SOURCE.counter("", &call.source, call.now), now: call.now }
    }

    /// Refuses the call when the counter's item, as it was read, is used up.
    pub(crate) fn check(&self, item: Option<&Attributes>) -> Result<(), Failure> {
        if self.counter.is_used_up(item) { Err(self.counter.refusal(self.now)) } else { Ok(()) }
    }

    /// Counts a guess, and gives the refusal that it gets: `refusal`, as long as there was room.
    pub(crate) async fn wrong(&self, store: &Store, refusal: Failure) -> Failure {
        match store.take(&self.counter, &Operation::new()).await {
            Ok(true) => refusal,
            Ok(false) => self.counter.refusal(self.now),
            Err(error) => error.into(),
        }
    }
}

/// The pairing that a page's address names.
pub(crate) async fn open(store: &Store, call: &Call) -> Result<(LoginCode, Pairing), Failure> {
    let code = LoginCode::read(&call.path_parameter("login_code"));
    let guesses = Guesses::of(call);
    let [pairing, counted] = store.read([&Pairing::key(code.as_ref()), &guesses.counter.key]).await?;
    guesses.check(counted.as_ref())?;
    match (code, parse(pairing)?) {
        (Some(code), Some(pairing)) => Ok((code, pairing)),
        _ => Err(guesses.wrong(store, Failure::Credentials).await),
    }
}
