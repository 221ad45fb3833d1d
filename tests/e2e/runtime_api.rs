//! The Lambda Runtime API of the local stack, with functions that misbehave: whatever becomes of a
//! process, its caller gets 5000 and the next caller a new process.

use std::fs;
use std::path::PathBuf;

use functions::{ROUTES, TRIGGERS};
use serde_json::json;
use tests::{App, DOCUMENT};

/// A stack whose functions are all the same faulty binary, under their own names.
async fn faulty() -> (App, PathBuf) {
    let folder = std::env::temp_dir().join(format!("usher-faulty-{}", ulid::Ulid::generate()));
    fs::create_dir(&folder).unwrap();
    let triggers = TRIGGERS.iter().map(|trigger| trigger.name);
    for name in ROUTES.iter().map(|route| route.name).chain(triggers) {
        fs::hard_link(env!("CARGO_BIN_EXE_faulty"), folder.join(name))
            .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_faulty"), folder.join(name)).map(|_| ()))
            .unwrap();
    }
    (App::placed(DOCUMENT, 0, None, Some(folder.clone())).await, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_5000_and_the_next_call_gets_a_new_process() {
    let (app, folder) = faulty().await;
    app.watch().login("ana", "x").await.expect(500, "W5000");
    for _ in 0..3 {
        assert_eq!(app.watch().login("ana", "x").await.body, json!({ "status_code": "W0000" }));
    }
    drop(app);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_cannot_start_or_reports_an_error_is_5000_each_time() {
    let (app, folder) = faulty().await;
    for path in ["/v2/watch/auth/session", "/.well-known/jwks.json"] {
        for _ in 0..3 {
            app.watch().get(path).await.expect(500, "W5000");
        }
    }
    drop(app);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_passes_its_deadline_is_5000_and_killed() {
    let (app, folder) = faulty().await;
    let answer =
        app.watch().post("/v2/watch/auth/logout", json!({ "token": "a.b.c" })).await.expect(500, "W5000");
    let line = &app.log_of(answer.header("x-request-id"))[0];
    assert_eq!(line["cause"], "the deadline passed");
    drop(app);
    fs::remove_dir_all(folder).unwrap();
}
