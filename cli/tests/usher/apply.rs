//! `usher apply`, as an operator runs it, against the local stack's stand-ins.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use local::Stack;
use serde_json::{Value, json};
use shared::config::Environment;

use crate::{lines, stack, usher};

/// Runs `usher apply` on a document.
async fn apply(stack: &Stack, document: &Value) -> Output {
    apply_with(stack, document, &[]).await
}

async fn apply_with(stack: &Stack, document: &Value, flags: &[&str]) -> Output {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("usher-apply-{}-{}.json", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
    let file: PathBuf = env::temp_dir().join(name);
    fs::write(&file, document.to_string()).unwrap();
    let path = file.to_string_lossy();
    let output = usher(stack, &[&["apply", &*path], flags].concat()).await;
    fs::remove_file(file).unwrap();
    output
}

fn document() -> Value {
    json!({ "enterprises": [{
        "id": "acme",
        "name": "Acme",
        "api_keys": [{ "id": "tv" }],
        "users": [{ "username": "ana", "email": "ana@acme.example", "password": "rosebud and the red balloon" }],
        "pins": [{ "pin": "K7QX-93WD", "label": "FYC 2026" }],
    }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_creates_and_the_second_changes_nothing() {
    let stack = stack().await;
    let first = lines(&apply(&stack, &document()).await);
    assert_eq!(
        first[..4],
        [
            "created   enterprise acme",
            "created   API key acme/tv",
            "created   user acme/ana",
            "created   PIN acme/FYC 2026"
        ]
    );
    assert!(first[4].starts_with("new key   tv: usk_acme_tv_"), "{}", first[4]);
    let second = lines(&apply(&stack, &document()).await);
    let unchanged = first[..4].iter().map(|line| line.replace("created  ", "unchanged"));
    assert_eq!(second, unchanged.collect::<Vec<_>>(), "and the key is not shown again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_updated_and_nothing_else() {
    let stack = stack().await;
    lines(&apply(&stack, &document()).await);
    let mut changed = document();
    let enterprise = &mut changed["enterprises"][0];
    enterprise["users"][0]["roles"] = json!(["viewer", "admin"]);
    enterprise["pins"][0]["disabled"] = json!(true);
    enterprise["settings"] = json!({ "signup": false });
    let wanted = [
        "updated   enterprise acme",
        "unchanged API key acme/tv",
        "updated   user acme/ana",
        "updated   PIN acme/FYC 2026",
    ];
    assert_eq!(lines(&apply(&stack, &changed).await), wanted);
    let unchanged = wanted.map(|line| line.replace("updated  ", "unchanged"));
    assert_eq!(lines(&apply(&stack, &changed).await), unchanged);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_can_move_but_not_to_one_that_is_somebody_elses() {
    let stack = stack().await;
    lines(&apply(&stack, &document()).await);
    let mut moved = document();
    moved["enterprises"][0]["users"][0]["email"] = json!("ana.lopez@acme.example");
    assert!(lines(&apply(&stack, &moved).await).contains(&"updated   user acme/ana".to_owned()));
    // The old address is free again, the new one is not.
    let other = |email: &str| {
        json!({ "enterprises": [{ "id": "acme", "name": "Acme", "users": [
            { "username": "bea", "email": email, "password": "the usherette's torch" }
        ] }] })
    };
    let taken = apply(&stack, &other("ana.lopez@acme.example")).await;
    assert!(!taken.status.success());
    assert!(String::from_utf8_lossy(&taken.stderr).contains("user name or e-mail is somebody else's"));
    lines(&apply(&stack, &other("ana@acme.example")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_with_a_mistake_changes_nothing_and_names_it() {
    let stack = stack().await;
    let mut wrong = document();
    wrong["enterprises"][0]["users"][0]["email"] = json!("ana at acme");
    let output = apply(&stack, &wrong).await;
    assert!(!output.status.success() && output.stdout.is_empty());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("enterprises[0].users[0].email: must be an e-mail address"), "{told}");
    assert!(lines(&apply(&stack, &document()).await)[0].starts_with("created"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_runs_at_once_one_makes_the_pepper_and_all_agree() {
    let stack = stack().await;
    let fresh = Environment {
        table: "usher-2".into(),
        pepper_secret: "usher-2/pepper".into(),
        ..stack.place.environment("operator")
    };
    local::create_resources(&fresh).await.unwrap();
    let names = ["--table", "usher-2", "--pepper-secret", "usher-2/pepper"];
    let empty = json!({ "enterprises": [] });
    let run = || apply_with(&stack, &empty, &names);
    let outputs: [Output; 4] = tokio::join!(run(), run(), run(), run()).into();
    assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
    // A PIN's hash is found again only under the pepper that it was made with.
    lines(&apply_with(&stack, &document(), &names).await);
    assert!(
        lines(&apply_with(&stack, &document(), &names).await).contains(&"unchanged PIN acme/FYC 2026".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_make_nothing() {
    let stack = stack().await;
    for wrong in [["--table", "other"], ["--pepper-secret", "other"]] {
        let output = apply_with(&stack, &document(), &wrong).await;
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_shown_even_when_a_later_item_fails() {
    let stack = stack().await;
    let mut clash = document();
    let users = json!([
        { "username": "ana", "email": "ana@acme.example" },
        { "username": "bea", "email": "bea@acme.example" },
    ]);
    clash["enterprises"][0]["users"] = users;
    lines(&apply(&stack, &clash).await);
    clash["enterprises"][0]["api_keys"] = json!([{ "id": "web" }]);
    clash["enterprises"][0]["users"] = json!([{ "username": "cleo", "email": "bea@acme.example" }]);
    let output = apply(&stack, &clash).await;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("new key   web: usk_acme_web_"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_runs_at_once_one_shows_the_new_key() {
    let stack = stack().await;
    let mut document = json!({ "enterprises": [{ "id": "acme", "name": "Acme" }] });
    lines(&apply(&stack, &document).await);
    for id in ["one", "two", "three", "four", "five"] {
        document["enterprises"][0]["api_keys"] = json!([{ "id": id }]);
        let run = || apply(&stack, &document);
        let outputs: [Output; 4] = tokio::join!(run(), run(), run(), run()).into();
        let told = outputs.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).concat();
        assert_eq!(told.matches("new key ").count(), 1, "{told}");
    }
}

fn with_sso(client_secret: Option<&str>) -> Value {
    let mut document = document();
    document["enterprises"][0]["sso"] = json!({
        "issuer": "https://idp.acme.example", "client_id": "usher",
        "redirect_uri": "https://admin.acme.example/callback",
    });
    if let Some(secret) = client_secret {
        document["enterprises"][0]["sso"]["client_secret"] = json!(secret);
    }
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_is_kept_in_a_secret_of_its_own() {
    const SECRET: &str = "the studio's secret at its provider";
    let stack = stack().await;
    let line =
        |lines: Vec<String>| lines.into_iter().find(|line| line.contains("SSO client secret")).unwrap();
    let warning = "warning   enterprise acme: sso has no client_secret for this provider yet, and lets nobody in \
                   without it";
    assert!(lines(&apply(&stack, &with_sso(None)).await).contains(&warning.to_owned()));
    for (secret, wanted) in
        [(SECRET, "created  "), (SECRET, "unchanged"), ("another one of theirs", "updated  ")]
    {
        let told = line(lines(&apply(&stack, &with_sso(Some(secret))).await));
        assert_eq!(told, format!("{wanted} SSO client secret of acme"));
    }
    // Left out, it stays; for another provider it is none.
    assert!(!lines(&apply(&stack, &with_sso(None)).await).contains(&warning.to_owned()));
    let mut moved = with_sso(None);
    moved["enterprises"][0]["sso"]["issuer"] = json!("https://login.acme.example");
    assert!(lines(&apply(&stack, &moved).await).contains(&warning.to_owned()));
    let environment = stack.place.environment("operator");
    let table =
        aws_sdk_dynamodb::Client::new(&environment.aws).scan().table_name("usher").send().await.unwrap();
    assert!(!format!("{table:?}").contains("another one of theirs"));
    let output = apply_with(&stack, &with_sso(Some(SECRET)), &["--sso-secrets", ""]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("--sso-secrets is needed"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_let_no_admin_in_are_warned_of() {
    let stack = stack().await;
    let mut alone = document();
    alone["enterprises"][0]["settings"] = json!({ "sso_only": true });
    let told = lines(&apply(&stack, &alone).await);
    assert!(told.contains(&"warning   enterprise acme: sso_only without sso lets no admin in".to_owned()));
    let mut jit = with_sso(Some("the studio's secret at its provider"));
    jit["enterprises"][0]["sso"]["jit"] = json!(true);
    let warning = "warning   enterprise acme: sso.jit lets nobody in without sso.email_domains".to_owned();
    assert!(lines(&apply(&stack, &jit).await).contains(&warning));
    jit["enterprises"][0]["sso"]["email_domains"] = json!(["acme.example"]);
    assert!(!lines(&apply(&stack, &jit).await).contains(&warning));
}

#[tokio::test(flavor = "multi_thread")]
async fn screeners_and_the_limits_on_text_messages_are_brought_to_the_document() {
    let stack = stack().await;
    let document = |force_login: bool, dollars: f64| {
        json!({
            "enterprises": [{
                "id": "acme", "name": "Acme",
                "screeners": [{ "key": "scr-1", "two_factor": true, "force_login": force_login }],
            }],
            "sms": { "monthly_usd": dollars, "prices_usd": { "US": 0.0125 } },
        })
    };
    for (document, screener, limits) in [
        (document(false, 50.0), "created  ", "created  "),
        (document(false, 50.0), "unchanged", "unchanged"),
        (document(true, 50.0), "updated  ", "unchanged"),
        (document(true, 0.0), "unchanged", "updated  "),
    ] {
        let lines = lines(&apply(&stack, &document).await);
        let wanted = [format!("{screener} screener acme/scr-1"), format!("{limits} limits on text messages")];
        assert_eq!(lines[lines.len() - 2..], wanted);
    }
    // A document that says nothing of them leaves them as they are.
    let lines = lines(&apply(&stack, &json!({ "enterprises": [] })).await);
    assert!(lines.is_empty(), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_and_client_secrets_are_brought_to_the_document() {
    let stack = stack().await;
    let document = |domains: Value, secret: &str| {
        json!({ "enterprises": [{
            "id": "acme", "name": "Acme", "domains": domains,
            "users": [{ "username": "importer", "client_secret": secret, "surfaces": ["vidizmo"] }],
        }] })
    };
    let (first, second) = ("a secret that nobody guesses", "another that nobody guesses");
    for (document, domain, user) in [
        (document(json!(["a.example"]), first), "created   domain a.example of acme", "created  "),
        (document(json!(["a.example"]), first), "unchanged domain a.example of acme", "unchanged"),
        (document(json!(["b.example"]), second), "created   domain b.example of acme", "updated  "),
        (document(json!(["b.example"]), second), "unchanged domain b.example of acme", "unchanged"),
    ] {
        let lines = lines(&apply(&stack, &document).await);
        assert!(lines.iter().any(|line| line == domain), "{domain}: {lines:?}");
        assert!(lines.contains(&format!("{user} user acme/importer")), "{lines:?}");
    }
    // Another enterprise cannot have it, and is not written with it.
    let other = json!({ "enterprises": [{ "id": "orbit", "name": "Orbit", "domains": ["b.example"] }] });
    let output = apply(&stack, &other).await;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("b.example of orbit: is another enterprise's"));
    let without = json!({ "enterprises": [{ "id": "orbit", "name": "Orbit" }] });
    assert_eq!(lines(&apply(&stack, &without).await), ["created   enterprise orbit"]);
    let weak = lines(&apply(&stack, &document(json!([]), "short")).await);
    assert!(weak.iter().any(|line| line.contains("client_secret is shorter than 20")), "{weak:?}");
    lines(&apply(&stack, &other).await);
}
