//! The first step of signing in: what an attempt needs is read, and a try reserved with each limit.

use futures_util::future::join_all;
use shared::failure::{Failure, Surface};
use shared::limits::{self, Counter};
use shared::request::Call;
use shared::store::counter::Try;
use shared::store::enterprise::{Enterprise, Settings};
use shared::store::{Attributes, Key, Operation};

use super::SignIn;
use crate::credential::require_method;
use crate::gate::Gate;

/// One try.
pub(super) struct Attempt<'a> {
    pub(super) call: &'a Call,
    pub(super) gate: Gate<'a>,
    pub(super) surface: Surface,
    pub(super) method: &'static str,
    /// Under which the attempt is counted.
    pub(super) operation: Operation,
}

impl Attempt<'_> {
    /// Checks key, surface and method, in that order, by what [`Gate::keys`] gave.
    fn authorize(&self, items: impl IntoIterator<Item = Option<Attributes>>) -> Result<Enterprise, Failure> {
        let enterprise = self.gate.pass(items, self.surface, self.call.now)?;
        require_method(self.surface, self.method, &enterprise)?;
        Ok(enterprise)
    }

    /// The counter of all wrong tries in the enterprise in which this one would count.
    fn by_enterprise(&self, settings: &Settings) -> Counter {
        let (limit, most) = match self.method {
            "pin" => (limits::PIN_ENTERPRISE, settings.wrong_pins_max),
            _ => (limits::LOGIN_ENTERPRISE, settings.wrong_passwords_max),
        };
        limit.share(self.gate.enterprise(), most, &self.operation, self.call.now)
    }
}

/// What the first step gives.
pub(super) struct Reserved {
    pub(super) enterprise: Enterprise,
    /// The credential's item.
    pub(super) found: Option<Attributes>,
    /// See [`Attempt::by_enterprise`].
    pub(super) by_enterprise: Counter,
    /// What became of each try that was to be reserved.
    pub(super) tries: Vec<Try>,
}

impl SignIn {
    /// The first step: reads what the attempt needs and reserves a try with each of `counters`.
    ///
    /// What is refused here, before the comparison, uses nothing up: neither a person's tries, when
    /// the address has none left or the table fails, nor the address's, when the person is locked.
    pub(super) async fn reserve(
        &self,
        attempt: &Attempt<'_>,
        credential: &Key,
        counters: &[&Counter],
    ) -> Result<Reserved, Failure> {
        let (own_keys, asked) = (
            attempt.gate.keys(),
            attempt.by_enterprise(&self.own_limits.settings(attempt.gate.enterprise())),
        );
        let mut keys = vec![credential, &asked.key];
        keys.extend(&own_keys);
        let read_before = match &attempt.gate {
            Gate::Key(key) if !self.seen_keys.contains(key) => {
                let mut items = self.store.read_all(&keys).await?;
                let enterprise = attempt.authorize(items.drain(2..))?;
                self.seen_keys.insert(key);
                Some((items, enterprise))
            }
            _ => None,
        };
        let mut tries = vec![Try::Beside; counters.len()];
        let take = join_all(counters.iter().map(|counter| self.store.reserve(counter, &attempt.operation)));
        let outcome = async {
            // All are waited for, though one may fail: a try that is still on its way cannot be taken back.
            let (read, taken) = if let Some(read) = read_before {
                (Ok(read), take.await)
            } else {
                let (read, taken) = tokio::join!(self.store.read_all(&keys), take);
                let read = read.map_err(Failure::from).and_then(|mut items| {
                    let enterprise = attempt.authorize(items.drain(2..))?;
                    Ok((items, enterprise))
                });
                (read, taken)
            };
            // What the table did not tell may be counted.
            for (tried, taken) in tries.iter_mut().zip(&taken) {
                *tried = *taken.as_ref().unwrap_or(&Try::Beside);
            }
            let (mut items, enterprise) = read?;
            taken.into_iter().collect::<Result<Vec<_>, _>>()?;
            self.own_limits.note(&enterprise);
            let by_enterprise = attempt.by_enterprise(&enterprise.settings);
            // Another one than was asked for is looked at from the next call on.
            if by_enterprise.key == asked.key && by_enterprise.is_used_up(items[1].as_ref()) {
                return Err(by_enterprise.refusal(attempt.call.now));
            }
            match tries.iter().position(|outcome| *outcome == Try::Refused) {
                Some(index) => Err(counters[index].refusal(attempt.call.now)),
                None => Ok((enterprise, items.swap_remove(0), by_enterprise)),
            }
        };
        match outcome.await {
            Ok((enterprise, found, by_enterprise)) => {
                Ok(Reserved { enterprise, found, by_enterprise, tries })
            }
            Err(refusal) => {
                if let (Failure::ApiKey, Gate::Key(key)) = (&refusal, &attempt.gate) {
                    self.seen_keys.remove(key);
                }
                let taken = counters.iter().zip(tries);
                let taken =
                    taken.filter_map(|(counter, outcome)| (outcome != Try::Refused).then_some(*counter));
                self.give_back(attempt.call, &attempt.operation, taken).await;
                Err(refusal)
            }
        }
    }
}
