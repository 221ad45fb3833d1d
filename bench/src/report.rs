//! `docs/performance.md` and its plots.

use std::fmt::Write as _;
use std::path::Path;

use crate::measure::{Measured, ROUNDS, milliseconds};
use crate::plot;
use crate::process;
use crate::size::{self, Zip};
use crate::statistics::median;
use crate::subject::Round;

/// What is held in one run: the median of a ratio over the rounds, or a figure of its own.
struct Goal {
    what: String,
    figure: f64,
    limit: f64,
    is_floor: bool,
}

impl Goal {
    fn at_most(what: impl Into<String>, figure: f64, limit: f64) -> Self {
        Self { what: what.into(), figure, limit, is_floor: false }
    }

    fn at_least(what: impl Into<String>, figure: f64, limit: f64) -> Self {
        Self { what: what.into(), figure, limit, is_floor: true }
    }

    fn holds(&self) -> bool {
        if self.is_floor { self.figure >= self.limit } else { self.figure <= self.limit }
    }
}

/// All subjects' rounds, side by side.
struct Run<'a>(&'a [Measured]);

impl Run<'_> {
    fn rounds(&self, name: &str) -> Option<&[Round]> {
        self.0.iter().find(|measured| measured.name == name).map(|measured| &*measured.rounds)
    }

    /// The median over the rounds of what `of` makes of one round of each of `names`.
    fn median<const N: usize>(&self, names: [&str; N], of: impl Fn([&Round; N]) -> f64) -> Option<f64> {
        let rounds: Vec<&[Round]> = names.iter().map(|name| self.rounds(name)).collect::<Option<_>>()?;
        Some(median((0..ROUNDS).map(|index| of(std::array::from_fn(|subject| &rounds[subject][index])))))
    }
}

fn cold(round: &Round) -> f64 {
    milliseconds(round.init + round.first)
}

fn cpu(round: &Round) -> f64 {
    milliseconds(round.cpu)
}

const NOTHING: &str = "floor: nothing";
const GET_ITEM: &str = "floor: one GetItem";
const THREE_ITEMS: &str = "floor: three items";
const VERIFY: &str = "floor: verify";
const SIGN: &str = "floor: sign and verify";
const HASH: &str = "floor: one hash";
const REFRESH: &str = "watch-token-refresh";
const LOGIN: &str = "watch-login, password";
const OPENAUTH: &str = "OpenAuth: refresh";

fn goals(run: &Run<'_>, zips: &[Zip]) -> Vec<Goal> {
    let mut goals = Vec::new();
    let mut add = |goal: Option<Goal>| goals.extend(goal);
    for name in [REFRESH, "watch-session", "authorizer", LOGIN] {
        let ratio =
            run.median([name, GET_ITEM], |[own, floor]| milliseconds(own.init) / milliseconds(floor.init));
        add(ratio.map(|ratio| {
            Goal::at_most(format!("init of `{name}`, to the function that reads one item"), ratio, 1.3)
        }));
    }
    let ratio = run.median([OPENAUTH, REFRESH], |[peer, own]| cold(peer) / cold(own));
    add(ratio
        .map(|ratio| Goal::at_least("OpenAuth's cold refresh, init and first call, to ours", ratio, 25.0)));
    let ratio = run.median([REFRESH, GET_ITEM, SIGN, NOTHING], |[own, read, sign, nothing]| {
        cpu(own) / (cpu(read) + cpu(sign) - cpu(nothing))
    });
    add(ratio.map(|ratio| {
        Goal::at_most(
            "processor time of a warm refresh, to one item, one signature and one verification",
            ratio,
            1.3,
        )
    }));
    let ratio = run.median([OPENAUTH, REFRESH], |[peer, own]| cpu(peer) / cpu(own));
    add(ratio.map(|ratio| Goal::at_least("processor time of OpenAuth's warm refresh, to ours", ratio, 14.0)));
    for name in ["watch-session", "authorizer"] {
        add(check(run, name, THREE_ITEMS).map(|ratio| {
            Goal::at_most(
                format!("processor time of `{name}`, to its three items and one verification"),
                ratio,
                1.2,
            )
        }));
    }
    let ratio = run.median([LOGIN, HASH, GET_ITEM, NOTHING], |[own, hash, read, nothing]| {
        cpu(own) / (cpu(hash) + own.calls * (cpu(read) - cpu(nothing)))
    });
    add(ratio
        .map(|ratio| Goal::at_most("processor time of a login, to one hash and as many calls", ratio, 1.05)));
    for (name, limit) in [
        ("jwks", 12.0),
        ("watch-session", 12.0),
        ("authorizer", 12.0),
        (REFRESH, 12.0),
        ("watch-login, PIN", 12.0),
        (LOGIN, 31.0),
    ] {
        let peak = run.median([name], |[own]| own.peak_memory);
        add(peak.map(|peak| Goal::at_most(format!("peak memory of `{name}`, MiB"), peak, limit)));
    }
    for zip in zips {
        if let Some(limit) = size::limit(&zip.name) {
            let megabytes = zip.megabytes();
            goals.push(Goal::at_most(format!("zip of `{}`, MB", zip.name), megabytes, limit));
        }
    }
    goals
}

/// The processor time of a check of a session, to what reads `items` and to one verification.
fn check(run: &Run<'_>, name: &str, items: &str) -> Option<f64> {
    run.median([name, items, VERIFY, NOTHING], |[own, read, verify, nothing]| {
        cpu(own) / (cpu(read) + cpu(verify) - cpu(nothing))
    })
}

/// Writes the document and its plots below `docs`, and tells whether all goals are met.
pub(crate) fn write(
    docs: &Path,
    date: &str,
    [quick, delayed]: [&[Measured]; 2],
    zips: &[Zip],
) -> Result<bool, String> {
    let run = Run(quick);
    let goals = goals(&run, zips);
    let mut text = format!(
        "# Performance\n\n\
         Written by `cargo run -p bench --release -- measure` on {date}, on a machine with {}. Run it \
         yourself: only ratios say something, and those of one run. Each figure is the median of {ROUNDS} \
         rounds; each round starts every program anew, calls it once, and then some {} times. Functions are \
         the binaries that ship, behind a Lambda Runtime API in the process that measures; DynamoDB is the \
         embedded store there. Processor time is that of the function's process alone.\n\n\
         ## Goals\n\n| what | measured | goal | |\n|---|---|---|---|\n",
        process::machine(),
        crate::measure::WARM,
    );
    for goal in &goals {
        let sign = if goal.is_floor { "at least" } else { "at most" };
        let verdict = if goal.holds() { "held" } else { "**missed**" };
        let _ = writeln!(text, "| {} | {:.2} | {sign} {} | {verdict} |", goal.what, goal.figure, goal.limit);
    }
    text.push_str(
        "\nThe floors are functions of `bench/src/bin`: one that does nothing; one that reads an item with \
         the AWS SDK, or three in one call, whose connection it opens during init, and trusts Amazon's certificates \
         alone; one that \
         signs a token and verifies it, or only verifies; one that makes an Argon2id hash with our \
         parameters. The peers are in `bench/peers`: OpenAuth as a Node 22 Lambda function with its DynamoDB \
         storage and AWS's own runtime client, each refresh with a token of its own as a client has it; and \
         oidc-provider as a server, which does not rotate refresh tokens here.\n\n\
         ## Time\n\n",
    );
    text.push_str(&table(quick));
    let ratios = ["watch-session", "authorizer"].map(|name| check(&run, name, GET_ITEM).unwrap_or(f64::NAN));
    let _ = writeln!(
        text,
        "\nA session check reads session, user and API key in one call: three items. Against one item and one \
         verification, `watch-session` takes {:.2} and `authorizer` {:.2} times the processor time.",
        ratios[0], ratios[1],
    );
    text.push_str(
        "\n![From nothing to the first answer](pictures/bench-cold.svg)\n\n\
         ![Processor time of a warm call](pictures/bench-cpu.svg)\n\n\
         ## Time, with AWS as far away as it is\n\nThe same with each AWS call answered 4 ms later, as in a \
         region.\n\n",
    );
    text.push_str(&table(delayed));
    text.push_str("\n## Size\n\nA function's zip holds its binary and nothing else.\n\n");
    text.push_str(&size::table(zips));
    text.push_str(
        "\nTo see what is in one: `cargo run -p bench --release -- size watch-login`. It builds the binary \
         once more with its symbols and adds them up by crate.\n\n\
         ## Calls and units\n\nThe [README](../README.md#costs) has the DynamoDB calls, read units and write \
         units of each endpoint, and a test that fails when one changes. [Cost](cost.md) says what that is \
         in dollars, [growth](growth.md) what becomes of it when there is more.\n",
    );
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    write(&docs.join("performance.md"), &text)?;
    let bars = |of: &dyn Fn(&Round) -> f64| -> Vec<(String, f64)> {
        quick.iter().map(|measured| (measured.name.to_owned(), measured.median(of))).collect()
    };
    let pictures = docs.join("pictures");
    write(
        &pictures.join("bench-cold.svg"),
        &plot::bars("From nothing to the first answer, ms", &bars(&cold)),
    )?;
    write(&pictures.join("bench-cpu.svg"), &plot::bars("Processor time of a warm call, ms", &bars(&cpu)))?;
    Ok(goals.iter().all(Goal::holds))
}

fn table(measured: &[Measured]) -> String {
    let mut text =
        "| program | init, ms | first call, ms | warm p50, ms | warm p99, ms | processor, ms | peak \
                    memory, MiB | DynamoDB calls |\n|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for one in measured {
        let _ = writeln!(
            text,
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.3} | {:.1} | {:.0} |",
            one.name,
            one.median(|round| milliseconds(round.init)),
            one.median(|round| milliseconds(round.first)),
            one.warm(0.5),
            one.warm(0.99),
            one.median(cpu),
            one.median(|round| round.peak_memory),
            one.median(|round| round.calls),
        );
    }
    text
}
