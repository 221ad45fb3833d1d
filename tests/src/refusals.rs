//! What each refusal of the API costs, as the second table of docs/units.md has it.

use serde_json::json;
use shared::limits;

use crate::costs::{ANA_AT, LINK, US, authorizer_event, on_vidizmo};
use crate::phone::Phone;
use crate::studio::{OLGA_AT, Studio};
use crate::tries::Tries;
use crate::{ANA, App, part};

/// Has each endpoint refuse, and tells `note` after each which row it was; nothing, when something is forgotten that
/// belongs to no row.
pub async fn each_refusal(app: &App, note: &mut impl FnMut(&str)) {
    of_logins(app, note).await;
    of_tokens(app, note).await;
    of_accounts(app, note).await;
    of_tvs(app, note).await;
    of_admins(app, note).await;
    of_vidizmo(app, note).await;
    of_screeners(app, note).await;
}

/// The same of single sign-on.
pub async fn each_of_sso(studio: &Studio, note: &mut impl FnMut(&str)) {
    studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    let admin = studio.app.admin();
    let mut returned = studio.returned(OLGA_AT, "olga-1").await;
    returned["state"] = json!("0123456789abcdefghijklmnopqrstuvwxyzABCDEFG");
    note("");
    admin.send("POST", "/v1/admin/auth/sso/initiate", "{").await.expect(400, "A4900");
    note("admin-sso-initiate, bad body");
    admin.post("/v1/admin/auth/sso/login", returned).await.expect(401, "A2002");
    note("admin-sso-login, unknown state");
}

async fn of_logins(app: &App, note: &mut impl FnMut(&str)) {
    let watch = app.watch();
    watch.login("ana", ANA).await.expect(200, "W0000");
    watch.login_by_pin("K7QX-93WD").await.expect(200, "W0000");
    note("");
    watch.send("POST", "/v2/watch/auth/login", "{").await.expect(400, "W4900");
    note("watch-login, bad body");
    let made_up = app.authorized(&format!("Bearer usk_acme_acme-watch_{}", "z".repeat(40)));
    made_up.login("ana", ANA).await.expect(401, "W2001");
    note("watch-login, unknown API key");
    app.forget_tries().await;
    watch.login("nobody", ANA).await.expect(401, "W2002");
    note("watch-login, unknown person");
    watch.login_by_pin("WRNG-PPPP").await.expect(401, "W2002");
    note("watch-login, wrong PIN");
    for _ in 0..9 {
        watch.login("nobody", ANA).await.expect(401, "W2002");
    }
    note("");
    watch.login("nobody", ANA).await.expect(429, "W5001");
    note("watch-login, locked");
    let by_address = limits::PIN_SOURCE.counter("acme", "127.0.0.1", app.stack.world.clock.now());
    Tries::of(app).leave(&by_address, 0).await;
    watch.login_by_pin("K7QX-93WD").await.expect(429, "W5001");
    note("watch-login, PIN, locked");
    app.forget_tries().await;
}

async fn of_tokens(app: &App, note: &mut impl FnMut(&str)) {
    let watch = app.watch();
    let ended = app.ana().await;
    watch.refresh(&ended.refresh_token).await.expect(200, "W0000");
    app.authorized(&ended.token).get("/v2/watch/auth/session").await.expect(200, "W0000");
    app.stack.invoke("authorizer", authorizer_event(app, &ended.token)).await.expect("it answers");
    watch.post("/v2/watch/auth/logout", json!({ "token": ended.token })).await.expect(200, "W0000");
    let forged = format!("{}A", ended.token);
    note("");
    watch.refresh("a.b.c").await.expect(401, "W2003");
    note("watch-token-refresh, forged");
    watch.refresh(&ended.refresh_token).await.expect(401, "W2003");
    note("watch-token-refresh, session ended");
    app.authorized(&forged).get("/v2/watch/auth/session").await.expect(401, "W2003");
    note("watch-session, forged");
    app.authorized(&ended.token).get("/v2/watch/auth/session").await.expect(401, "W2003");
    note("watch-session, session ended");
    for (token, row) in [(&forged, "authorizer, forged"), (&ended.token, "authorizer, session ended")] {
        let answer = app.stack.invoke("authorizer", authorizer_event(app, token)).await.expect("it answers");
        assert_eq!(answer["isAuthorized"], false);
        note(row);
    }
    watch.post("/v2/watch/auth/logout", json!({ "token": "a.b.c" })).await.expect(401, "W2003");
    note("watch-logout, forged");
    let rotating = app.key("acme-rotating");
    let spent = rotating.sign_in("ana", ANA).await;
    rotating.refresh(&spent.refresh_token).await.expect(200, "W0000");
    note("");
    rotating.refresh(&spent.refresh_token).await.expect(200, "W0000");
    note("watch-token-refresh, rotating, the same again");
    app.advance(11);
    rotating.refresh(&spent.refresh_token).await.expect(401, "W2003");
    note("watch-token-refresh, rotating, spent");
}

async fn of_accounts(app: &App, note: &mut impl FnMut(&str)) {
    let watch = app.watch();
    let taken =
        json!({ "username": "ana", "email": "ana2@acme.example", "password": "one ticket for the balcony" });
    watch.post("/v2/watch/auth/users", taken.clone()).await.expect(400, "W4900");
    note("");
    watch.post("/v2/watch/auth/users", taken).await.expect(400, "W4900");
    note("watch-sign-up, taken");
    let nobody = json!({ "email": "nobody@acme.example" });
    watch.post("/v2/watch/auth/forgot-password", nobody).await.expect(200, "W0000");
    note("watch-forgot-password, nobody's");
    let by_address = limits::FORGOT_ADDRESS.counter("acme", ANA_AT, app.stack.world.clock.now());
    Tries::of(app).leave(&by_address, 0).await;
    watch.post("/v2/watch/auth/forgot-password", json!({ "email": ANA_AT })).await.expect(429, "W5001");
    note("watch-forgot-password, too many");
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let reset = json!({ "reset_code": unknown, "new_password": "the very last picture show" });
    watch.post("/v2/watch/auth/reset-password", reset).await.expect(401, "W2002");
    note("watch-reset-password, unknown code");
    app.anonymous().get(&format!("/reset/{unknown}")).await;
    note("reset-page, unknown code");
    let form = [("new_password", "the very first picture show"), ("again", "the very first picture show")];
    app.anonymous().post_form(&format!("/reset/{unknown}"), &form).await;
    note("reset-submit, unknown code");
}

async fn of_tvs(app: &App, note: &mut impl FnMut(&str)) {
    let (watch, ana) = (app.watch(), app.ana_client().await);
    let code = watch.get_code("tv").await;
    watch.get_token(&code, "tv").await.expect(202, "W3000");
    ana.approve("BCD3FGH").await.expect(401, "W2002");
    note("");
    watch.get_token(&code, "tv").await.expect(429, "W5001");
    note("watch-qr-get-token, too soon");
    watch.get_token("BCD3FGH", "tv").await.expect(401, "W2002");
    note("watch-qr-get-token, unknown code");
    ana.approve("BCD3FGH").await.expect(401, "W2002");
    note("watch-qr-approve, token, unknown code");
    watch.send("POST", "/v2/watch/auth/login/qr/get-code", "{").await.expect(400, "W4900");
    note("watch-qr-get-code, bad body");
    let by_tv = limits::QR_CODE_DEVICE.counter("acme", "tv", app.stack.world.clock.now());
    Tries::of(app).leave(&by_tv, 0).await;
    watch.try_get_code("tv").await.expect(429, "W5001");
    note("watch-qr-get-code, too many");
    app.forget_tries().await;
    let credentials = json!({ "username": "ana", "password": "wrong password" });
    let body = json!({ "login_code": code, "type": "password", "credentials": credentials });
    note("");
    watch.post("/v2/watch/auth/login/qr", body).await.expect(401, "W2002");
    note("watch-qr-approve, password, wrong");
    let mut phone = Phone::open(app, &code).await;
    app.forget_tries().await;
    note("");
    phone.sign_in("ana", "wrong password").await;
    note("qr-submit, password, wrong");
    ana.refuse(&code).await.expect(200, "W0000");
    app.advance(10);
    note("");
    watch.get_token(&code, "tv").await.expect(403, "W2101");
    note("watch-qr-get-token, refused");
    let code = watch.get_code("tv").await;
    ana.approve(&code).await.expect(200, "W0000");
    watch.get_token(&code, "tv").await.expect(200, "W0000");
    app.advance(10);
    note("");
    watch.get_token(&code, "tv").await.expect(200, "W0000");
    note("watch-qr-get-token, handed out again");
    for (path, row) in [
        ("/qr/BCD3FGH", "qr-page, unknown code"),
        ("/qr/BCD3FGH/image.png", "qr-image-png, unknown code"),
        ("/qr/BCD3FGH/image.svg", "qr-image-svg, unknown code"),
    ] {
        assert_eq!(app.anonymous().get(path).await.status, 404);
        note(row);
    }
}

async fn of_admins(app: &App, note: &mut impl FnMut(&str)) {
    app.forget_tries().await;
    let (admin, olga) = (app.admin(), app.olga().await);
    app.authorized(&olga.token).get("/v1/admin/auth/session").await.expect(200, "A0000");
    // So that what the function does at its start is no refusal's.
    let nobody = json!({ "user": "01HF7YC4M8T2Z6V0Q3R5W7N9PB" });
    app.authorized(&olga.token).post("/v1/admin/auth/hotlist", nobody).await.expect(200, "A0000");
    admin.post("/v1/admin/auth/logout", json!({ "token": olga.token })).await.expect(200, "A0000");
    app.forget_tries().await;
    note("");
    admin.admin_login("olga", "wrong password").await.expect(401, "A2002");
    note("admin-login, wrong");
    app.authorized(&olga.token).get("/v1/admin/auth/session").await.expect(401, "A2003");
    note("admin-session, session ended");
    admin.admin_refresh(&olga.refresh_token).await.expect(401, "A2003");
    note("admin-refresh, session ended");
    let hotlist = json!({ "user": part(&olga.token, 1)["sub"] });
    app.authorized(&olga.token).post("/v1/admin/auth/hotlist", hotlist).await.expect(401, "A2003");
    note("admin-hotlist, session ended");
    admin.post("/v1/admin/auth/logout", json!({ "token": "a.b.c" })).await.expect(401, "A2003");
    note("admin-logout, forged");
}

async fn of_vidizmo(app: &App, note: &mut impl FnMut(&str)) {
    let ended = on_vidizmo(app).await;
    ended.user(ANA_AT).await.expect_value();
    ended.send("POST", "/api/v1/user/logout", "").await.expect_value();
    app.forget_tries().await;
    note("");
    let wrong = app.vidizmo().authenticate(ANA_AT, "wrong").await;
    wrong.expect_exception(400, "InvalidCredentialsException");
    note("vidizmo-authenticate, wrong");
    ended.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
    note("vidizmo-user, session ended");
    ended.refresh_opaque().await.expect_exception(400, "ExpiredAccessTokenException");
    note("vidizmo-refresh, session ended");
    for (method, row) in [("POST", "vidizmo-logout"), ("GET", "vidizmo-logout-get")] {
        let again = ended.send(method, "/api/v1/user/logout", "").await;
        again.expect_exception(400, "ExpiredAccessTokenException");
        note(&format!("{row}, session ended"));
    }
    let forged = app.vidizmo().bearing("no token");
    forged.user(ANA_AT).await.expect_exception(400, "InvalidAccessTokenException");
    note("vidizmo-user, forged");
}

async fn of_screeners(app: &App, note: &mut impl FnMut(&str)) {
    let watch = app.watch();
    // So that what the functions do at their start is no refusal's.
    watch.request_code("link-2").await.expect_invalid("phone");
    watch.verify_code("link-2", "000000").await.expect(401, "W2002");
    watch.link_phone("link-2", US.0, US.1).await.expect(200, "W0000");
    note("");
    watch.link_phone(LINK, US.0, 1).await.expect_invalid("phone");
    note("screener-register, no number");
    watch.request_code(LINK).await.expect_invalid("phone");
    note("screener-request, no number is linked");
    watch.verify_code(LINK, "000000").await.expect(401, "W2002");
    note("screener-verify, no code was sent");
}
