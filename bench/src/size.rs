//! How large the functions' zips are, and what is in them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// The most that a zip may have, in MB.
pub(crate) const MOST: f64 = 2.6;

/// One function's.
pub(crate) struct Zip {
    binary: usize,
    deflated: usize,
}

impl Zip {
    /// What is in it.
    pub(crate) fn binary_megabytes(&self) -> f64 {
        megabytes(self.binary)
    }

    /// The zip's size.
    pub(crate) fn megabytes(&self) -> f64 {
        megabytes(self.deflated)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few millions")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// The zip of a binary, as the SAM CLI makes it: deflated, at the usual level.
pub(crate) fn zip(folder: &Path, name: &str) -> Result<Zip, String> {
    let path = folder.join(name);
    let binary = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(&binary).map_err(|error| error.to_string())?;
    let deflated = encoder.finish().map_err(|error| error.to_string())?.len();
    Ok(Zip { binary: binary.len(), deflated })
}

/// What is in a binary, by crate: it is built once more, with its symbols.
pub(crate) fn contents(name: &str) -> Result<String, String> {
    let folder = crate::root().join("target/symbols");
    let mut command = crate::cargo_build();
    command.args(["--package", "functions", "--bin", name, "--target-dir"]).arg(&folder);
    let built = command.env("CARGO_PROFILE_RELEASE_STRIP", "none").status();
    if !built.map_err(|error| format!("cargo: {error}"))?.success() {
        return Err(format!("{name} does not build"));
    }
    let listed = Command::new("nm")
        .args(["--print-size", "--demangle", "--radix=d"])
        .arg(folder.join("release").join(name))
        .output()
        .map_err(|error| format!("nm: {error}"))?;
    if !listed.status.success() {
        return Err(format!("nm: {}", String::from_utf8_lossy(&listed.stderr).trim()));
    }
    let mut crates: BTreeMap<String, usize> = BTreeMap::new();
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let mut words = line.splitn(4, ' ');
        let (Some(_), Some(size), Some(kind), Some(symbol)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        if let (Ok(size), false) = (size.parse::<usize>(), matches!(kind, "b" | "B")) {
            *crates.entry(owner(symbol)).or_default() += size;
        }
    }
    let mut sorted: Vec<_> = crates.into_iter().collect();
    sorted.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let mut text = String::new();
    for (name, size) in sorted.iter().take(40) {
        let _ = writeln!(text, "{size:>9}  {name}");
    }
    Ok(text)
}

/// The crate that a symbol is of: the first word before `::`. What has none is C's.
fn owner(symbol: &str) -> String {
    let before = symbol.split("::").next().filter(|before| before.len() < symbol.len());
    let word = before.map(|before| before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next());
    word.flatten().filter(|word| !word.is_empty()).unwrap_or("(C)").to_owned()
}
