//! Killing the instance that makes an AWS call, which the call's access key id names.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

static LAST: AtomicU64 = AtomicU64::new(0);
static RUNNING: Mutex<BTreeMap<String, Arc<Notify>>> = Mutex::new(BTreeMap::new());

fn running() -> MutexGuard<'static, BTreeMap<String, Arc<Notify>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An instance that can be killed, until this is dropped.
pub(super) struct Mortal {
    /// Its access key id: `<function>.<number>`.
    pub(super) access_key_id: String,
    /// Tells that it is to be killed.
    pub(super) kill: Arc<Notify>,
}

impl Mortal {
    pub(super) fn new(function: &str) -> Self {
        let access_key_id = format!("{function}.{}", LAST.fetch_add(1, Ordering::Relaxed));
        let kill = Arc::new(Notify::new());
        running().insert(access_key_id.clone(), Arc::clone(&kill));
        Self { access_key_id, kill }
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        running().remove(&self.access_key_id);
    }
}

/// The function that an access key id names, which functions in this process have for themselves.
pub(crate) fn function_of(access_key_id: &str) -> &str {
    access_key_id.split_once('.').map_or(access_key_id, |(function, _)| function)
}

/// Has the instance with this access key id killed, where it is a process.
pub(crate) fn kill(access_key_id: &str) {
    if let Some(instance) = running().get(access_key_id) {
        instance.notify_one();
    }
}
