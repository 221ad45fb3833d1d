//! Structured logs: one JSON object a line on standard output, where Lambda picks it up.
//!
//! Only what is written here is logged. Nobody listens to the events of the AWS SDK, since its debug output
//! holds whole requests: docs/decisions/0007.

use std::io::{self, Write};
use std::panic;
use std::sync::OnceLock;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Serialize;

/// What takes a line, its end included.
type Writer = Box<dyn Fn(&[u8]) + Send + Sync>;

static WRITER: OnceLock<Writer> = OnceLock::new();

/// How grave a line is. An alarm rings at `ERROR`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// As it should be.
    Info,
    /// Something failed that nobody waited for.
    Warn,
    /// Our fault.
    Error,
}

#[derive(Serialize)]
struct Entry<'a, F> {
    timestamp: String,
    level: Level,
    message: &'a str,
    #[serde(flatten)]
    fields: &'a F,
}

/// What a line may have beside its message: what happened, ids, figures and causes. Nothing that comes with a request
/// and no item of the table is this, so that none can be logged by mistake.
pub trait Fields: Serialize {}

/// The fields of a line about a failure.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Trouble<'a> {
    /// The function's name, where no request's id tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<&'a str>,
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// Where in the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<&'a str>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'a str>,
}

impl Fields for Trouble<'_> {}

/// Sends this process's log to `writer` instead of standard output. A second call changes nothing.
pub fn divert(writer: impl Fn(&[u8]) + Send + Sync + 'static) {
    let _ = WRITER.set(Box::new(writer));
}

/// Writes a line: `message` with fields.
pub fn write(level: Level, message: &str, fields: &impl Fields) {
    let entry = Entry { timestamp: timestamp(), level, message, fields };
    // Neither fails: keys are strings, and where standard output is gone there is nobody to tell.
    let Ok(mut line) = serde_json::to_vec(&entry) else { return };
    line.push(b'\n');
    match WRITER.get() {
        Some(writer) => writer(&line),
        None => _ = io::stdout().write_all(&line),
    }
}

/// Sends panics to the log: place only, since a panic's text can quote a value.
pub fn hide_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        write(Level::Error, "panic", &Trouble { place: place.as_deref(), ..Trouble::default() });
    }));
}

/// Now, as `2026-11-27T10:20:30.456789Z`, without zeros at the end.
#[expect(clippy::disallowed_methods, reason = "when a line is written is by the machine's clock")]
fn timestamp() -> String {
    DateTime::from(SystemTime::now()).fmt(Format::DateTime).unwrap_or_default()
}
