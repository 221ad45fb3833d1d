//! Structured logs: one JSON object a line on standard output, where Lambda picks it up.
//!
//! Only events with the target `usher` are written. The AWS SDK's own events are not, at any
//! level, since its debug output holds whole requests.

use std::panic;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Sends this process's log to `writer`: standard output on Lambda. A second call changes nothing.
pub fn init<W>(writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_writer(writer)
        .with_filter(Targets::new().with_target("usher", LevelFilter::INFO));
    let _ = registry().with(layer).try_init();
}

/// Sends panics to the log: place only, since a panic's text can quote a value.
pub fn hide_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(target: "usher", place, "panic");
    }));
}
