//! `bench check`: what may not grow, and needs no clock: for CI.

use std::path::Path;

use crate::growth;
use crate::measure;
use crate::size;

/// What is called, the function that answers it, and the `DynamoDB` calls that it may make.
const CALLS: [(&str, &str, f64); 4] = [
    ("watch-token-refresh", "watch-token-refresh", 1.0),
    ("watch-token-refresh, rotating", "watch-token-refresh", 2.0),
    ("watch-login, password", "watch-login", 4.0),
    ("watch-login, PIN", "watch-login", 3.0),
];

/// Prints what the functions have, and tells whether that is within the goals.
#[expect(clippy::print_stdout, reason = "what a person reads")]
pub(crate) async fn run(binaries: &Path) -> Result<bool, String> {
    let app = measure::stack().await;
    let is_wanted = |name: &str| CALLS.iter().any(|(_, function, _)| *function == name);
    let subjects = measure::own_subjects(&app, binaries, is_wanted).await?;
    let mut is_met = true;
    for (name, function, most) in CALLS {
        let subject = subjects.iter().find(|subject| subject.name == name).ok_or("no such subject")?;
        let calls = subject.round(&app).await?.calls;
        let megabytes = size::zip(binaries, function)?.megabytes();
        println!("{name}: {calls} calls of at most {most}; zip {megabytes:.2} MB of at most {}", size::MOST);
        is_met &= calls <= most && megabytes <= size::MOST;
    }
    let fits = growth::holds();
    println!("100,000 logins a second {} the table's items", if fits { "fit" } else { "are too many for" });
    Ok(is_met && fits)
}
