//! `usher`, as an operator runs it, against the local stack's stand-ins.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod apply;
mod keys;
mod screener;

use std::process::Output;
use std::sync::Arc;

use local::{Options, Stack};
use shared::provision::document::Document;
use tokio::process::Command;

/// A stack with nothing in it.
async fn stack() -> Stack {
    stack_with(r#"{"enterprises":[]}"#).await
}

async fn stack_with(document: &str) -> Stack {
    let options = Options {
        port: 0,
        data: None,
        dynamodb: None,
        table: "usher".into(),
        document: Document::parse(document).unwrap(),
        is_demo: false,
        binaries: None,
        log: Arc::new(|_| {}),
        allows: None,
        patience: None,
    };
    Stack::start(options).await.unwrap()
}

/// Runs `usher` on a stack.
async fn usher(stack: &Stack, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(arguments)
        .args(["--endpoint-url", &stack.place.aws_url])
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "operator")
        .env("AWS_SECRET_ACCESS_KEY", "operator")
        .output()
        .await
        .unwrap()
}

/// What `usher` said, when it succeeded.
fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect()
}
