//! `usher`: the operator's command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_config::BehaviorVersion;
use clap::{Parser, Subcommand};
use shared::config::{Environment, retries, timeouts};
use shared::provision::document::Document;
use shared::provision::{self, Report};

/// Usher's operator command. It uses your AWS credentials and region, as the AWS CLI does.
#[derive(Parser)]
#[command(name = "usher", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The table's name (the template's output `Table`).
    #[arg(long, global = true, env = "USHER_TABLE")]
    table: Option<String>,
    /// Name or ARN of the signing keys' secret (the template's output `KeysSecret`).
    #[arg(long, global = true, env = "USHER_KEYS_SECRET")]
    keys_secret: Option<String>,
    /// Name or ARN of the pepper's secret (the template's output `PepperSecret`).
    #[arg(long, global = true, env = "USHER_PEPPER_SECRET")]
    pepper_secret: Option<String>,
    /// Where to reach AWS, instead of its own endpoints. With it, the three names above may be left
    /// out: they are the local stack's then.
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL")]
    endpoint_url: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Bring a deployment to what a provisioning document says, and tell what changed. Makes the
    /// first signing keys where there are none.
    Apply {
        /// The document (JSON).
        file: PathBuf,
    },
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the command's output")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Command::Apply { file } = &arguments.command;
    let mut report = Report::default();
    let outcome = apply(&arguments, file, &mut report).await;
    // What was done is told even when not all could be: a new key is shown this once.
    for line in report.lines() {
        println!("{line}");
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("usher: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn apply(arguments: &Arguments, file: &Path, report: &mut Report) -> Result<(), String> {
    let document = Document::read(file)?;
    let environment = environment(arguments).await?;
    provision::run(&environment, &document, report).await.map_err(|failure| failure.to_string())
}

async fn environment(arguments: &Arguments) -> Result<Environment, String> {
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).retry_config(retries());
    if let Some(url) = &arguments.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let name = |given: &Option<String>, flag: &str, local: &str| match given {
        Some(name) => Ok(name.clone()),
        None if arguments.endpoint_url.is_some() => Ok(local.to_owned()),
        None => Err(format!("{flag} is needed: see the outputs of the deployed stack")),
    };
    Ok(Environment {
        table: name(&arguments.table, "--table", "usher")?,
        keys_secret: name(&arguments.keys_secret, "--keys-secret", "usher/keys")?,
        pepper_secret: name(&arguments.pepper_secret, "--pepper-secret", "usher/pepper")?,
        aws: loader.load().await,
        public_url: String::new(),
        mail_from: String::new(),
    })
}
