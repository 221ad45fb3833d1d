//! What docs/playback.md tells whoever streams to do, done: its own lines, run by Node with npm's jose.
//!
//! `USHER_NODE_MODULES` names the folder that it is installed in.

use std::env;
use std::fs;
use std::path::Path;

use tests::{Answer, App, Client};
use tokio::process::Command;
use ulid::Ulid;

/// Runs the page's lines on a token; what they give, or refuse with.
async fn may_play(app: &App, token: &str, enterprise: &str, screener: &str) -> Result<String, String> {
    let modules = env::var("USHER_NODE_MODULES").expect("USHER_NODE_MODULES names a folder with jose");
    let page = include_str!("../../docs/playback.md");
    let lines = page.split("```js\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let run = "\nconsole.log(await mayPlay(...process.argv.slice(2)));\n";
    let script = lines.replace("https://login.example.com", &app.stack.place.url) + run;
    // Beside the modules, where Node looks for what a script imports.
    let file = Path::new(&modules).join(format!("../playback-{}.mjs", Ulid::generate()));
    fs::write(&file, script).unwrap();
    let output = Command::new("node").arg(&file).args([token, enterprise, screener]).output().await.unwrap();
    fs::remove_file(&file).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

async fn playback_token(app: &App, client: &Client, phone: u64) -> String {
    client.link_phone("link", 1, phone).await.expect(200, "W0000");
    client.request_code("link").await.expect(200, "W0000");
    let answer: Answer =
        client.verify_code("link", &app.sms_code(&format!("+1{phone}"))).await.expect(200, "W0000");
    answer.body["playback_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_let_in_who_may_play_and_nobody_else() {
    let app = App::start().await.ticking();
    // Node goes by the machine's clock.
    app.advance(shared::request::machine_now() - app.stack.world.clock.now());
    let token = playback_token(&app, &app.watch(), 2_025_550_143).await;
    assert_eq!(may_play(&app, &token, "acme", "link").await.as_deref(), Ok("link"));
    for (enterprise, screener) in [("acme", "link-2"), ("orbit", "link")] {
        let refused = may_play(&app, &token, enterprise, screener).await.unwrap_err();
        assert!(refused.contains("for another screener"), "{refused}");
    }
    let tokens = app.ana().await;
    for other in [&tokens.token, &tokens.refresh_token, &token[..token.len() - 4], "x"] {
        let refused = may_play(&app, other, "acme", "link").await.unwrap_err();
        assert!(refused.contains("JWT") || refused.contains("JWS"), "{refused}");
    }
    app.advance(-600);
    let old = playback_token(&app, &app.ana_client().await, 2_025_550_144).await;
    let refused = may_play(&app, &old, "acme", "link").await.unwrap_err();
    assert!(refused.contains("JWTExpired"), "{refused}");
}
