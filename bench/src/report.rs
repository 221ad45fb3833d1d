//! `docs/performance.md` and its plots.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::every::{self, Every, STARTS};
use crate::measure::{Measured, ROUNDS, WARM, WARM_HASHES, milliseconds};
use crate::plot;
use crate::process;
use crate::size;
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
    fn rounds(&self, name: &str) -> Result<&[Round], String> {
        let measured = self.0.iter().find(|measured| measured.name == name);
        measured.map(|measured| &*measured.rounds).ok_or_else(|| format!("{name} was not measured"))
    }

    /// The median over the rounds of what `of` makes of one round of each of `names`.
    fn median<const N: usize>(
        &self,
        names: [&str; N],
        of: impl Fn([&Round; N]) -> f64,
    ) -> Result<f64, String> {
        let rounds: Vec<&[Round]> = names.iter().map(|name| self.rounds(name)).collect::<Result<_, _>>()?;
        Ok(median((0..ROUNDS).map(|index| of(std::array::from_fn(|subject| &rounds[subject][index])))))
    }

    /// How many times `own` fits into `peer`: in processor time of a warm call, and from nothing to the first answer.
    fn times(&self, peer: &str, own: &str) -> Result<[f64; 2], String> {
        let of =
            |figure: fn(&Round) -> f64| self.median([peer, own], |[peer, own]| figure(peer) / figure(own));
        Ok([of(cpu)?, of(cold)?])
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
const ROTATING: &str = "watch-token-refresh, rotating";
const LOGIN: &str = "watch-login, password";
const OPENAUTH: &str = "OpenAuth: refresh";
const OPENAUTH_AGAIN: &str = "OpenAuth: refresh, the same token again";

/// Whether the peers were measured too.
fn has_peers(run: &Run<'_>) -> bool {
    run.rounds(OPENAUTH).is_ok()
}

fn goals(run: &Run<'_>, functions: &[Every]) -> Result<Vec<Goal>, String> {
    let mut goals = Vec::new();
    let slowest = most(functions, |_| true, |function| function.init_to_floor)?;
    goals.push(Goal::at_most(
        format!("init of the slowest function, `{}`, to the function that reads one item", slowest.name),
        slowest.init_to_floor,
        1.3,
    ));
    let refresh = run.median([REFRESH, GET_ITEM, SIGN, NOTHING], |[own, read, sign, nothing]| {
        cpu(own) / (cpu(read) + cpu(sign) - cpu(nothing))
    })?;
    goals.push(Goal::at_most(
        "processor time of a warm refresh, to one item, one signature and one verification",
        refresh,
        1.3,
    ));
    if has_peers(run) {
        let [warm, cold] = run.times(OPENAUTH, REFRESH)?;
        goals.push(Goal::at_least("processor time of OpenAuth's warm refresh, to ours", warm, 14.0));
        goals.push(Goal::at_least("OpenAuth's cold refresh, init and first call, to ours", cold, 25.0));
    }
    for name in ["watch-session", "authorizer"] {
        let what = format!("processor time of `{name}`, to its three items and one verification");
        goals.push(Goal::at_most(what, check(run, name, THREE_ITEMS)?, 1.2));
    }
    let login = run.median([LOGIN, HASH, GET_ITEM, NOTHING], |[own, hash, read, nothing]| {
        cpu(own) / (cpu(hash) + own.calls * (cpu(read) - cpu(nothing)))
    })?;
    goals.push(Goal::at_most("processor time of a login, to one hash and as many calls", login, 1.05));
    for (hashes, what, limit) in [
        (false, "a function that hashes no password", 12.0),
        (true, "one that does, with 19 MiB for that", 31.0),
    ] {
        let largest =
            most(functions, |function| function.hashes() == hashes, |function| function.peak_memory)?;
        let what = format!("peak memory of {what}, MiB: at most that of `{}`", largest.name);
        goals.push(Goal::at_most(what, largest.peak_memory, limit));
    }
    let largest = most(functions, |_| true, |function| function.zip.megabytes())?;
    goals.push(Goal::at_most(
        format!("the largest zip, `{}`, MB", largest.name),
        largest.zip.megabytes(),
        size::MOST,
    ));
    Ok(goals)
}

/// The function of which a figure is the largest, among some.
fn most(
    functions: &[Every],
    among: impl Fn(&Every) -> bool,
    figure: impl Fn(&Every) -> f64,
) -> Result<&Every, String> {
    let some = functions.iter().filter(|function| among(function));
    some.max_by(|a, b| figure(a).total_cmp(&figure(b))).ok_or_else(|| "no function was measured".to_owned())
}

/// The processor time of a check of a session, to what reads `items` and to one verification.
fn check(run: &Run<'_>, name: &str, items: &str) -> Result<f64, String> {
    run.median([name, items, VERIFY, NOTHING], |[own, read, verify, nothing]| {
        cpu(own) / (cpu(read) + cpu(verify) - cpu(nothing))
    })
}

/// What the peers are, and what the goals do not say of them.
fn beside_peers(run: &Run<'_>) -> Result<String, String> {
    let [both, cold_both] = run.times(OPENAUTH, ROTATING)?;
    let [neither, cold_neither] = run.times(OPENAUTH_AGAIN, REFRESH)?;
    Ok(format!(
        "\nThe peers are in `bench/peers`: OpenAuth as a Node 22 Lambda function with its DynamoDB storage and AWS's own \
         runtime client, each refresh with a token of its own as a client has it; and oidc-provider as a server, which \
         does not rotate refresh tokens here.\n\n\
         OpenAuth replaces the refresh token at each use; an API key of ours does so where its `rotation` is on, and by \
         default it is off. The goals compare what each does by default. Where both replace it, OpenAuth takes {both:.1} \
         times our processor time, and {cold_both:.1} times as long from nothing to the first answer; where neither does \
         (the same token again), {neither:.1} and {cold_neither:.1} times.\n"
    ))
}

/// Writes the document and its plots below `docs`, and tells whether all goals are met.
pub(crate) fn write(
    docs: &Path,
    date: &str,
    [quick, delayed]: [&[Measured]; 2],
    delay: Duration,
    functions: &[Every],
) -> Result<bool, String> {
    let run = Run(quick);
    let goals = goals(&run, functions)?;
    let mut text = format!(
        "# Performance\n\n\
         Written by `cargo run -p bench --release -- measure` on {date}, on a machine with {}. Run it \
         yourself: only ratios say something, and those of one run. Figures are medians of {ROUNDS} \
         rounds, but for the quantiles, which are of all rounds' calls. Each round starts every program anew, beginning \
         with another one, and calls it once, then {WARM} times without measuring and {WARM} times measured; those that \
         hash a password {WARM_HASHES} times each. Functions are \
         the binaries that ship, behind a Lambda Runtime API in the process that measures; DynamoDB is the \
         embedded store there, reached without TLS. Processor time is that of the function's process alone.\n\n\
         ## Goals\n\n| what | measured | goal | |\n|---|---|---|---|\n",
        process::machine(),
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
         parameters.\n",
    );
    if has_peers(&run) {
        text.push_str(&beside_peers(&run)?);
    }
    text.push_str("\n## Time\n\n");
    text.push_str(&table(quick));
    let _ = writeln!(
        text,
        "\nA session check reads session, user and API key in one call: three items. Against one item and one \
         verification, `watch-session` takes {:.2} and `authorizer` {:.2} times the processor time.",
        check(&run, "watch-session", GET_ITEM)?,
        check(&run, "authorizer", GET_ITEM)?,
    );
    let _ = write!(
        text,
        "\n![From nothing to the first answer](pictures/bench-cold.svg)\n\n\
         ![Processor time of a warm call](pictures/bench-cpu.svg)\n\n\
         ## Time, with AWS as far away as it is\n\nThe same with each AWS call answered {} ms later, as in a \
         region.\n\n",
        delay.as_millis(),
    );
    text.push_str(&table(delayed));
    let _ = write!(
        text,
        "\n## Functions\n\nInit is from spawning the process to its asking for an invocation, the median of {STARTS} \
         starts; the floor, the function that reads one item, was started just before each. Memory is the most that \
         the process has had after the calls that [cost](cost.md) lists; of `admin-sso-initiate` and \
         `admin-sso-login`, which are not among those, after init. A zip holds the binary and nothing else.\n\n",
    );
    text.push_str(&every::table(functions));
    text.push_str(
        "\nTo see what is in one: `cargo run -p bench --release -- size watch-login`. It builds the binary \
         once more with its symbols and adds them up by crate.\n\n\
         ## Calls and units\n\n[Units](units.md) has the DynamoDB calls, read units and write \
         units of each endpoint and outcome, and a test that fails when one changes. [Cost](cost.md) says what that is \
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
