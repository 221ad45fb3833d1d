//! `bench cost`: dollars for a million of each call.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tests::App;
use tests::costs::documented;

use crate::measure::milliseconds;
use crate::parts::{PARTS, Part};
use crate::process;
use crate::statistics::median;

/// Megabytes of memory for which Lambda gives one whole processor.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const WHOLE_PROCESSOR: f64 = 1769.0;
/// The milliseconds of which a function has its share: whoever uses it up pauses for the rest of them. AWS does not
/// say how long that is; this is what others have seen: <https://github.com/pwrdrvr/lambda-dispatch/issues/246>.
const SLICE: f64 = 20.0;
/// The most dollars for a million: the call, and the goal.
const GOALS: [(&str, f64); 3] =
    [("watch-login, password", 5.0), ("watch-token-refresh", 1.7), ("authorizer", 0.6)];
/// How often the functions are started, how often each call is then made before it is measured, as nearly all of
/// a million have others before them, and how often it is measured.
const STARTS: usize = 3;
const WARM_UP: usize = 2;
const MEASURED: usize = 3;
/// People who come at least once a month, the logins of each, and the refreshes.
const POPULATION: (f64, f64, f64) = (100_000.0, 20.0, 600.0);

/// The template's.
const ALARMS: f64 = 5.0;
/// Logins in a mix that costs more: one try in so many is wrong, and is made again, and so many in so many come from an
/// address from which somebody else has come in the last five minutes.
const WRONG: f64 = 1.0 / 20.0;
const SHARED: f64 = 2.0 / 3.0;

/// `prices.json`, in dollars.
#[derive(Deserialize)]
struct Prices {
    region: String,
    seen: String,
    api_gateway_million_requests: f64,
    lambda_million_requests: f64,
    lambda_gb_second: f64,
    dynamodb_million_read_units: f64,
    dynamodb_million_write_units: f64,
    logs_gb: f64,
    /// What API Gateway's own line about a request has, in the template's format.
    access_log_bytes: f64,
    secret_month: f64,
    alarm_month: f64,
    cognito_monthly_user: BTreeMap<String, f64>,
    cognito_free_users: BTreeMap<String, f64>,
}

/// What one call takes, in milliseconds, and the bytes that its function logs for it.
#[derive(Clone, Copy, Default)]
struct Taken {
    wall: f64,
    cpu: f64,
    logged: f64,
}

/// The dollars for a million of one call.
struct Price {
    milliseconds: f64,
    memory: f64,
    gateway: f64,
    lambda: f64,
    dynamodb: f64,
    logs: f64,
}

impl Price {
    /// What the goals are about.
    fn sum(&self) -> f64 {
        self.gateway + self.lambda + self.dynamodb
    }
}

/// Makes every call, behind real binaries, with each AWS call answered `delay` later.
async fn measure(binaries: &Path, delay: Duration) -> BTreeMap<String, Taken> {
    let mut taken: BTreeMap<String, Vec<Taken>> = BTreeMap::new();
    for start in 1..=STARTS {
        eprintln!("start {start} of {STARTS}");
        for part in PARTS {
            let app = part.stack(binaries).await;
            app.stack.world.set_delay(delay);
            for pass in 0..WARM_UP + MEASURED {
                if pass > 0 {
                    app.begin_again(&part.document()).await;
                }
                for (row, one) in measure_part(&app, part).await {
                    if pass >= WARM_UP {
                        taken.entry(row).or_default().push(one);
                    }
                }
            }
        }
    }
    let middle = |all: &[Taken], of: fn(&Taken) -> f64| median(all.iter().map(of));
    let of_all = |all: Vec<Taken>| Taken {
        wall: middle(&all, |taken| taken.wall),
        cpu: middle(&all, |taken| taken.cpu),
        logged: middle(&all, |taken| taken.logged),
    };
    taken.into_iter().map(|(row, all)| (row, of_all(all))).collect()
}

/// Makes each call of a part once.
async fn measure_part(app: &App, part: Part) -> BTreeMap<String, Taken> {
    let mut taken = BTreeMap::new();
    let mut before: BTreeMap<String, Taken> = BTreeMap::new();
    let mut note = |row: &str| {
        for function in app.stack.functions() {
            let now = Taken {
                wall: milliseconds(function.busy()),
                cpu: milliseconds(process::cpu(function.newest())),
                #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
                logged: function.logged() as f64,
            };
            let then = before.insert(function.name().to_owned(), now).unwrap_or_default();
            if row.split(',').next() == Some(function.name()) {
                let difference = Taken {
                    wall: now.wall - then.wall,
                    cpu: now.cpu - then.cpu,
                    logged: now.logged - then.logged,
                };
                taken.insert(row.to_owned(), difference);
            }
        }
        app.forget_usage();
    };
    part.call(app, &mut note).await;
    taken
}

/// A function's memory in the template, in MB.
fn memory(template: &str, function: &str) -> Option<f64> {
    let size = |text: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("MemorySize: "))?;
        line.parse().ok()
    };
    let (_, resource) = template.split_once(&format!("BuildProperties: {{Binary: {function}}}}}"))?;
    // To the next resource, whose name is indented by two spaces.
    let end = resource
        .match_indices("\n  ")
        .find(|(at, _)| resource[at + 3..].starts_with(|first: char| first.is_ascii_alphabetic()));
    size(&resource[..end.map_or(resource.len(), |(at, _)| at)]).or_else(|| size(template))
}

fn price(prices: &Prices, row: &str, taken: Taken, [_, reads, writes]: [f64; 3], memory: f64) -> Price {
    // The processor's time that a function has in a slice. What needs more waits for the next one.
    let share = SLICE * (memory / WHOLE_PROCESSOR).min(1.0);
    let waits = (taken.cpu / share).floor();
    // Rounded up to a whole millisecond, as Lambda does.
    let milliseconds = (taken.wall + waits * (SLICE - share)).ceil();
    let is_routed = row.split(',').next() != Some("authorizer");
    Price {
        milliseconds,
        memory,
        gateway: if is_routed { prices.api_gateway_million_requests } else { 0.0 },
        lambda: prices.lambda_million_requests
            + milliseconds / 1000.0 * memory / 1024.0 * prices.lambda_gb_second * 1e6,
        dynamodb: reads * prices.dynamodb_million_read_units + writes * prices.dynamodb_million_write_units,
        logs: (taken.logged + if is_routed { prices.access_log_bytes } else { 0.0 }) / 1e9
            * 1e6
            * prices.logs_gb,
    }
}

/// Writes `docs/cost.md`, prints it, and tells whether all goals are met.
#[expect(clippy::print_stdout, reason = "what a person reads")]
pub(crate) async fn run(root: &Path, binaries: &Path, delay: Duration, date: &str) -> Result<bool, String> {
    let read =
        |file: &str| std::fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"));
    let prices: Prices =
        serde_json::from_str(&read("bench/prices.json")?).map_err(|error| format!("prices.json: {error}"))?;
    let template = read("template.yaml")?;
    let units = documented("call");
    let mut rows = BTreeMap::new();
    for (row, taken) in measure(binaries, delay).await {
        let function = row.split(',').next().unwrap_or_default();
        let memory = memory(&template, function).ok_or_else(|| format!("the template has no {function}"))?;
        let units = units.get(&row).ok_or_else(|| format!("docs/units.md has no {row}"))?;
        let price = price(&prices, &row, taken, *units, memory);
        rows.insert(row, price);
    }
    let (text, is_met) = document(&prices, &rows, delay, date);
    let file = root.join("docs/cost.md");
    std::fs::write(&file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
    print!("{text}");
    Ok(is_met)
}

fn document(prices: &Prices, rows: &BTreeMap<String, Price>, delay: Duration, date: &str) -> (String, bool) {
    let mut text = format!(
        "# Cost\n\nWritten by `cargo run -p bench --release -- cost` on {date}, on a machine with {}; prices of \
         {} as of {}, from `bench/prices.json`, without free tiers, but for Cognito's 10,000 people. Dollars for a \
         million calls: API Gateway, Lambda (the request, and the time of the binary that ships, as below, at the template's memory), DynamoDB (the \
         [units](units.md), which a test holds). The time is the median of {}, made \
         after {WARM_UP} of the same by functions that were started {STARTS} times, \
         with each AWS call answered {} ms later. A function whose processor time is more than the share of {SLICE:.0} \
         ms that its memory gives it pauses for the rest of them, as \
         [others have seen](https://github.com/pwrdrvr/lambda-dispatch/issues/246) Lambda do. Logs are the function's line and API \
         Gateway's. AWS \
         is reached without TLS here. Single sign-on is not among these: it waits for the provider. Nor are text messages, \
         e-mails, storage, data transfer, and the start of a new instance, which Lambda bills as time.\n\n\
         | call | memory, MB | time, ms | API Gateway | Lambda | DynamoDB | sum | and logs |\n\
         |---|---|---|---|---|---|---|---|\n",
        process::machine(),
        prices.region,
        prices.seen,
        STARTS * MEASURED,
        delay.as_millis(),
    );
    for (row, price) in rows {
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
            named(row),
            price.memory,
            price.milliseconds,
            price.gateway,
            price.lambda,
            price.dynamodb,
            price.sum(),
            price.logs,
        );
    }
    text.push_str("\n## Goals\n\n| a million of | dollars | goal | |\n|---|---|---|---|\n");
    let mut is_met = true;
    for (row, goal) in GOALS {
        let sum = rows.get(row).map_or(f64::INFINITY, Price::sum);
        is_met &= sum <= goal;
        let verdict = if sum <= goal { "held" } else { "**missed**" };
        let _ = writeln!(text, "| {} | {sum:.2} | at most {goal:.2} | {verdict} |", named(row));
    }
    let _ = writeln!(
        text,
        "\nThe login is one that meets no other try, neither of its person nor of its address, in the last minutes. Where \
         two of three share their address with another, and one try in twenty is wrong and made again, a million people \
         who are let in cost ${:.2}.",
        mixed_login(rows)
    );
    text.push_str(&beside_cognito(prices, rows));
    (text, is_met)
}

/// Dollars for a million people who are let in, wrong tries among them.
fn mixed_login(rows: &BTreeMap<String, Price>) -> f64 {
    let of = |what: &str| rows.get(&format!("watch-login, password{what}")).map_or(f64::NAN, Price::sum);
    let wrong_for_each = WRONG / (1.0 - WRONG);
    let right_at_once = (1.0 - SHARED) * of("") + SHARED * of(", not the address's first");
    (1.0 - wrong_for_each) * right_at_once + wrong_for_each * (of(", wrong") + of(", after a wrong one"))
}

/// A row as docs/units.md has it, with the function's name as code.
fn named(row: &str) -> String {
    match row.split_once(',') {
        Some((function, what)) => format!("`{function}`,{what}"),
        None => format!("`{row}`"),
    }
}

/// The same population's month at Amazon Cognito, which asks for each user.
fn beside_cognito(prices: &Prices, rows: &BTreeMap<String, Price>) -> String {
    let (users, logins, refreshes) = POPULATION;
    let total =
        |row: &str, times: f64, of: fn(&Price) -> f64| rows.get(row).map_or(0.0, of) * users * times / 1e6;
    let sum = total("watch-login, password", logins, Price::sum)
        + total("watch-token-refresh", refreshes, Price::sum)
        + 2.0 * prices.secret_month
        + ALARMS * prices.alarm_month;
    let logs = total("watch-login, password", logins, |price| price.logs)
        + total("watch-token-refresh", refreshes, |price| price.logs);
    let mut text = format!(
        "\n## Beside Amazon Cognito\n\nA month of {users:.0} people, with {logins:.0} logins and {refreshes:.0} \
         refreshes each:\n\n| | dollars |\n|---|---|\n| Usher, with its two secrets and five alarms | {sum:.0} |\n\
         | Usher, with logs too | {:.0} |\n",
        sum + logs
    );
    for (tier, price) in &prices.cognito_monthly_user {
        let free = prices.cognito_free_users.get(tier).copied().unwrap_or_default();
        let _ = writeln!(text, "| Cognito {tier} | {:.0} |", (users - free) * price);
    }
    text
}
