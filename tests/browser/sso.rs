//! Signing in at an identity provider that others wrote, with its own pages: npm's oidc-provider.
//!
//! `USHER_NODE_MODULES` names the folder that it is installed in.

use std::env;
use std::process::Stdio;

use serde_json::{Value, json};
use tests::App;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::driver::{Browser, Screen};

const OLGA: &str = "olga@acme.example";
const CALLBACK: &str = "http://localhost:3000/login/sso_callback";
const LOGIN: &str = "/v1/admin/auth/sso/login";

/// Every kind of character that form encoding changes, of those that a client secret may have
/// (RFC 6749, appendix A.2).
const SECRET: &str = "the-secret-of-usher/+ &:%=~";

/// A provider that signs and authenticates its client in one way only, and its issuer.
async fn provider(signs: &str, authenticates: &str) -> (Child, String) {
    let folder =
        env::var("USHER_NODE_MODULES").expect("USHER_NODE_MODULES names a folder with oidc-provider");
    let mut provider = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/oidc/provider.mjs"))
        .args([signs, authenticates])
        .envs([("CLIENT_SECRET", SECRET), ("USHER_NODE_MODULES", &folder)])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is installed");
    let mut lines = BufReader::new(provider.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(issuer) = line.strip_prefix("listening ") {
            return (provider, issuer.to_owned());
        }
    }
    panic!("the provider starts and tells its issuer");
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_else(|| panic!("{field}: {body}"))
}

async fn sign_in(signs: &str, authenticates: &str) {
    let (_provider, issuer) = provider(signs, authenticates).await;
    let app = App::changed(|document| {
        document["enterprises"][0]["sso"] = json!({
            "issuer": issuer,
            "client_id": "usher",
            "client_secret": SECRET,
            "redirect_uri": CALLBACK,
            "jit": false,
        });
    })
    .await
    .ticking();
    let client = app.admin();
    let started = client.post("/v1/admin/auth/sso/initiate", json!({ "username": OLGA })).await;
    let started = started.expect(200, "A0000").body;

    let desk = Browser::open(Screen::Desktop).await;
    desk.goto(text(&started, "redirect")).await;
    desk.fill("input[name=login]", OLGA).await;
    desk.fill("input[name=password]", "any will do").await;
    desk.click("form:has(input[value=login]) button").await;
    desk.click("form:has(input[value=consent]) button").await;
    let back = desk.unreachable_url().await;
    assert!(back.starts_with(&format!("{CALLBACK}?")), "{back}");
    let back = reqwest::Url::parse(&back).unwrap();
    let parameter = |name: &str| {
        let found = back.query_pairs().find(|(key, _)| key == name);
        found.unwrap_or_else(|| panic!("{name}: {back}")).1.into_owned()
    };
    assert_eq!(parameter("state"), text(&started, "state"));
    assert_eq!(parameter("iss"), issuer);

    let body = json!({
        "state": parameter("state"),
        "nonce": started["nonce"],
        "email": OLGA,
        "code": parameter("code"),
        "iss": parameter("iss"),
        "error": false,
    });
    let tokens = client.post(LOGIN, body.clone()).await.expect(200, "A0000").tokens();
    let session = app.authorized(&tokens.token).get("/v1/admin/auth/session").await.expect(200, "A0000");
    assert_eq!(session.body["user"]["email"], OLGA);
    client.admin_refresh(&tokens.refresh_token).await.expect(200, "A0000");
    client.post(LOGIN, body).await.expect(401, "A2002");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_provider_that_signs_with_rsa_and_wants_the_secret_in_the_header() {
    sign_in("RS256", "client_secret_basic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_provider_that_signs_with_an_elliptic_curve_and_wants_the_secret_in_the_body() {
    sign_in("ES256", "client_secret_post").await;
}
