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
    fetching: Mutex<()>,
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
            fetching: Mutex::new(()),
            load: Box::new(load),
        }))
    }

    /// The value. Once it is five minutes old at `now`, a fetch is begun beside the call, which
    /// goes on with the old value; when that fetch fails, the old value stays and the next call
    /// tries again.
    #[must_use]
    pub fn get(self: &Arc<Self>, now: i64) -> Arc<T> {
        if self.claim_fetch(now, REFRESH_AFTER) {
            let cached = Arc::clone(self);
            tokio::spawn(async move { cached.fetch(now).await });
        }
        self.value()
    }

    /// The value, newer than `seen`, which lacks something; at most one fetch every five seconds, so
    /// that bad input cannot turn into a stream of them. Callers that ask at once share one.
    pub async fn newer_than(&self, seen: &Arc<T>, now: i64) -> Arc<T> {
        let _one_at_a_time = self.fetching.lock().await;
        if Arc::ptr_eq(seen, &self.value()) && self.claim_fetch(now, FORCED_AFTER) {
            self.fetch(now).await;
        }
        self.value()
    }

    fn value(&self) -> Arc<T> {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a value of this age is to be fetched by this caller, and by no other meanwhile. Its
    /// age counts from the first call, which follows the first fetch at once.
    fn claim_fetch(&self, now: i64, after: i64) -> bool {
        let fetched_at = self.fetched_at.load(Ordering::Acquire);
        if fetched_at != UNKNOWN && now - fetched_at < after {
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
