//! A value that a warm function keeps: fetched during init, refreshed beside later calls.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use lambda_http::BoxFuture;
use tokio::sync::Mutex;

use crate::failure::Failure;

/// The age in seconds at which a value is fetched again.
const REFRESH_AFTER: i64 = 5 * 60;
/// The least time in seconds between two fetches that a caller forces.
const FORCED_AFTER: i64 = 5;

/// When a value was fetched that no call has seen yet.
const UNKNOWN: i64 = i64::MIN;

type Load<T> = dyn Fn() -> BoxFuture<'static, Result<T, Failure>> + Send + Sync;

/// A fetched value and the way to fetch it again.
pub struct Cached<T> {
    value: RwLock<Arc<T>>,
    fetched_at: AtomicI64,
    /// Held while a caller forces a fetch; when the last one was forced.
    forced_at: Mutex<i64>,
    load: Box<Load<T>>,
}

impl<T: Send + Sync + 'static> Cached<T> {
    /// Fetches the value for the first time.
    ///
    /// # Errors
    /// What `load` returns: a function that cannot have its keys does not start.
    pub async fn new(
        load: impl Fn() -> BoxFuture<'static, Result<T, Failure>> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, Failure> {
        let value = load().await?;
        Ok(Arc::new(Self {
            value: RwLock::new(Arc::new(value)),
            fetched_at: AtomicI64::new(UNKNOWN),
            forced_at: Mutex::new(UNKNOWN),
            load: Box::new(load),
        }))
    }

    /// The value. Once it is five minutes old at `now`, a fetch is begun beside the call, which
    /// goes on with the old value; when that fetch fails, the old value stays and the next call
    /// tries again.
    #[must_use]
    pub fn get(self: &Arc<Self>, now: i64) -> Arc<T> {
        if self.claim_fetch(now) {
            let cached = Arc::clone(self);
            tokio::spawn(async move { cached.fetch(now).await });
        }
        self.value()
    }

    /// The value, newer than `seen`, which lacks something; at most one fetch every five seconds, so
    /// that bad input cannot turn into a stream of them. Callers that ask at once share one.
    pub async fn newer_than(&self, seen: &Arc<T>, now: i64) -> Arc<T> {
        let mut forced_at = self.forced_at.lock().await;
        if Arc::ptr_eq(seen, &self.value()) && now.saturating_sub(*forced_at) >= FORCED_AFTER {
            *forced_at = now;
            self.fetch(now).await;
        }
        self.value()
    }

    fn value(&self) -> Arc<T> {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a value of this age is to be fetched by this caller, and by no other meanwhile. Its
    /// age counts from the first call: the fetch before that has no time that calls know.
    fn claim_fetch(&self, now: i64) -> bool {
        let fetched_at = self.fetched_at.load(Ordering::Acquire);
        if fetched_at != UNKNOWN && now - fetched_at < REFRESH_AFTER {
            return false;
        }
        let claim = self.fetched_at.compare_exchange(fetched_at, now, Ordering::AcqRel, Ordering::Acquire);
        claim.is_ok() && fetched_at != UNKNOWN
    }

    async fn fetch(&self, claimed_at: i64) {
        match (self.load)().await {
            Ok(value) => {
                *self.value.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
            }
            Err(failure) => {
                // Old enough for the next call to try again.
                let old = claimed_at.saturating_sub(REFRESH_AFTER);
                self.fetched_at.store(old, Ordering::Release);
                tracing::warn!(target: "usher", cause = %failure, "refresh failed");
            }
        }
    }
}

impl<T> fmt::Debug for Cached<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Cached")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    async fn counting() -> Arc<Cached<u32>> {
        let fetches = Arc::new(AtomicU32::new(0));
        Cached::new(move || {
            let fetches = Arc::clone(&fetches);
            Box::pin(async move { Ok(fetches.fetch_add(1, Ordering::AcqRel)) })
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn what_is_lacking_is_fetched_in_the_first_call_too_and_then_every_five_seconds() {
        let cached = counting().await;
        let mut seen = cached.get(1000);
        for (now, wanted) in [(1000, 1), (1001, 1), (1004, 1), (1005, 2), (1006, 2)] {
            seen = cached.newer_than(&seen, now).await;
            assert_eq!(*seen, wanted, "at {now}");
        }
    }

    #[tokio::test]
    async fn callers_that_lack_something_at_once_share_a_fetch() {
        let cached = counting().await;
        let seen = cached.get(1000);
        let (one, other) = tokio::join!(cached.newer_than(&seen, 1000), cached.newer_than(&seen, 1000));
        assert_eq!((*one, *other), (1, 1));
    }
}
