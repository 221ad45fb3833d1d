//! What the AWS clients have in common.

use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::crypto;

/// An AWS error for the log: operation, kind, code. Not its `Debug` text nor its message, which
/// can hold items, addresses or parameters.
pub fn describe<E: ProvideErrorMetadata, R>(operation: &str, error: &SdkError<E, R>) -> String {
    let kind = match error {
        SdkError::ConstructionFailure(_) => "not sent",
        SdkError::TimeoutError(_) => "timed out",
        SdkError::DispatchFailure(_) => "not reached",
        SdkError::ResponseError(_) => "unreadable answer",
        SdkError::ServiceError(_) => "refused",
        _ => "failed",
    };
    format!("{operation} {kind}: {}", error.code().unwrap_or("no code"))
}

/// Why a message may not have been sent; the texts are for the log.
#[derive(Debug)]
pub enum Unsent {
    /// The service refused it: it was not sent.
    Refused(String),
    /// The service did not answer: it may have been.
    Unknown(String),
}

impl Unsent {
    /// What an error of the call that sends says.
    pub(crate) fn of<E: ProvideErrorMetadata, R>(operation: &str, error: &SdkError<E, R>) -> Self {
        let cause = describe(operation, error);
        match error {
            // With a code it is the service that speaks. Without one it is something on the way to it.
            SdkError::ServiceError(_) if error.code().is_some() => Self::Refused(cause),
            SdkError::ConstructionFailure(_) => Self::Refused(cause),
            _ => Self::Unknown(cause),
        }
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(cause) | Self::Unknown(cause)) = self;
        out.write_str(cause)
    }
}

/// Waits before attempt `attempt + 1`: 10 ms, doubling, with a random half of it on top.
pub(crate) async fn pause(attempt: u32) {
    let base = 10_u64 << attempt;
    let [random] = crypto::random::<1>();
    tokio::time::sleep(Duration::from_millis(base + base * u64::from(random) / 512)).await;
}
