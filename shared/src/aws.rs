//! What the AWS clients have in common.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

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
