//! A value that a warm function keeps: fetched during init, refreshed beside later calls.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use lambda_http::BoxFuture;
use tokio::sync::Mutex;

use crate::failure::Failure;
use crate::log::{self, Level, Trouble};

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
    /// The value, and the number of the fetch that it came with.
    value: RwLock<(u64, Arc<T>)>,
    /// How many fetches have begun.
    begun: AtomicU64,
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
            value: RwLock::new((0, Arc::new(value))),
            begun: AtomicU64::new(0),
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
            tokio::spawn(async move { cached.refresh(now).await });
        }
        self.stored().1
    }

    /// The value, of a fetch that begins no earlier than this call: what the caller lacks may be there by
    /// now. Callers that ask at once share a fetch, and there are at most ten in ten seconds; the others get
    /// what there is.
    ///
    /// # Errors
    /// What `load` returns.
    pub async fn newer(&self, now: i64) -> Result<Arc<T>, Failure> {
        let begun_before = self.begun.load(Ordering::Acquire);
        let mut forced = self.forced.lock().await;
        if now.saturating_sub(forced.began_at) >= FORCED_WINDOW {
            *forced = Forced { began_at: now, count: 0 };
        }
        let (fetch, value) = self.stored();
        if fetch > begun_before || forced.count == FORCED_MOST {
            return Ok(value);
        }
        forced.count += 1;
        self.fetch().await?;
        Ok(self.stored().1)
    }

    fn stored(&self) -> (u64, Arc<T>) {
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

    async fn refresh(&self, claimed_at: i64) {
        if let Err(failure) = self.fetch().await {
            // Old enough for the next call to try again.
            self.fetched_at.store(claimed_at.saturating_sub(REFRESH_AFTER), Ordering::Release);
            let trouble = Trouble { cause: Some(&failure.to_string()), ..Trouble::default() };
            log::write(Level::Warn, "refresh failed", &trouble);
        }
    }

    async fn fetch(&self) -> Result<(), Failure> {
        let fetch = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let value = Arc::new((self.load)().await?);
        let mut stored = self.value.write().unwrap_or_else(PoisonError::into_inner);
        // One that began later may have ended before, and knows more.
        if fetch > stored.0 {
            *stored = (fetch, value);
        }
        Ok(())
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
            Box::pin(async move {
                // As a fetch does: others run meanwhile.
                tokio::task::yield_now().await;
                Ok(fetches.fetch_add(1, Ordering::AcqRel))
            })
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn what_is_lacking_is_fetched_in_the_first_call_too_and_ten_times_in_ten_seconds() {
        let cached = counting().await;
        for (now, wanted) in (1000..1009).map(|now| (now, u32::try_from(now - 999).unwrap())) {
            assert_eq!(*cached.newer(now).await.unwrap(), wanted, "at {now}");
        }
        for (now, wanted) in [(1009, 10), (1009, 10), (1010, 11)] {
            assert_eq!(*cached.newer(now).await.unwrap(), wanted, "at {now}");
        }
    }

    #[tokio::test]
    async fn callers_that_lack_something_at_once_share_a_fetch() {
        let cached = counting().await;
        let (one, two, three) = tokio::join!(cached.newer(1000), cached.newer(1000), cached.newer(1000));
        // The first one's had begun when the others came, so they share one of their own.
        assert_eq!([one, two, three].map(|value| *value.unwrap()), [1, 2, 2]);
    }
}
