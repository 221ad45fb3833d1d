//! The peers of `bench/peers`: programs for Node that answer the same kinds of call.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tests::App;
use tokio::process::Command;

use crate::measure::{WARM, WARM_HASHES, calls_in_all};
use crate::subject::Subject;

/// Installs the peers where that has not been done, fills their tables, and gives them.
pub(crate) async fn subjects(app: &App) -> Result<Vec<Subject>, String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers");
    run(Command::new("./setup").current_dir(&folder), "setup").await?;
    let node = folder.join("node_modules/node/bin/node");
    let variables = |caller: &str| {
        let mut variables = app.stack.place.variables(caller);
        variables.insert("OPENAUTH_TABLE".to_owned(), "openauth".to_owned());
        variables.insert("OIDC_TABLE".to_owned(), "oidc-provider".to_owned());
        variables
    };
    let events = prepare(&folder, &node, variables("local-operator")).await?;
    let one = |name: &str| vec![events[name].clone()];
    let fresh = events["rotate"].as_array().cloned().unwrap_or_default();
    let openauth = |name, events, times| {
        Subject::function(name, (&folder, "openauth"), variables("openauth"), events, times)
    };
    Ok(vec![
        openauth("OpenAuth: JWKS", one("jwks"), WARM)?,
        openauth("OpenAuth: refresh", fresh, WARM)?,
        openauth("OpenAuth: refresh, the same token again", one("refresh"), WARM)?,
        openauth("OpenAuth: login", one("login"), WARM_HASHES)?,
        Subject::server(
            ("oidc-provider: refresh", "oidc-provider"),
            (&node, vec!["oidc-provider.mjs".to_owned()]),
            &folder,
            variables("oidc-provider"),
            WARM,
        ),
    ])
}

/// The events of `OpenAuth`, with fresh refresh tokens for all rounds of two tables.
async fn prepare(folder: &Path, node: &Path, variables: BTreeMap<String, String>) -> Result<Value, String> {
    let tokens = calls_in_all(WARM);
    let mut command = Command::new(node);
    command.arg("prepare.mjs").current_dir(folder).envs(variables).env("PREPARE_TOKENS", tokens.to_string());
    let output = run(&mut command, "prepare.mjs").await?;
    let prepared: Value = serde_json::from_slice(&output).map_err(|error| format!("prepare.mjs: {error}"))?;
    Ok(prepared["events"].clone())
}

async fn run(command: &mut Command, name: &str) -> Result<Vec<u8>, String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().await;
    let output = output.map_err(|error| format!("bench/peers/{name}: {error}"))?;
    output.status.success().then_some(output.stdout).ok_or_else(|| format!("bench/peers/{name} failed"))
}
