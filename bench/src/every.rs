//! What each function takes to start, the most memory that it has had, and how large it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use local::runtime_api::Function;
use tests::App;

use crate::measure::milliseconds;
use crate::parts::PARTS;
use crate::process;
use crate::size::{self, Zip};
use crate::statistics::median;

/// How often each is started: the slowest of so many functions is soon the one that something else came in the way of.
pub(crate) const STARTS: usize = 45;

/// Those that hash what a person types, which takes 19 MiB.
const HASHING: [&str; 8] = [
    "admin-login",
    "qr-submit",
    "reset-submit",
    "vidizmo-authenticate",
    "watch-login",
    "watch-qr-approve",
    "watch-reset-password",
    "watch-sign-up",
];

/// One function.
pub(crate) struct Every {
    pub(crate) name: &'static str,
    /// From spawning it to its asking for an invocation, in milliseconds.
    init: f64,
    /// That, to the same of the function that reads one item.
    pub(crate) init_to_floor: f64,
    /// After the calls of docs/units.md, in MiB; after its start where none of them is for it.
    pub(crate) peak_memory: f64,
    pub(crate) zip: Zip,
}

impl Every {
    pub(crate) fn hashes(&self) -> bool {
        HASHING.contains(&self.name)
    }
}

/// Starts all functions of `binaries` so often, beside the floor of `floors`, and has each answer its calls.
pub(crate) async fn every(app: &App, floors: &Path, binaries: &Path) -> Result<Vec<Every>, String> {
    let function = |name: &'static str, folder: &Path| {
        Function::new(name, folder, app.stack.place.variables(name), Arc::new(|_: &str| {}))
    };
    let floor = function("floor-get-item", floors)?;
    let names = functions::ROUTES.iter().map(|route| route.name);
    let names = names.chain(functions::TRIGGERS.iter().map(|trigger| trigger.name));
    let all = names.map(|name| function(name, binaries)).collect::<Result<Vec<_>, _>>()?;
    let mut inits: BTreeMap<&str, Vec<[f64; 2]>> = BTreeMap::new();
    let mut peaks: BTreeMap<&str, f64> = BTreeMap::new();
    for number in 1..=STARTS {
        eprintln!("every function, start {number} of {STARTS}");
        for function in &all {
            // The floor each time anew, just before: what else the machine does meets both.
            let of_floor = floor.warm_up().await?.init;
            floor.end_instances();
            let started = function.warm_up().await?;
            peaks.insert(function.name(), process::peak_memory(started.process));
            function.end_instances();
            let init = milliseconds(started.init);
            inits.entry(function.name()).or_default().push([init, init / milliseconds(of_floor)]);
        }
    }
    for part in PARTS {
        let app = part.stack(binaries).await;
        part.call(&app, &mut |_: &str| app.forget_usage()).await;
        for function in app.stack.functions().iter().filter(|function| function.newest() != 0) {
            let peak = process::peak_memory(function.newest());
            let before = peaks.entry(function.name()).or_default();
            *before = before.max(peak);
        }
    }
    let figures = |function: &Arc<Function>| {
        let name = function.name();
        let of = |index: usize| median(inits[name].iter().map(|init| init[index]));
        let zip = size::zip(binaries, name)?;
        Ok(Every { name, init: of(0), init_to_floor: of(1), peak_memory: peaks[name], zip })
    };
    all.iter().map(figures).collect()
}

/// A row for each.
pub(crate) fn table(all: &[Every]) -> String {
    let mut text = "| function | init, ms | to the floor | peak memory, MiB | binary, MB | zip, MB |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for one in all {
        let _ = writeln!(
            text,
            "| `{}` | {:.2} | {:.2} | {:.1} | {:.2} | {:.2} |",
            one.name,
            one.init,
            one.init_to_floor,
            one.peak_memory,
            one.zip.binary_megabytes(),
            one.zip.megabytes(),
        );
    }
    text
}
