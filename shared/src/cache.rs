//! A value that a warm function keeps: fetched during init, refreshed beside later calls.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use lambda_http::BoxFuture;
use tokio::sync::Mutex;

use crate::failure::Failure;

/// The age in seconds at which a value is fetched again.
const REFRESH_AFTER: i64 = 5 * 60;
/// How many fetches callers may force within [`FORCED_WINDOW`]: enough for keys that an operator rotates
/// several times in a row, and too few for bad input to turn into a stream of them.
const FORCED_MOST: u32 = 10;
/// The window's length in seconds.
const FORCED_WINDOW: i64 = 10;

/// When a value was fetched that no call has seen yet.
const UNKNOWN: i64 = i64::MIN;

type Load<T> = dyn Fn() -> BoxFuture<'static, Result<T, Failure>> + Send + Sync;

/// The fetches that callers forced in the window that began last.
struct Forced {
    began_at: i64,
    count: u32,
}

/// A fetched value and the way to fetch it again.
pub struct Cached<T> {
    value: RwLock<Arc<T>>,
    fetched_at: AtomicI64,
    /// Held while a caller forces a fetch.
    forced: Mutex<Forced>,
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
            forced: Mutex::new(Forced { began_at: UNKNOWN, count: 0 }),
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

    /// The value, newer than `seen`, which lacks something; at most ten fetches in ten seconds. Callers that
    /// ask at once share one.
    pub async fn newer_than(&self, seen: &Arc<T>, now: i64) -> Arc<T> {
        let mut forced = self.forced.lock().await;
        if now.saturating_sub(forced.began_at) >= FORCED_WINDOW {
            *forced = Forced { began_at: now, count: 0 };
        }
        if Arc::ptr_eq(seen, &self.value()) && forced.count < FORCED_MOST {
            forced.count += 1;
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
    async fn what_is_lacking_is_fetched_in_the_first_call_too_and_ten_times_in_ten_seconds() {
        let cached = counting().await;
        let mut seen = cached.get(1000);
        for (now, wanted) in (1000..1009).map(|now| (now, u32::try_from(now - 999).unwrap())) {
            seen = cached.newer_than(&seen, now).await;
            assert_eq!(*seen, wanted, "at {now}");
        }
        for (now, wanted) in [(1009, 10), (1009, 10), (1010, 11)] {
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
