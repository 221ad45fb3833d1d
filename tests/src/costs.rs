//! What each call of the API costs: all of them, one after the other, as docs/units.md has them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::phone::Phone;
use crate::{ANA, App, Client, OLGA, part};

/// Ana's address.
pub const ANA_AT: &str = "ana@acme.example";
/// A mobile number that nobody has: country code, phone, and E.164.
pub const US: (u64, u64, &str) = (1, 2_025_550_143, "+12025550143");
/// The screener that opens to an API key.
pub const LINK: &str = "link";

/// The rows of a table of docs/units.md, which begins with `call` or with `refusal`: what it is, and its calls, read
/// units and write units.
pub fn documented(begins: &str) -> BTreeMap<String, [f64; 3]> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/units.md");
    let document = std::fs::read_to_string(file).expect("the document is there");
    let head = format!("| {begins} | calls | read units | write units |");
    let table = document.split(&head).nth(1).expect("the table is there");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let figure = |index: usize| cells[index].parse().expect("a figure");
        (cells[0].replace('`', ""), [figure(1), figure(2), figure(3)])
    })
    .collect()
}

/// A client with Ana's opaque token.
pub async fn on_vidizmo(app: &App) -> Client {
    let token = app.vidizmo().authenticate(ANA_AT, ANA).await.opaque();
    app.vidizmo().bearing(&token)
}

/// So many screeners more, called `film-0` and so on, that are links.
pub fn add_films(document: &mut Value, enterprise: usize, count: usize) {
    let list = document["enterprises"][enterprise]["screeners"].as_array_mut().expect("a list");
    let films = 0..count;
    list.extend(films.map(|n| json!({ "key": format!("film-{n}"), "two_factor": true, "link_type": true })));
}

/// Links a phone, asks for a code, and gives it.
pub async fn link_and_request(app: &App, client: &Client, screener: &str, phone: (u64, u64, &str)) -> String {
    client.link_phone(screener, phone.0, phone.1).await.expect(200, "W0000");
    client.request_code(screener).await.expect(200, "W0000");
    app.sms_code(phone.2)
}

/// A code that is not this one.
pub fn wrong_code(code: &str, nth: u32) -> String {
    format!("{:06}", (code.parse::<u32>().expect("digits") + nth) % 1_000_000)
}

/// API Gateway's request with this `Authorization` header.
pub fn authorizer_event(app: &App, header: &str) -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:123456789012:films/$default/GET/films",
        "identitySource": [header],
        "routeKey": "GET /films",
        "rawPath": "/films",
        "rawQueryString": "",
        "headers": { "authorization": header },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "films",
            "domainName": "films.acme.example",
            "domainPrefix": "films",
            "http": {
                "method": "GET", "path": "/films", "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7", "userAgent": "test",
            },
            "requestId": "id",
            "routeKey": "GET /films",
            "stage": "$default",
            "time": "22/Nov/2026:10:00:00 +0000",
            "timeEpoch": app.stack.world.clock.now_milliseconds(),
        },
    })
}

/// Calls each endpoint once so that it succeeds.
pub async fn call_everything(app: &App) {
    let watch = app.watch();
    let tokens = watch.sign_in("ana", ANA).await;
    app.stack.invoke("authorizer", authorizer_event(app, &tokens.token)).await.expect("it answers");
    watch.login_by_pin("K7QX-93WD").await.expect(200, "W0000");
    app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    watch.refresh(&tokens.refresh_token).await.expect(200, "W0000");
    let rotating = app.key("acme-rotating");
    let spent = rotating.sign_in("ana", ANA).await;
    rotating.refresh(&spent.refresh_token).await.expect(200, "W0000");
    watch.post("/v2/watch/auth/logout", json!({ "token": tokens.token })).await.expect(200, "W0000");
    watch.post("/v2/watch/auth/users", new_person()).await.expect(200, "W0000");
    let olga = app.olga().await;
    app.authorized(&olga.token).get("/v1/admin/auth/session").await.expect(200, "A0000");
    app.admin().admin_refresh(&olga.refresh_token).await.expect(200, "A0000");
    let rotating = app.key("acme-admin-rotating");
    let spent = rotating.admin_login("olga", OLGA).await.expect(200, "A0000").tokens();
    rotating.admin_refresh(&spent.refresh_token).await.expect(200, "A0000");
    let user = part(&app.key("acme-tv").sign_in("ana", ANA).await.token, 1)["sub"].clone();
    let hotlisted = app.authorized(&olga.token).post("/v1/admin/auth/hotlist", json!({ "user": user })).await;
    hotlisted.expect(200, "A0000");
    app.admin().post("/v1/admin/auth/logout", json!({ "token": olga.token })).await.expect(200, "A0000");
    app.anonymous().get("/.well-known/jwks.json").await;
    app.anonymous().get("/assets/page.css").await;
    let code = link_and_request(app, &watch, LINK, US).await;
    watch.verify_code(LINK, &wrong_code(&code, 1)).await.expect(401, "W2002");
    watch.verify_code(LINK, &code).await.expect(200, "W0000");
    for method in ["POST", "GET"] {
        let client = on_vidizmo(app).await;
        client.user(ANA_AT).await.expect_value();
        let client = app.vidizmo().bearing(&client.refresh_opaque().await.opaque());
        client.send(method, "/api/v1/user/logout", "").await.expect_value();
    }
    sign_in_on_a_tv(app, &watch.sign_in("ana", ANA).await.token).await;
    for by_page in [false, true] {
        watch
            .post("/v2/watch/auth/forgot-password", json!({ "email": "ana@acme.example" }))
            .await
            .expect(200, "W0000");
        let code = app.reset_code("Ana@acme.example");
        let new = format!("seven reels of nitrate film {by_page}");
        if by_page {
            let page = format!("/reset/{code}");
            assert_eq!(app.anonymous().get(&page).await.status, 200);
            let form = [("new_password", &*new), ("again", &*new)];
            assert_eq!(app.anonymous().post_form(&page, &form).await.status, 200);
        } else {
            let body = json!({ "reset_code": code, "new_password": new });
            watch.post("/v2/watch/auth/reset-password", body).await.expect(200, "W0000");
        }
    }
}

/// Signs a TV in each way in which that can be done.
async fn sign_in_on_a_tv(app: &App, token: &str) {
    let watch = app.watch();
    let code = watch.get_code("tv").await;
    for picture in ["png", "svg"] {
        assert_eq!(app.anonymous().get(&format!("/qr/{code}/image.{picture}")).await.status, 200);
    }
    watch.get_token(&code, "tv").await.expect(202, "W3000");
    app.authorized(token).approve(&code).await.expect(200, "W0000");
    app.advance(10);
    watch.get_token(&code, "tv").await.expect(200, "W0000");
    let credentials = json!({ "username": "ana", "password": ANA });
    let body =
        json!({ "login_code": watch.get_code("tv").await, "type": "password", "credentials": credentials });
    watch.post("/v2/watch/auth/login/qr", body).await.expect(200, "W0000");
    let mut phone = Phone::open(app, &watch.get_code("tv").await).await;
    phone.sign_in("ana", "wrong password").await;
    phone.sign_in("ana", ANA).await.expect_page(200, "Approve this Apple TV?");
    phone.answer("approve").await.expect_page(200, "You approved the Apple TV");
}

fn new_person() -> Value {
    json!({ "username": "nadia", "email": "nadia@acme.example", "password": "one ticket for the balcony" })
}

/// Makes each call of the table but those of SSO, screeners and VIDIZMO's API, and tells `note` after each
/// which row it was; nothing, when something is forgotten that belongs to no row.
pub async fn each_call(app: &App, note: &mut impl FnMut(&str)) {
    let watch = app.watch();
    call_everything(app).await;
    let new = "seven reels of nitrate film true";
    let tokens = watch.sign_in("ana", new).await;
    let rotated = app.key("acme-rotating").sign_in("ana", new).await;
    let person =
        json!({ "username": "noor", "email": "noor@acme.example", "password": "one ticket for the balcony" });
    let forgot = json!({ "email": "ana@acme.example" });
    let (olga, other) = (app.olga().await, app.key("acme-tv").sign_in("ana", new).await);
    let qr = "/v2/watch/auth/login/qr";
    let codes = [watch.get_code("tv").await, watch.get_code("tv").await, watch.get_code("tv").await];
    app.forget_tries().await;
    note("");
    watch.login("ana", new).await.expect(200, "W0000");
    note("watch-login, password");
    watch.login("olga", OLGA).await.expect(200, "W0000");
    note("watch-login, password, not the address's first");
    watch.login("ana", "wrong password").await.expect(401, "W2002");
    note("watch-login, password, wrong");
    watch.login("ana", new).await.expect(200, "W0000");
    note("watch-login, password, after a wrong one");
    watch.login_by_pin("K7QX-93WD").await.expect(200, "W0000");
    note("watch-login, PIN");
    watch.refresh(&tokens.refresh_token).await.expect(200, "W0000");
    note("watch-token-refresh");
    app.key("acme-rotating").refresh(&rotated.refresh_token).await.expect(200, "W0000");
    note("watch-token-refresh, rotating");
    app.authorized(&tokens.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    note("watch-session");
    app.stack.invoke("authorizer", authorizer_event(app, &tokens.token)).await.expect("it answers");
    note("authorizer");
    watch.get_code("tv").await;
    note("watch-qr-get-code");
    watch.get_token(&codes[0], "tv").await.expect(202, "W3000");
    note("watch-qr-get-token, pending");
    app.authorized(&tokens.token).approve(&codes[0]).await.expect(200, "W0000");
    note("watch-qr-approve, token");
    app.forget_tries().await;
    let credentials = json!({ "username": "ana", "password": new });
    let body = json!({ "login_code": codes[1], "type": "password", "credentials": credentials });
    watch.post(qr, body).await.expect(200, "W0000");
    note("watch-qr-approve, password");
    app.advance(10);
    watch.get_token(&codes[0], "tv").await.expect(200, "W0000");
    note("watch-qr-get-token, approved");
    for picture in ["png", "svg"] {
        app.anonymous().get(&format!("/qr/{}/image.{picture}", codes[2])).await;
        note(&format!("qr-image-{picture}"));
    }
    let mut phone = Phone::open(app, &codes[2]).await;
    note("qr-page");
    app.forget_tries().await;
    phone.sign_in("ana", new).await;
    note("qr-submit, password");
    phone.answer("approve").await.expect_page(200, "You approved the Apple TV");
    note("qr-submit, answer");
    app.anonymous().get("/assets/page.css").await;
    note("page-style");
    app.forget_tries().await;
    app.admin().admin_login("olga", OLGA).await.expect(200, "A0000");
    note("admin-login");
    app.admin().admin_refresh(&olga.refresh_token).await.expect(200, "A0000");
    note("admin-refresh");
    app.authorized(&olga.token).get("/v1/admin/auth/session").await.expect(200, "A0000");
    note("admin-session");
    watch.post("/v2/watch/auth/logout", json!({ "token": tokens.token })).await.expect(200, "W0000");
    note("watch-logout");
    let claims = part(&other.token, 1);
    for (what, claim) in [("session", "sid"), ("user", "sub")] {
        let owner = app.authorized(&olga.token);
        owner.post("/v1/admin/auth/hotlist", json!({ what: claims[claim] })).await.expect(200, "A0000");
        note(&format!("admin-hotlist, {what}"));
    }
    app.admin().post("/v1/admin/auth/logout", json!({ "token": olga.token })).await.expect(200, "A0000");
    note("admin-logout");
    watch.post("/v2/watch/auth/users", person).await.expect(200, "W0000");
    note("watch-sign-up");
    watch.post("/v2/watch/auth/forgot-password", forgot).await.expect(200, "W0000");
    note("watch-forgot-password");
    let reset = json!({ "reset_code": app.reset_code("Ana@acme.example"), "new_password": "the very last picture show" });
    watch.post("/v2/watch/auth/reset-password", reset).await.expect(200, "W0000");
    note("watch-reset-password");
    app.anonymous().get("/.well-known/jwks.json").await;
    note("jwks");
    watch
        .post("/v2/watch/auth/forgot-password", json!({ "email": "ana@acme.example" }))
        .await
        .expect(200, "W0000");
    let page = format!("/reset/{}", app.reset_code("Ana@acme.example"));
    note("");
    app.anonymous().get(&page).await;
    note("reset-page");
    let form = [("new_password", "the very first picture show"), ("again", "the very first picture show")];
    app.anonymous().post_form(&page, &form).await;
    note("reset-submit");
}

/// Those rows of that table that are about VIDIZMO's API.
///
/// See [`each_call`].
pub async fn each_of_vidizmo(app: &App, note: &mut impl FnMut(&str)) {
    note("");
    let client = on_vidizmo(app).await;
    note("vidizmo-authenticate");
    client.user(ANA_AT).await.expect_value();
    note("vidizmo-user, first in a minute");
    client.user(ANA_AT).await.expect_value();
    note("vidizmo-user");
    let client = app.vidizmo().bearing(&client.refresh_opaque().await.opaque());
    note("vidizmo-refresh");
    client.send("POST", "/api/v1/user/logout", "").await.expect_value();
    note("vidizmo-logout");
    let client = on_vidizmo(app).await;
    note("");
    client.get("/api/v1/user/logout").await.expect_value();
    note("vidizmo-logout-get");
}

/// Those rows of that table that are about screeners.
///
/// The enterprise of `app` may have three messages a day.
pub async fn each_of_screeners(app: &App, note: &mut impl FnMut(&str)) {
    // So that what the functions do at their start is no call's.
    let code = link_and_request(app, &app.watch(), "link-2", (44, 7_400_123_456, "+447400123456")).await;
    app.watch().verify_code("link-2", &code).await.expect(200, "W0000");
    let clients = [(app.ana_client().await, "login", "token"), (app.watch(), LINK, "API key")];
    for (index, (client, screener, by)) in clients.into_iter().enumerate() {
        let phone = US.1 + index as u64;
        note("");
        client.link_phone(screener, US.0, phone).await.expect(200, "W0000");
        note(&format!("screener-register, {by}"));
        client.request_code(screener).await.expect(200, "W0000");
        assert_eq!(app.usage("screener-request").calls["sns.Publish"], 1);
        note(&format!("screener-request, {by}"));
        let code = app.sms_code(&format!("+1{phone}"));
        client.verify_code(screener, &wrong_code(&code, 1)).await.expect(401, "W2002");
        note(&format!("screener-verify, {by}, wrong code"));
        client.verify_code(screener, &code).await.expect(200, "W0000");
        note(&format!("screener-verify, {by}"));
    }
    app.advance(30);
    for what in ["API key, a limit met", "API key, the same again"] {
        note("");
        app.watch().request_code(LINK).await.expect(429, "W5001");
        note(&format!("screener-request, {what}"));
    }
}
