//! What must agree with each other: the list of endpoints, `template.yaml`, `events/`, the binaries,
//! the README and `docs/openapi.yaml`. What they use is in `usage.rs`, what they may in
//! `least_privilege.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use functions::{ROUTES, TRIGGERS};
use local::runtime_api;
use serde_json::Value;
use serde_json::value::to_raw_value;
use serde_yaml_ng::Value as Yaml;
use shared::endpoint::DEADLINE;
use shared::token::keys::KeySecret;
use tests::App;
use tests::policy::template_functions;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn names() -> BTreeSet<String> {
    let triggers = TRIGGERS.iter().map(|trigger| trigger.name);
    ROUTES.iter().map(|route| route.name).chain(triggers).map(ToOwned::to_owned).collect()
}

fn file_stems(folder: &str) -> BTreeSet<String> {
    let files = fs::read_dir(root().join(folder)).unwrap();
    files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_endpoint_has_a_binary_an_event_and_a_function_and_there_are_no_others() {
    assert_eq!(names().len(), ROUTES.len() + TRIGGERS.len(), "two functions share a name");
    assert_eq!(file_stems("functions/src/bin"), names());
    assert_eq!(file_stems("events"), names());
    assert_eq!(template_functions().into_keys().collect::<BTreeSet<_>>(), names());
    let manifest = read("functions/Cargo.toml");
    for name in names() {
        assert!(
            manifest
                .contains(&format!("[[bin]]\nname = \"{name}\"\npath = \"src/bin/{name}.rs\"\ntest = false"))
        );
    }
}

#[test]
fn the_template_routes_each_path_with_and_without_a_trailing_slash() {
    let functions = template_functions();
    for route in ROUTES {
        let events = functions[route.name]["Properties"]["Events"].as_mapping().unwrap().values();
        let routes: BTreeSet<_> = events
            .map(|event| {
                assert_eq!(event["Type"], "HttpApi");
                let text = |name: &str| event["Properties"][name].as_str().unwrap().to_uppercase();
                (text("Method"), event["Properties"]["Path"].as_str().unwrap().to_owned())
            })
            .collect();
        let wanted = [route.path.to_owned(), format!("{}/{{slash+}}", route.path)];
        assert_eq!(routes, wanted.map(|path| (route.method.to_owned(), path)).into(), "{}", route.name);
    }
}

#[test]
fn the_template_rotates_the_keys_and_exports_the_authorizer() {
    let template: Yaml = serde_yaml_ng::from_str(&read("template.yaml")).unwrap();
    let (resources, outputs) = (&template["Resources"], &template["Outputs"]);
    let schedules: Vec<_> = resources
        .as_mapping()
        .unwrap()
        .values()
        .filter(|resource| resource["Type"] == "AWS::SecretsManager::RotationSchedule")
        .collect();
    let [schedule] = schedules[..] else { panic!("one schedule") };
    assert_eq!(schedule["Properties"]["RotationRules"]["AutomaticallyAfterDays"], 30);
    assert_eq!(schedule["DependsOn"], "KeyRotationPermission");
    assert_ne!(schedule["Properties"]["RotateImmediatelyOnUpdate"], false, "it makes the first keys");
    let made = resources["KeysSecret"]["Properties"]["GenerateSecretString"]["SecretStringTemplate"].as_str();
    assert!(KeySecret::parse(made.unwrap()).unwrap().is_empty());
    assert!(!outputs["AuthorizerArn"]["Export"]["Name"].is_null());
    // What the function may read, what it looks for, and what an operator is told.
    let login = &resources["AdminSsoLogin"]["Properties"];
    let prefix = outputs["SsoSecrets"]["Value"].clone();
    assert_eq!(login["Environment"]["Variables"]["USHER_SSO_SECRETS"], prefix);
    let Yaml::Tagged(prefix) = prefix else { panic!("a !Sub") };
    let policy = serde_yaml_ng::to_string(&login["Policies"]).unwrap();
    assert!(policy.contains(&format!(":secret:{}/*", prefix.value.as_str().unwrap())), "{policy}");
}

#[test]
fn the_alarm_on_text_messages_looks_for_what_the_function_logs() {
    let template: Yaml = serde_yaml_ng::from_str(&read("template.yaml")).unwrap();
    let filter = &template["Resources"]["SmsCapsMetric"]["Properties"];
    let request = ROUTES.iter().find(|route| route.name == "screener-request").unwrap();
    let wanted = format!(
        r#"{{ $.event = "{}" && $.reason = "cap" && $.detail != "{}" }}"#,
        request.event,
        shared::limits::SMS_NUMBER
    );
    assert_eq!(filter["FilterPattern"], wanted.as_str());
    let alarm = &template["Resources"]["SmsCaps"]["Properties"];
    assert_eq!(alarm["MetricName"], filter["MetricTransformations"][0]["MetricName"]);
    assert_eq!(alarm["Namespace"], filter["MetricTransformations"][0]["MetricNamespace"]);
}

#[test]
fn the_readme_lists_every_endpoint() {
    let readme = read("README.md");
    for route in ROUTES {
        let row = format!("| {} | `{}` | `{}` |", route.method, route.path, route.name);
        assert!(readme.contains(&row), "{row}");
    }
    for trigger in TRIGGERS {
        let row = format!("| `{}` |", trigger.name);
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn the_openapi_document_has_every_endpoint_and_no_other() {
    let document: Yaml = serde_yaml_ng::from_str(&read("docs/openapi.yaml")).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_mapping().unwrap() {
        // Parameters that all methods of a path have stand beside these.
        for (method, operation) in item.as_mapping().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let (method, path) = (method.as_str().unwrap().to_uppercase(), path.as_str().unwrap());
            let name = operation["operationId"].as_str().unwrap();
            described.insert((method, path.to_owned(), name.to_owned()));
        }
    }
    let routes =
        ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned(), route.name.to_owned()));
    assert_eq!(described, routes.collect::<BTreeSet<_>>());
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_body_is_fuzzed() {
    let target = read("fuzz/fuzz_targets/bodies.rs");
    for route in ROUTES.iter().filter(|route| route.method == "POST") {
        assert!(target.contains(&format!("(\"{}\", ", route.name)), "{}", route.name);
    }
}

#[test]
fn every_fuzz_target_has_its_row_its_corpus_and_is_listened_to() {
    let (manifest, page, compiler) =
        (read("fuzz/Cargo.toml"), read("docs/fuzzing.md"), read(".ci/fuzz-rustc"));
    for name in file_stems("fuzz/fuzz_targets") {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(page.contains(&format!("\n| `{name}` |")), "{name}");
        let is_it = |word: &str| word.trim_end_matches(')') == name;
        assert!(compiler.split_whitespace().any(is_it), "{name}");
        assert!(root().join("fuzz/corpus").join(&name).is_dir(), "{name}");
    }
}

#[test]
fn a_function_answers_a_second_before_lambda_ends_it() {
    let template: Yaml = serde_yaml_ng::from_str(&read("template.yaml")).unwrap();
    let timeout = template["Globals"]["Function"]["Timeout"].as_u64().unwrap();
    assert_eq!(DEADLINE.as_secs() + 1, timeout);
    assert_eq!(runtime_api::DEADLINE.as_secs(), timeout);
}

#[test]
fn the_tests_that_the_security_page_names_are_there() {
    let page = read("docs/security.md");
    let (_, table) = page.split_once("## Requirement by requirement").unwrap();
    let mut count = 0;
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let mut file = String::new();
        // What stands between backticks is every second part: a file, and then what is in it.
        for quoted in row.split('`').skip(1).step_by(2) {
            if quoted.contains(' ') {
                continue;
            }
            if quoted.contains('/') {
                file = read(quoted);
            } else if quoted.matches('_').count() > 1 {
                assert!(file.contains(&format!("fn {quoted}(")), "{quoted} in {row}");
                count += 1;
            }
        }
    }
    assert!(count > 200, "{count} names were found");
}

#[test]
fn the_log_s_page_lists_every_event_with_its_functions() {
    let page = read("docs/audit.md");
    let mut events: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (event, name) in ROUTES.iter().map(|route| (route.event, route.name)) {
        events.entry(event).or_default().push(name);
    }
    for trigger in TRIGGERS {
        events.entry(trigger.event).or_default().push(trigger.name);
    }
    for (event, names) in events {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{event}` |"))).expect(event);
        assert!(names.iter().all(|name| row.contains(&format!("`{name}`"))), "{row}");
    }
}

/// Which version of each dependency a workspace has pinned.
fn pins(manifest: &str) -> BTreeMap<&str, &str> {
    manifest
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" = ")?;
            let (_, version) = rest.split_once("\"=")?;
            Some((name, version.split_once('"')?.0))
        })
        .collect()
}

#[test]
fn the_fuzz_targets_use_the_versions_that_everything_else_does() {
    let (workspace, fuzz) = (read("Cargo.toml"), read("fuzz/Cargo.toml"));
    let (workspace, mut fuzz) = (pins(&workspace), pins(&fuzz));
    assert!(fuzz.remove("libfuzzer-sys").is_some() && fuzz.len() > 5, "{fuzz:?}");
    for (name, version) in fuzz {
        assert_eq!(workspace.get(name), Some(&version), "{name}");
    }
}

fn events() -> Vec<(String, Value)> {
    let lines = include_str!("../src/events.tsv").lines();
    lines
        .map(|line| {
            let (name, wanted) = line.split_once('\t').unwrap();
            (name.to_owned(), serde_json::from_str(wanted).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_runs_as_it_is_against_the_demo() {
    let app = App::with(local::DEMO).await;
    assert_eq!(events().into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>(), names());
    for (name, wanted) in events() {
        let event = read(&format!("events/{name}.json"));
        let parsed: Value = serde_json::from_str(&event).unwrap();
        let Some(route) = ROUTES.iter().find(|route| route.name == name) else {
            let trigger = TRIGGERS.iter().find(|trigger| trigger.name == name).unwrap();
            let function = (trigger.build)(app.operator()).await.unwrap();
            let answer = function(to_raw_value(&parsed).unwrap(), String::new()).await.unwrap();
            assert_eq!(answer, wanted, "{name}");
            continue;
        };
        assert_eq!(parsed["routeKey"], format!("{} {}", route.method, route.path));
        let handler = (route.build)(app.operator()).await.unwrap();
        let event = serde_json::from_str(&event).unwrap();
        let answer = handler(event, String::new()).await;
        assert_eq!(answer.status().as_u16(), wanted, "{name}: {:?}", answer.body());
    }
}
