//! `cargo run`: the whole of Usher on this machine.

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use local::{DEMO, Options, Stack, first_curl};
use shared::provision::document::Document;

/// Runs Usher on this machine: the functions, a store, and stand-ins for SNS, SES and Secrets
/// Manager. Nothing leaves the machine.
#[derive(Parser)]
#[command(name = "usher-local", version)]
struct Arguments {
    /// The port on 127.0.0.1; 0 for any free one.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// A provisioning document (JSON), instead of the built-in demo.
    #[arg(long, value_name = "FILE")]
    provision: Option<PathBuf>,
    /// A folder to keep everything in; without it, everything is gone at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Another store that speaks DynamoDB's protocol, instead of the embedded one.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    dynamodb: Option<String>,
    /// A folder with the built functions, to run them as Lambda does, each in its own process.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::log::divert(|line| _ = stderr().write_all(line));
    shared::log::hide_panics();
    match start(arguments).await {
        Ok(stack) => {
            tokio::select! {
                () = stack.run() => ExitCode::FAILURE,
                _ = tokio::signal::ctrl_c() => ExitCode::SUCCESS,
            }
        }
        Err(problem) => {
            eprintln!("usher-local: {problem}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "what a person reads first")]
async fn start(arguments: Arguments) -> Result<Stack, String> {
    let is_demo = arguments.provision.is_none();
    let document = match &arguments.provision {
        Some(file) => Document::read(file)?,
        None => Document::parse(DEMO).map_err(|invalid| invalid.to_string())?,
    };
    let options = Options {
        port: arguments.port,
        data: arguments.data,
        dynamodb: arguments.dynamodb,
        table: "usher".to_owned(),
        document,
        is_demo,
        binaries: arguments.binaries,
        log: Arc::new(|line| eprintln!("{line}")),
        allows: None,
        patience: None,
    };
    let stack = Stack::start(options).await?;
    let url = &stack.place.url;
    println!(
        "Usher is ready on {url} (open it in a browser for a TV to sign in on, the outbox and the endpoints)"
    );
    println!("The AWS stand-ins are on {} (for `usher apply` with --endpoint-url)\n", stack.place.aws_url);
    for line in stack.report.lines() {
        println!("{line}");
    }
    if is_demo {
        println!("\nAPI keys of the demo:");
        println!("  watch            usk_demo_tv_LocalDemoKeyForTheWatchSurface000001");
        println!("  watch, rotating  usk_demo_rotating_LocalDemoKeyThatRotatesTokens0000002");
        println!("  admin            usk_demo_office_LocalDemoKeyForTheAdminSurface000003");
        println!("\nSign in:\n\n{}\n", first_curl(url));
    }
    Ok(stack)
}
