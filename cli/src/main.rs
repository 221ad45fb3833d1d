//! `usher`: the operator's command.

mod keys;
mod screener;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_config::BehaviorVersion;
use clap::{Args, Parser, Subcommand};
use shared::config::{Environment, retries, timeouts};
use shared::provision::document::Document;
use shared::provision::{self, Report};

/// Usher's operator command. It uses the AWS credentials and region of its environment.
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
    /// What the names of the client secrets for single sign-on begin with (the template's output `SsoSecrets`).
    #[arg(long, global = true, env = "USHER_SSO_SECRETS")]
    sso_secrets: Option<String>,
    /// Where to reach AWS, instead of its own endpoints. With it, the names above may be left
    /// out: they are the local stack's then.
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL")]
    endpoint_url: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Bring a deployment to what a provisioning document says, and tell what changed.
    Apply {
        /// The document (JSON).
        file: PathBuf,
    },
    /// Look at the signing keys, or rotate them.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Help who watches screeners.
    Screener {
        #[command(subcommand)]
        command: ScreenerCommand,
    },
}

#[derive(Clone, Copy, Subcommand)]
enum KeysCommand {
    /// Show each key: which one signs, which one is next, which ones only verify, and until when.
    Show,
    /// Let the next key sign, by the secret's rotation function, and wait until it does.
    Rotate,
}

#[derive(Subcommand)]
enum ScreenerCommand {
    /// Take a linked phone away, verified or not, so that another one can be linked. Its code ends, and its
    /// wrong tries are forgotten.
    ResetPhone {
        /// The enterprise's id.
        enterprise: String,
        /// The screener's key.
        screener: String,
        #[command(flatten)]
        whose: Whose,
    },
}

/// Whose phone is meant.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// This user's, by user name or e-mail address.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// That of whoever has the link to the screener.
    #[arg(long)]
    link: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Command::Apply { file } => apply(&arguments, file).await,
        Command::Keys { command } => keys(&arguments, *command).await,
        Command::Screener { command } => screener(&arguments, command).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("usher: {problem}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the command's output")]
fn say(line: &str) {
    println!("{line}");
}

async fn apply(arguments: &Arguments, file: &Path) -> Result<(), String> {
    let document = Document::read(file)?;
    let environment = environment(arguments).await;
    need(&environment.table, "--table")?;
    need(&environment.pepper_secret, "--pepper-secret")?;
    if document.has_sso() {
        need(&environment.sso_secrets, "--sso-secrets")?;
    }
    let mut report = Report::default();
    let outcome = provision::run(&environment, &document, &mut report).await;
    // What was done is told even when not all could be: a new key is shown this once.
    for line in report.lines() {
        say(&line);
    }
    outcome.map_err(|failure| failure.to_string())
}

async fn keys(arguments: &Arguments, command: KeysCommand) -> Result<(), String> {
    let environment = environment(arguments).await;
    need(&environment.table, "--table")?;
    need(&environment.keys_secret, "--keys-secret")?;
    let lines = match command {
        KeysCommand::Show => keys::show(&environment).await,
        KeysCommand::Rotate => keys::rotate(&environment).await,
    };
    for line in lines.map_err(|failure| failure.to_string())? {
        say(&line);
    }
    Ok(())
}

async fn screener(arguments: &Arguments, command: &ScreenerCommand) -> Result<(), String> {
    let environment = environment(arguments).await;
    need(&environment.table, "--table")?;
    let ScreenerCommand::ResetPhone { enterprise, screener, whose } = command;
    let done = screener::reset_phone(&environment, enterprise, screener, whose.user.as_deref()).await;
    say(&done.map_err(|failure| failure.to_string())?);
    Ok(())
}

fn need(name: &str, flag: &str) -> Result<(), String> {
    if name.is_empty() {
        Err(format!("{flag} is needed: see the outputs of the deployed stack"))
    } else {
        Ok(())
    }
}

/// What the flags name; empty where one is left out and there is no default.
async fn environment(arguments: &Arguments) -> Environment {
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).retry_config(retries());
    if let Some(url) = &arguments.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let name = |given: &Option<String>, local: &str| match given {
        Some(name) => name.clone(),
        None if arguments.endpoint_url.is_some() => local.to_owned(),
        None => String::new(),
    };
    Environment {
        table: name(&arguments.table, "usher"),
        keys_secret: name(&arguments.keys_secret, "usher/keys"),
        pepper_secret: name(&arguments.pepper_secret, "usher/pepper"),
        sso_secrets: name(&arguments.sso_secrets, "usher/sso"),
        aws: loader.load().await,
        public_url: String::new(),
        mail_from: String::new(),
        to_providers: None,
    }
}
