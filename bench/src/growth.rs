//! `bench growth`: how a second of logins falls on the table's items, by the keys that the functions use.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use shared::limits::{self, Limit};
use shared::store::api_key::ApiKey;
use shared::store::enterprise::Enterprise;
use shared::store::identity::Identity;
use shared::store::user::User;
use shared::store::{Key, Operation};

/// Read units (a strongly consistent read of up to 4 KB) and write units (1 KB) of one item in a second.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
const MOST: [f64; 2] = [3000.0, 1000.0];
/// Logins a second.
const RATES: [u32; 3] = [10, 1_000, 100_000];
/// One login in so many has a wrong password.
const WRONG: u32 = 20;
/// So many logins of a second come from one address.
const FROM_ONE_ADDRESS: u32 = 3;
/// Seconds of the window in which an enterprise's wrong passwords are counted.
const WINDOW: u32 = 5 * 60;

const BEGIN: &str = "<!-- simulated -->\n";
const END: &str = "<!-- /simulated -->\n";

/// Bytes of a counter without tries, and of each try in it.
const COUNTER: [u32; 2] = [200, 17];

/// The read and write units that each item of one kind is asked for.
type Load = BTreeMap<String, [f64; 2]>;

/// The read units and write units that a counter with so many tries in it takes: one for each 4 KB and for each 1 KB.
fn units_of_counter(tries: u32) -> [f64; 2] {
    let bytes = COUNTER[0] + COUNTER[1] * tries;
    [bytes.div_ceil(4096).into(), bytes.div_ceil(1024).into()]
}

/// Logins of one enterprise through one API key, by people who each come once, at the end of a window: an enterprise's
/// counters have in them what has gone wrong since it began, and an address's the most that it may have.
fn second(logins: u32, most_wrong: u32) -> BTreeMap<&'static str, Load> {
    let mut loads: BTreeMap<&str, Load> = BTreeMap::new();
    let mut add = |kind, key: Key, [reads, writes]: [f64; 2]| {
        let load = loads.entry(kind).or_default().entry(format!("{}|{}", key.pk, key.sk)).or_default();
        load[0] += reads;
        load[1] += writes;
    };
    let counter = |limit: Limit, subject: &str| limit.counter("acme", subject, 0).key;
    let counters = most_wrong.div_ceil(limits::LOGIN_ENTERPRISE.max());
    let [read, write] = units_of_counter(logins.saturating_mul(WINDOW) / WRONG / counters);
    let [_, of_address] = units_of_counter(limits::LOGIN_SOURCE.max());
    for number in 0..logins {
        let (name, address) = (format!("person-{number}"), (number / FROM_ONE_ADDRESS).to_string());
        let wrong = limits::LOGIN_ENTERPRISE.share("acme", most_wrong, &Operation::new(), 0).key;
        add("API key", ApiKey::key("acme", "tv"), [1.0, 0.0]);
        add("enterprise", Enterprise::key("acme"), [1.0, 0.0]);
        add("identity", Identity::key("acme", &name), [1.0, 0.0]);
        add("person's tries", counter(limits::LOGIN_ACCOUNT, &name), [0.0, 1.0]);
        // Each one's own is given back, but for the first one's, which meets no other.
        let times = if number % FROM_ONE_ADDRESS == 0 || number % WRONG == 0 { 1.0 } else { 2.0 };
        add("address's tries", counter(limits::LOGIN_SOURCE, &address), [0.0, times * of_address]);
        if number % WRONG == 0 {
            // A transaction with the other name's counter: two units for each write.
            add(
                "person's tries",
                counter(limits::LOGIN_ACCOUNT, &format!("{name}@acme.example")),
                [0.0, 2.0],
            );
            add("enterprise's tries", wrong, [read, 2.0 * write]);
        } else {
            add("enterprise's tries", wrong, [read, 0.0]);
            add("session", User::key("acme", &name), [0.0, 1.0]);
        }
    }
    loads
}

/// The largest load of an item of one kind.
fn hottest(load: &Load) -> [f64; 2] {
    let most = |index: usize| load.values().map(|load| load[index]).fold(0.0, f64::max);
    [most(0), most(1)]
}

/// Wrong passwords in a window, twice over, as the page advises an operator to set it.
fn advised(logins: u32) -> u32 {
    (logins.saturating_mul(WINDOW) / WRONG * 2).max(limits::LOGIN_ENTERPRISE.max())
}

fn table() -> (String, bool) {
    let mut text = "| item | ".to_owned();
    let mut simulated = Vec::new();
    for rate in RATES {
        let _ = write!(text, "{rate} logins a second | ");
        simulated.push(second(rate, advised(rate)));
    }
    text.push_str("\n|---|---|---|---|\n");
    let mut is_fine = true;
    for kind in simulated[0].keys() {
        let _ = write!(text, "| {kind} | ");
        for loads in &simulated {
            let load = &loads[kind];
            let hottest = hottest(load);
            is_fine &= hottest[0] <= MOST[0] && hottest[1] <= MOST[1];
            let _ = write!(text, "{:.0} r, {:.0} w, of {} | ", hottest[0], hottest[1], load.len());
        }
        text.push('\n');
    }
    text.push_str("| `wrong_passwords_max` | ");
    for rate in RATES {
        let _ = write!(text, "{} | ", advised(rate));
    }
    text.push('\n');
    (text, is_fine)
}

/// Whether no item is asked more than it can give.
pub(crate) fn holds() -> bool {
    table().1
}

/// Puts the table into `docs/growth.md`, and tells whether no item is asked more than it can give.
pub(crate) fn run(root: &Path) -> Result<bool, String> {
    let file = root.join("docs/growth.md");
    let problem = |error: std::io::Error| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(&file).map_err(problem)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("docs/growth.md has no place for the table")?;
    let (_, after) = rest.split_once(END).ok_or("docs/growth.md has no place for the table")?;
    let (table, is_fine) = table();
    std::fs::write(&file, format!("{before}{BEGIN}{table}{END}{after}")).map_err(problem)?;
    Ok(is_fine)
}
