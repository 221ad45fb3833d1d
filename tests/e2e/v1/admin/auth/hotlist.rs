//! `POST /v1/admin/auth/hotlist`

use serde_json::{Value, json};
use shared::store::api_key::ApiKey;
use shared::store::{Store, parse};
use tests::{ANA, App, Client, OLGA, SignedIn, at_once, part};

const HOTLIST: &str = "/v1/admin/auth/hotlist";

async fn owner(app: &App) -> Client {
    app.authorized(&format!("JWT {}", app.olga().await.token))
}

async fn expect_count(owner: &Client, body: Value, count: u64) {
    let answer = owner.post(HOTLIST, body).await.expect(200, "A0000");
    let wanted = json!({ "status_code": "A0000", "status_message": "success", "hotlisted": count });
    assert_eq!(answer.body, wanted);
}

async fn expect_dead(app: &App, tokens: &SignedIn) {
    app.watch().refresh(&tokens.refresh_token).await.expect(401, "W2003");
    app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(401, "W2003");
}

fn claim(tokens: &SignedIn, name: &str) -> Value {
    part(&tokens.token, 1)[name].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_by_its_id_or_its_refresh_token() {
    let app = App::start().await;
    let (owner, other) = (owner(&app).await, app.ana().await);
    for by_id in [true, false] {
        let tokens = app.ana().await;
        let body = if by_id {
            json!({ "session": claim(&tokens, "sid") })
        } else {
            json!({ "refresh_token": tokens.refresh_token })
        };
        expect_count(&owner, body.clone(), 1).await;
        expect_dead(&app, &tokens).await;
        expect_count(&owner, body, 0).await;
    }
    app.watch().refresh(&other.refresh_token).await.expect(200, "W0000");
    let admin = app.olga().await;
    expect_count(&owner, json!({ "refresh_token": admin.refresh_token }), 1).await;
    app.admin().admin_refresh(&admin.refresh_token).await.expect(401, "A2003");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sessions_of_a_person_who_can_sign_in_again() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let mut all = Vec::new();
    for key in ["acme-watch", "acme-tv", "acme-watch"] {
        all.push(app.key(key).sign_in("ana", ANA).await);
    }
    app.watch().post("/v2/watch/auth/logout", json!({ "token": all[2].token })).await.expect(200, "W0000");
    let body = json!({ "user": claim(&all[0], "sub") });
    expect_count(&owner, body.clone(), 2).await;
    for tokens in &all {
        expect_dead(&app, tokens).await;
    }
    expect_count(&owner, body.clone(), 0).await;
    // By either name, and again and again.
    for name in ["ana", "ana@acme.example"] {
        let tokens = app.watch().sign_in(name, ANA).await;
        app.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
        expect_count(&owner, body.clone(), 1).await;
        expect_dead(&app, &tokens).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sessions_of_a_pins_holder_who_can_sign_in_again() {
    let app = App::start().await;
    let owner = owner(&app).await;
    for _ in 0..2 {
        let tokens = app.watch().login_by_pin("K7QX-93WD").await.expect(200, "W0000").tokens();
        app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
        expect_count(&owner, json!({ "user": claim(&tokens, "sub") }), 1).await;
        expect_dead(&app, &tokens).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_and_everything_that_it_opened() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let (tokens, other) = (app.ana().await, app.key("acme-tv").sign_in("ana", ANA).await);
    expect_count(&owner, json!({ "api_key": "acme-watch" }), 1).await;
    app.watch().refresh(&tokens.refresh_token).await.expect(401, "W2001");
    app.watch().login("ana", ANA).await.expect(401, "W2001");
    app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(401, "W2003");
    app.key("acme-tv").refresh(&other.refresh_token).await.expect(200, "W0000");
    expect_count(&owner, json!({ "api_key": "acme-watch" }), 0).await;
    // The document of before does not undo it; a new key does.
    app.apply(|_| {}).await;
    app.watch().login("ana", ANA).await.expect(401, "W2001");
    let new = "usk_acme_acme-watch_1111111111111111111111111111watchA";
    app.apply(|document| document["enterprises"][0]["api_keys"][0]["key"] = json!(new)).await;
    let renewed = app.authorized(&format!("Bearer {new}"));
    renewed.login("ana", ANA).await.expect(200, "W0000");
    // What the old key opened does not come back with it, nor does the old key with its document.
    renewed.refresh(&tokens.refresh_token).await.expect(401, "W2003");
    app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(401, "W2003");
    app.apply(|_| {}).await;
    app.watch().login("ana", ANA).await.expect(401, "W2001");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_tv_does_not_get_in_any_more() {
    let app = App::start().await;
    let owner = owner(&app).await;
    for what in ["user", "session", "api_key"] {
        let (code, phone) = (app.watch().get_code("tv").await, app.key("acme-tv").sign_in("ana", ANA).await);
        app.authorized(&phone.token).approve(&code).await.expect(200, "W0000");
        let name = match what {
            "user" => "sub",
            "session" => "sid",
            _ => "client_id",
        };
        expect_count(&owner, json!({ what: claim(&phone, name) }), 1).await;
        app.watch().get_token(&code, "tv").await.expect(401, "W2002");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_of_another_enterprise_counts_nothing() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let stranger = app.key("orbit-watch").login_by_pin("ZZZZ-1111").await.expect(200, "W0000").tokens();
    for body in [
        json!({ "session": "01HF7YC4M8T2Z6V0Q3R5W7N9PB-01HF7YC9B6F0K4P8T1V5Z2R3NQ" }),
        json!({ "session": claim(&stranger, "sid") }),
        json!({ "user": claim(&stranger, "sub") }),
        json!({ "user": "01HF7YC4M8T2Z6V0Q3R5W7N9PB" }),
        json!({ "api_key": "orbit-watch" }),
        json!({ "api_key": "acme-revoked" }),
    ] {
        expect_count(&owner, body, 0).await;
    }
    for token in [&*stranger.refresh_token, &stranger.token, "a.b.c"] {
        owner.post(HOTLIST, json!({ "refresh_token": token })).await.expect(401, "A2003");
    }
    app.key("orbit-watch").refresh(&stranger.refresh_token).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_whom_the_operator_has_replaced_has_nothing_left_to_end() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let person =
        json!({ "username": "boss", "email": "boss@acme.example", "password": "one ticket for the balcony" });
    app.watch().post("/v2/watch/auth/users", person).await.expect(200, "W0000");
    let stranger = app.watch().sign_in("boss", "one ticket for the balcony").await;
    app.apply(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.push(json!({ "username": "boss", "password": "the whole stalls" }));
    })
    .await;
    expect_count(&owner, json!({ "user": claim(&stranger, "sub") }), 0).await;
    app.watch().login("boss", "the whole stalls").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owners_may_and_only_on_this_surface() {
    let app = App::changed(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.push(json!({ "username": "bo", "password": "the second reel is missing", "roles": ["admin"], "surfaces": ["admin"] }));
    })
    .await;
    let body = json!({ "user": "01HF7YC4M8T2Z6V0Q3R5W7N9PB" });
    app.anonymous().post(HOTLIST, body.clone()).await.expect(401, "A2000");
    app.admin().post(HOTLIST, body.clone()).await.expect(401, "A2003");
    let watch = app.watch().sign_in("olga", OLGA).await;
    app.authorized(&watch.token).post(HOTLIST, body.clone()).await.expect(401, "A2003");
    let bo = app.admin().admin_login("bo", "the second reel is missing").await.expect(200, "A0000").tokens();
    // The role is judged before the body.
    app.authorized(&bo.token).send("POST", HOTLIST, "not JSON").await.expect(403, "A2101");
    // By the table and not by the token: one who has become an owner may at once.
    app.apply(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.push(json!({ "username": "bo", "password": "the second reel is missing", "roles": ["admin", "owner"], "surfaces": ["admin"] }));
    })
    .await;
    app.authorized(&bo.token).post(HOTLIST, body.clone()).await.expect(200, "A0000");
    let olga = owner(&app).await;
    app.apply(|document| document["enterprises"][0]["users"][2]["roles"] = json!(["admin"])).await;
    olga.post(HOTLIST, body).await.expect(401, "A2003");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_wrong_is_4900_and_ends_nothing() {
    let app = App::start().await;
    let (owner, tokens) = (owner(&app).await, app.ana().await);
    let sid = claim(&tokens, "sid");
    for (body, field) in [
        (json!({}), "refresh_token"),
        (json!({ "session": null }), "refresh_token"),
        (json!({ "session": 1 }), "session"),
        (json!({ "session": "" }), "session"),
        (json!({ "session": "a b" }), "session"),
        (json!({ "session": "01HF7YC4M8T2Z6V0Q3R5W7N9PB" }), "session"),
        (json!({ "session": "x".repeat(129) }), "session"),
        (json!({ "user": ["x"] }), "user"),
        (json!({ "user": "a#b" }), "user"),
        (json!({ "user": "ana" }), "user"),
        (json!({ "api_key": "ACME" }), "api_key"),
        (json!({ "refresh_token": 1 }), "refresh_token"),
        (json!({ "session": sid, "user": "01HF7YC4M8T2Z6V0Q3R5W7N9PB" }), "user"),
    ] {
        owner.post(HOTLIST, body).await.expect_invalid(field);
    }
    owner.send("POST", HOTLIST, "[]").await.expect_invalid("body");
    app.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_at_once_one_counts_each_session() {
    let app = App::start().await;
    let owner = owner(&app).await;
    for what in ["session", "user"] {
        let tokens = app.ana().await;
        let body = json!({ what: claim(&tokens, if what == "user" { "sub" } else { "sid" }) });
        let answers = at_once(32, |_| {
            let (owner, body) = (owner.clone(), body.clone());
            async move { owner.post(HOTLIST, body).await.expect(200, "A0000") }
        })
        .await;
        let counted: u64 = answers.iter().filter_map(|answer| answer.body["hotlisted"].as_u64()).sum();
        assert_eq!(counted, 1, "{what}");
        expect_dead(&app, &tokens).await;
    }
    let tokens = app.ana().await;
    app.watch().refresh(&tokens.refresh_token).await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_found_again() {
    let app = App::start().await;
    let owner = owner(&app).await;
    for (what, name, operation) in [
        ("session", "sid", "UpdateItem"),
        ("user", "sub", "TransactWriteItems"),
        ("api_key", "client_id", "UpdateItem"),
    ] {
        let tokens = app.ana().await;
        app.fail("dynamodb", operation, "lost_response", 1).await;
        expect_count(&owner, json!({ what: claim(&tokens, name) }), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_added_later_keeps_step() {
    let app = App::changed(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.push(json!({ "username": "bo", "password": "the second reel is missing" }));
    })
    .await;
    let owner = owner(&app).await;
    let bo = app.watch().sign_in("bo", "the second reel is missing").await;
    expect_count(&owner, json!({ "user": claim(&bo, "sub") }), 1).await;
    app.apply(|document| {
        let users = document["enterprises"][0]["users"].as_array_mut().unwrap();
        users.push(
            json!({ "username": "bo", "email": "bo@acme.example", "password": "the second reel is missing" }),
        );
    })
    .await;
    for name in ["bo", "bo@acme.example"] {
        let bo = app.watch().sign_in(name, "the second reel is missing").await;
        app.watch().refresh(&bo.refresh_token).await.expect(200, "W0000");
        expect_count(&owner, json!({ "user": claim(&bo, "sub") }), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leaves_a_record_of_who_and_what_and_no_token() {
    let app = App::start().await;
    let (olga, tokens) = (app.olga().await, app.ana().await);
    let body = json!({ "refresh_token": tokens.refresh_token });
    let answer = app.authorized(&olga.token).post(HOTLIST, body).await.expect(200, "A0000");
    let record = &app.log_of(answer.header("x-request-id"))[0];
    assert_eq!((&record["event"], &record["outcome"]), (&json!("hotlist"), &json!("success")));
    assert_eq!((&record["user"], &record["enterprise"]), (&claim(&olga, "sub"), &json!("acme")));
    assert_eq!((&record["object"], &record["object_id"]), (&json!("session"), &claim(&tokens, "sid")));
    assert_eq!(record["ended"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_wrote_can_be_hotlisted() {
    let app = App::start().await;
    app.forget_attributes(&["hotlisted", "pin"]).await;
    let owner = owner(&app).await;
    expect_count(&owner, json!({ "api_key": "acme-tv" }), 1).await;
    app.key("acme-tv").login("ana", ANA).await.expect(401, "W2001");
    // A PIN's holder, once the document has been applied again.
    app.apply(|_| {}).await;
    let tokens = app.watch().login_by_pin("K7QX-93WD").await.expect(200, "W0000").tokens();
    expect_count(&owner, json!({ "user": claim(&tokens, "sub") }), 1).await;
    expect_dead(&app, &tokens).await;
    app.watch().login_by_pin("K7QX-93WD").await.expect(200, "W0000");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_replaces_a_key_that_was_read_before_does_not_undo_it() {
    for is_of_an_earlier_version in [false, true] {
        let app = App::start().await;
        if is_of_an_earlier_version {
            app.forget_attributes(&["hotlisted"]).await;
        }
        let store = Store::new(&app.operator());
        let [read] = store.read([&ApiKey::first("acme", "acme-tv")]).await.unwrap();
        expect_count(&owner(&app).await, json!({ "api_key": "acme-tv" }), 1).await;
        let new = ApiKey { refresh_rotation: true, ..parse(read.clone()).unwrap().unwrap() };
        assert!(!store.swap_copies(&ApiKey::first("acme", &new.id), read.as_ref(), &new).await.unwrap());
        app.key("acme-tv").login("ana", ANA).await.expect(401, "W2001");
    }
}
