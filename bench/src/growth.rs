//! `bench growth`: how a second of logins, and of the refreshes and checks that go with them, falls on the table's
//! items, by the keys that the functions use.

use std::collections::BTreeMap;
use std::path::Path;

use shared::limits::{self, Limit};
use shared::store::api_key::ApiKey;
use shared::store::copies::COPIES;
use shared::store::enterprise::Enterprise;
use shared::store::identity::Identity;
use shared::store::session::Session;
use shared::store::user::User;
use shared::store::{Key, Operation};

/// Read units (a strongly consistent read of up to 4 KB) and write units (1 KB) of one item in a second.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
const MOST: [f64; 2] = [3000.0, 1000.0];
/// Logins a second.
const RATES: [u32; 3] = [10, 1_000, 100_000];
/// Refreshes in the same second for each login, as in the month that `docs/cost.md` prices: 600 and 20.
const REFRESHES: u32 = 30;
/// Checks of a session for each login, by `watch-session` or the authorizer: as many as refreshes.
const CHECKS: u32 = 30;
/// One API key is given out for so many logins a second, as the page advises an operator.
const LOGINS_OF_AN_API_KEY: u32 = 2_000;
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

/// The items of one kind.
struct Load {
    /// The read and write units that each is asked for.
    items: BTreeMap<String, [f64; 2]>,
    /// How many groups of such items there are, all alike: these stand for one of them.
    groups: u32,
}

impl Load {
    fn of_groups(groups: u32) -> Self {
        Self { items: BTreeMap::new(), groups }
    }

    fn add(&mut self, key: &Key, [reads, writes]: [f64; 2]) {
        let item = self.items.entry(format!("{}|{}", key.pk, key.sk)).or_default();
        item[0] += reads;
        item[1] += writes;
    }

    /// The most that an item is asked for.
    fn hottest(&self) -> [f64; 2] {
        let most = |index: usize| self.items.values().map(|item| item[index]).fold(0.0, f64::max);
        [most(0), most(1)]
    }

    /// What all items of all groups are asked for.
    fn sum(&self) -> [f64; 2] {
        let sum = |index: usize| self.items.values().map(|item| item[index]).sum::<f64>();
        [sum(0) * f64::from(self.groups), sum(1) * f64::from(self.groups)]
    }

    /// How many items there are in all groups.
    fn count(&self) -> f64 {
        u32::try_from(self.items.len()).map_or(f64::INFINITY, f64::from) * f64::from(self.groups)
    }
}

/// The items that a second touches, by their kind.
type Loads = BTreeMap<&'static str, Load>;

/// What all items are asked for.
fn sum(loads: &Loads) -> [f64; 2] {
    let sum = |index: usize| loads.values().map(|load| load.sum()[index]).sum::<f64>();
    [sum(0), sum(1)]
}

/// The read units and write units that a counter with so many tries in it takes: one for each 4 KB and for each 1 KB.
fn units_of_counter(tries: u32) -> [f64; 2] {
    let bytes = COUNTER[0] + COUNTER[1] * tries;
    [bytes.div_ceil(4096).into(), bytes.div_ceil(1024).into()]
}

/// Logins of one enterprise through one API key, by people who each come once, at the end of a window: an enterprise's
/// counters have in them what has gone wrong since it began, and an address's the most that it may have.
fn logins_alone(logins: u32, most_wrong: u32) -> Loads {
    let mut loads = Loads::new();
    let mut add = |kind: &'static str, key: Key, units: [f64; 2]| {
        loads.entry(kind).or_insert_with(|| Load::of_groups(1)).add(&key, units);
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
            add("new session", Session::key("acme", &name, "new"), [0.0, 1.0]);
        }
    }
    loads
}

/// Calls of a second with so many logins.
fn calls(logins: u32) -> u32 {
    logins * (1 + REFRESHES + CHECKS)
}

/// API keys through which they come.
fn api_keys(logins: u32) -> u32 {
    logins.div_ceil(LOGINS_OF_AN_API_KEY)
}

/// A second with all its calls.
struct Second {
    loads: Loads,
    /// The read and write units of its logins.
    of_logins: [f64; 2],
}

/// Logins, with the refreshes and checks of other people, who come once each, too. Refresh tokens do not rotate.
fn second(logins: u32, most_wrong: u32) -> Second {
    let mut loads = logins_alone(logins, most_wrong);
    let of_logins = sum(&loads);
    // Each call reads its API key or its session's. Of the API keys, all alike, one is simulated.
    let keys = api_keys(logins);
    let mut api_key = Load::of_groups(keys);
    for _ in 0..calls(logins).div_ceil(keys) {
        api_key.add(&ApiKey::key("acme", "tv"), [1.0, 0.0]);
    }
    loads.insert("API key", api_key);
    // A refresh and a check also read a session and its user: these two stand for those of all people.
    for (kind, key) in [("session", Session::key("acme", "ana", "ana-1")), ("user", User::key("acme", "ana"))]
    {
        let mut load = Load::of_groups(calls(logins) - logins);
        load.add(&key, [1.0, 0.0]);
        loads.insert(kind, load);
    }
    Second { loads, of_logins }
}

/// Wrong passwords in a window, twice over, as the page advises an operator to set it.
fn advised(logins: u32) -> u32 {
    (logins.saturating_mul(WINDOW) / WRONG * 2).max(limits::LOGIN_ENTERPRISE.max())
}

/// A whole number with a comma before each three digits.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// Read and write units, as the table has them.
fn units([reads, writes]: [f64; 2]) -> String {
    format!("{} r, {} w", grouped(reads), grouped(writes))
}

/// A row of the table.
fn row(name: &str, cells: &[String]) -> String {
    format!("| {name} | {} |\n", cells.join(" | "))
}

/// For how many logins a second one API key has copies enough.
fn wall() -> String {
    let copies = f64::from(COPIES - 1);
    let (reads, of_a_login) = (MOST[0] * copies, f64::from(calls(1)));
    format!(
        "\nOne API key has {copies:.0} copies that are read, each {} times a second at most: {} calls a second. That is \
         {} logins a second, each with {REFRESHES} refreshes and {CHECKS} checks ({} / {of_a_login:.0}). The table has \
         one API key for each {} logins a second, since chance asks some copies for more than others.\n",
        grouped(MOST[0]),
        grouped(reads),
        grouped((reads / of_a_login).floor()),
        grouped(reads),
        grouped(LOGINS_OF_AN_API_KEY.into()),
    )
}

/// What goes into the page, and whether no item is asked more than it can give.
fn table() -> (String, bool) {
    let seconds = RATES.map(|rate| second(rate, advised(rate)));
    let mut text = row("item", &RATES.map(|rate| format!("{} logins a second", grouped(rate.into()))));
    text.push_str("|---|---|---|---|\n");
    let mut is_fine = true;
    for kind in seconds[0].loads.keys() {
        let cells = seconds.each_ref().map(|second| {
            let load = &second.loads[kind];
            let hottest = load.hottest();
            is_fine &= hottest[0] <= MOST[0] && hottest[1] <= MOST[1];
            format!("{}, of {}", units(hottest), grouped(load.count()))
        });
        text.push_str(&row(kind, &cells));
    }
    let of_logins = seconds.each_ref().map(|second| units(second.of_logins));
    text.push_str(&row("all items, for the logins alone", &of_logins));
    let of_all = seconds.each_ref().map(|second| units(sum(&second.loads)));
    text.push_str(&row("all items, with refreshes and checks", &of_all));
    let of_rates = |of: fn(u32) -> u32| RATES.map(|rate| grouped(of(rate).into()));
    text.push_str(&row("calls", &of_rates(calls)));
    text.push_str(&row("API keys", &of_rates(api_keys)));
    text.push_str(&row("`wrong_passwords_max`", &of_rates(advised)));
    text.push_str(&wall());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the page reckons with.
    #[test]
    fn a_second_of_a_thousand_logins() {
        let second = second(1_000, advised(1_000));
        assert_eq!(units(second.of_logins), "6,000 r, 6,216 w");
        assert_eq!(units(sum(&second.loads)), "186,000 r, 6,216 w");
    }

    #[test]
    fn digits_stand_in_groups() {
        let numbers = [0.0, 999.0, 1_000.0, 18_600_000.0];
        assert_eq!(numbers.map(grouped), ["0", "999", "1,000", "18,600,000"]);
    }
}
