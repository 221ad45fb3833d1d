//! What Usher costs in time, memory, bytes and money, held against floors and peers.

mod alike;
mod check;
mod cost;
mod event;
mod every;
mod growth;
mod measure;
mod parts;
mod peers;
mod plot;
mod process;
mod report;
mod size;
mod statistics;
mod subject;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Parser, Subcommand};

/// What Usher costs in time, memory, bytes and money. Run it with `--release`.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Writes docs/performance.md: times, memory and sizes, and whether the goals are met.
    Measure {
        /// A folder with the functions' binaries, instead of building them.
        #[arg(long, value_name = "DIR")]
        binaries: Option<PathBuf>,
        /// Leaves the peers out, which need Node's npm and a compiler for C++.
        #[arg(long)]
        without_peers: bool,
        /// Milliseconds by which each AWS call is answered later for the second table.
        #[arg(long, default_value_t = 4, value_name = "MS")]
        delay: u64,
    },
    /// Writes docs/cost.md: dollars for a million of each call, and whether the goals are met.
    Cost {
        /// A folder with the functions' binaries, instead of building them.
        #[arg(long, value_name = "DIR")]
        binaries: Option<PathBuf>,
        /// Milliseconds by which each AWS call is answered later.
        #[arg(long, default_value_t = 4, value_name = "MS")]
        delay: u64,
    },
    /// Writes docs/enumeration.md: whether an answer or its time tells who has an account.
    Alike {
        /// A folder with the functions' binaries, instead of building them.
        #[arg(long, value_name = "DIR")]
        binaries: Option<PathBuf>,
    },
    /// Simulates a second of logins and what follows them, and writes into docs/growth.md how much the busiest items
    /// get.
    Growth,
    /// Fails when a zip of two functions, or the calls that they make, are more than their goals, or the simulation
    /// of `growth` asks an item for more than it can give.
    Check {
        /// A folder with watch-login and watch-token-refresh as they ship.
        #[arg(long, value_name = "DIR", default_value = "target/release")]
        binaries: PathBuf,
    },
    /// Shows what is in one function's binary, by crate.
    Size {
        /// The function, as watch-login.
        function: String,
    },
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "what a person reads")]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if cfg!(debug_assertions) && matches!(command, What::Measure { .. } | What::Cost { .. }) {
        eprintln!("bench: what measures time has to be built with --release itself");
        return ExitCode::FAILURE;
    }
    let done = match command {
        What::Measure { binaries, without_peers, delay } => {
            run(binaries, without_peers, Duration::from_millis(delay)).await
        }
        What::Cost { binaries, delay } => cost(binaries, Duration::from_millis(delay)).await,
        What::Alike { binaries } => alike(binaries).await,
        What::Growth => growth::run(&root()),
        What::Check { binaries } => check::run(&binaries).await,
        What::Size { function } => size::contents(&function).map(|text| {
            print!("{text}");
            true
        }),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: not all goals are met");
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn run(binaries: Option<PathBuf>, without_peers: bool, delay: Duration) -> Result<bool, String> {
    let floors = build("bench")?;
    let shipped = binaries.map_or_else(|| build("functions"), Ok)?;
    let app = measure::stack().await;
    let mut subjects = measure::floors(&app, &floors)?;
    subjects.extend(measure::own_subjects(&app, &shipped, |_| true).await?);
    if !without_peers {
        subjects.extend(peers::subjects(&app).await?);
    }
    let functions = every::every(&app, &floors, &shipped).await?;
    let quick = measure::rounds(&app, &subjects, Duration::ZERO).await?;
    let delayed = measure::rounds(&app, &subjects, delay).await?;
    report::write(&root().join("docs"), &date()?, [&quick, &delayed], delay, &functions)
}

async fn cost(binaries: Option<PathBuf>, delay: Duration) -> Result<bool, String> {
    let shipped = binaries.map_or_else(|| build("functions"), Ok)?;
    cost::run(&root(), &shipped, delay, &date()?).await
}

async fn alike(binaries: Option<PathBuf>) -> Result<bool, String> {
    let shipped = binaries.map_or_else(|| build("functions"), Ok)?;
    alike::run(&root(), &shipped, &date()?).await
}

/// A build of what ships.
fn cargo_build() -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--release"]).current_dir(root());
    command
}

/// Builds the binaries of a package as they ship, by themselves: functions built together with this program would have
/// what only this one needs.
fn build(package: &str) -> Result<PathBuf, String> {
    let status = cargo_build().args(["--package", package, "--bins"]).status();
    let status = status.map_err(|error| format!("cargo: {error}"))?;
    let built = status.success().then(|| root().join("target/release"));
    built.ok_or_else(|| format!("{package} does not build"))
}

/// Today's date (UTC).
fn date() -> Result<String, String> {
    let output =
        Command::new("date").args(["--utc", "+%Y-%m-%d"]).output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
