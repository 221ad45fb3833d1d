//! Each row of the first table of docs/units.md as one call, with what it needs made beforehand; and what is beside them.

use serde_json::{Value, json};
use shared::limits::SMS_PAUSE;
use tests::costs::{ANA_AT, LINK, US, authorizer_event, link_and_request, on_vidizmo, wrong_code};
use tests::phone::Phone;
use tests::{ANA, Answer, App, Client, OLGA, part};

use super::bad_body::{self, BAD_BODY};
use crate::v1::admin::auth::sso::{OLGA_AT, Studio};

/// Rows beside the table's: branches that write something else, or refuse.
pub(super) const BESIDE: [&str; 16] = [
    ALL_COPIES,
    "admin-hotlist, refresh token",
    "admin-refresh, rotating",
    "admin-sso-login, not an admin",
    "admin-sso-login, seen before",
    "qr-submit, PIN",
    "qr-submit, refuse",
    "vidizmo-authenticate, client secret",
    "vidizmo-refresh, reused",
    "watch-forgot-password, nobody",
    "watch-login, imported hash",
    "watch-qr-approve, PIN",
    "watch-qr-approve, PIN, refuse",
    "watch-qr-get-token, wrong code",
    "watch-sign-up, name taken",
    "watch-token-refresh, reused",
];

/// What a row is answered with without a fault.
pub(super) fn status_of(row: &str) -> u16 {
    let listed = NOT_200.iter().find(|(name, _)| *name == row).map(|(_, status)| *status);
    listed.unwrap_or(if row.ends_with(BAD_BODY) { 400 } else { 200 })
}

/// Rows that are answered with another status than 200 without a fault.
const NOT_200: [(&str, u16); 11] = [
    ("watch-login, password, wrong", 401),
    ("watch-qr-get-token, wrong code", 401),
    ("watch-sign-up, name taken", 400),
    ("watch-token-refresh, reused", 401),
    ("screener-request, API key, a limit met", 429),
    ("screener-request, API key, the same again", 429),
    ("screener-verify, API key, wrong code", 401),
    ("screener-verify, token, wrong code", 401),
    ("vidizmo-refresh, reused", 400),
    ("watch-qr-get-token, pending", 202),
    ("admin-sso-login, not an admin", 401),
];

/// The row whose call writes each copy of an item, one after the other.
pub(super) const ALL_COPIES: &str = "admin-hotlist, API key";

/// The PIN of the enterprise.
const PIN: &str = "K7QX-93WD";
/// The password of Imre, who was imported with a hash of another system's.
const IMRE: &str = "correct horse battery";
/// The client secret of the enterprise's importer.
const IMPORTER: &str = "a-machine-has-no-better-memory";
/// More seconds than those in which a spent refresh token is taken for one whose answer was lost.
const AFTER_GRACE: i64 = 11;

/// A stack, and the identity provider of the rows that need one.
pub(super) enum Stage {
    Plain(App),
    Studio(Studio),
}

impl Stage {
    /// What `row` needs.
    pub(super) async fn of(row: &str) -> Self {
        if row.starts_with("admin-sso") {
            Self::Studio(Studio::open().await)
        } else if row.contains("limit met") || row.contains("the same again") {
            let one_message = json!({ "daily_max": 1 });
            let app = App::changed(|document| document["enterprises"][0]["settings"]["sms"] = one_message);
            Self::Plain(app.await)
        } else if row.contains("imported") {
            let weak = bcrypt::hash(IMRE, 4).unwrap();
            let imre = json!({ "username": "imre", "email": "imre@acme.example", "password_hash": weak });
            Self::Plain(App::changed(|document| document["enterprises"][0]["users"][0] = imre).await)
        } else {
            Self::Plain(App::start().await)
        }
    }

    pub(super) fn app(&self) -> &App {
        match self {
            Self::Plain(app) => app,
            Self::Studio(studio) => &studio.app,
        }
    }

    /// How often the identity provider was asked what a code stands for, which spends the code.
    pub(super) fn times_asked(&self) -> u32 {
        match self {
            Self::Plain(_) => 0,
            Self::Studio(studio) => studio.provider.calls("token"),
        }
    }
}

/// A call that can be made more than once.
pub(super) enum Sent {
    Request { client: Client, method: &'static str, path: String, body: String },
    Form { client: Client, path: String, fields: Vec<(&'static str, String)> },
    Authorizer(Value),
}

impl Sent {
    fn get(client: Client, path: &str) -> Self {
        Self::Request { client, method: "GET", path: path.to_owned(), body: String::new() }
    }

    fn post(client: Client, path: &str, body: &Value) -> Self {
        Self::Request { client, method: "POST", path: path.to_owned(), body: body.to_string() }
    }

    fn form(phone: Phone, fields: &[(&'static str, &str)]) -> Self {
        let csrf = [("csrf", phone.csrf.clone())];
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Self::Form {
            client: phone.client,
            path: phone.path,
            fields: csrf.into_iter().chain(fields).collect(),
        }
    }

    /// Makes the call; the HTTP status, and the answer where there is one.
    pub(super) async fn send(&self, app: &App) -> (u16, Option<Answer>) {
        let answer = match self {
            Self::Request { client, method, path, body } => client.send(method, path, body.clone()).await,
            Self::Form { client, path, fields } => {
                let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                client.post_form(path, &fields).await
            }
            Self::Authorizer(event) => {
                // An error is a 500 of API Gateway's.
                let answer = app.stack.invoke("authorizer", event.clone()).await;
                let status =
                    answer.map_or(500, |answer| if answer["isAuthorized"] == true { 200 } else { 403 });
                return (status, None);
            }
        };
        (answer.status, Some(answer))
    }
}

/// Prepares the call of a row.
pub(super) async fn prepare(stage: &Stage, row: &str) -> Sent {
    let app = stage.app();
    let (function, what) = row.split_once(", ").unwrap_or((row, ""));
    match (stage, function.split_once('-').map_or(function, |(surface, _)| surface)) {
        _ if row.ends_with(BAD_BODY) => bad_body::prepare(app, function, what).await,
        (Stage::Studio(studio), _) => sso(studio, function, what).await,
        (_, "watch") if function.contains("qr") => qr(app, function, what).await,
        (_, "watch") => watch(app, function, what).await,
        (_, "qr") => qr(app, function, what).await,
        (_, "admin") => admin(app, function, what).await,
        (_, "screener") => screener(app, function, what).await,
        (_, "vidizmo") => vidizmo(app, function, what).await,
        _ => rest(app, function).await,
    }
}

async fn watch(app: &App, function: &str, what: &str) -> Sent {
    let watch = app.watch();
    let at = |path: &str, body: Value| Sent::post(app.watch(), &format!("/v2/watch/auth/{path}"), &body);
    let login_as = |username: &str, password: &str| {
        let credentials = json!({ "username": username, "password": password });
        at("login", json!({ "type": "password", "credentials": credentials }))
    };
    let login = |password: &str| login_as("ana", password);
    match (function, what) {
        ("watch-login", "password") => login(ANA),
        ("watch-login", "password, not the address's first") => {
            watch.sign_in("olga", OLGA).await;
            login(ANA)
        }
        ("watch-login", "password, wrong") => login("wrong password"),
        ("watch-login", "password, after a wrong one") => {
            watch.login("ana", "wrong password").await.expect(401, "W2002");
            login(ANA)
        }
        ("watch-login", "imported hash") => login_as("imre", IMRE),
        ("watch-login", "PIN") => at("login", json!({ "type": "pin", "credentials": { "pin": PIN } })),
        ("watch-logout", _) => at("logout", json!({ "token": app.ana().await.token })),
        ("watch-token-refresh", "") => {
            at("token/refresh", json!({ "refresh_token": app.ana().await.refresh_token }))
        }
        ("watch-token-refresh", "rotating" | "reused") => {
            let key = app.key("acme-rotating");
            let tokens = key.sign_in("ana", ANA).await;
            if what == "reused" {
                key.refresh(&tokens.refresh_token).await.expect(200, "W0000");
                app.advance(AFTER_GRACE);
            }
            let body = json!({ "refresh_token": tokens.refresh_token });
            Sent::post(key, "/v2/watch/auth/token/refresh", &body)
        }
        ("watch-session", _) => Sent::get(app.authorized(&app.ana().await.token), "/v2/watch/auth/session"),
        ("watch-sign-up", _) => {
            let name = if what == "name taken" { "ana" } else { "nadia" };
            let email = "nadia@acme.example";
            at("users", json!({ "username": name, "email": email, "password": "one ticket for the balcony" }))
        }
        ("watch-forgot-password", _) => {
            let email = if what == "nobody" { "nobody@acme.example" } else { ANA_AT };
            at("forgot-password", json!({ "email": email }))
        }
        ("watch-reset-password", _) => {
            let code = forgotten(app).await;
            at("reset-password", json!({ "reset_code": code, "new_password": "seven reels of nitrate film" }))
        }
        _ => panic!("{function}, {what}"),
    }
}

/// The code of a forgotten password.
async fn forgotten(app: &App) -> String {
    let forgot = json!({ "email": ANA_AT });
    app.watch().post("/v2/watch/auth/forgot-password", forgot).await.expect(200, "W0000");
    app.reset_code("Ana@acme.example")
}

async fn qr(app: &App, function: &str, what: &str) -> Sent {
    let watch = app.watch();
    let at =
        |path: &str, body: Value| Sent::post(app.watch(), &format!("/v2/watch/auth/login/qr{path}"), &body);
    if function == "watch-qr-get-code" {
        return at("/get-code", json!({ "device": "AppleTV", "udid": "tv" }));
    }
    let code = watch.get_code("tv").await;
    match (function, what) {
        ("watch-qr-get-token", "wrong code") => {
            at("/get-token", json!({ "login_code": "BCD3FGH", "udid": "tv" }))
        }
        ("watch-qr-get-token", what) => {
            if what == "approved" {
                app.ana_client().await.approve(&code).await.expect(200, "W0000");
            }
            at("/get-token", json!({ "login_code": code, "udid": "tv" }))
        }
        ("watch-qr-approve", "token") => {
            let body = json!({ "login_code": code });
            Sent::post(app.ana_client().await, "/v2/watch/auth/login/qr", &body)
        }
        ("watch-qr-approve", "password") => {
            let credentials = json!({ "username": "ana", "password": ANA });
            at("", json!({ "login_code": code, "type": "password", "credentials": credentials }))
        }
        ("watch-qr-approve", "PIN" | "PIN, refuse") => {
            let credentials = json!({ "pin": PIN });
            let approve = what == "PIN";
            at(
                "",
                json!({ "login_code": code, "approve": approve, "type": "pin", "credentials": credentials }),
            )
        }
        ("qr-page", _) => Sent::get(app.anonymous(), &format!("/qr/{code}")),
        ("qr-image-png", _) => Sent::get(app.anonymous(), &format!("/qr/{code}/image.png")),
        ("qr-image-svg", _) => Sent::get(app.anonymous(), &format!("/qr/{code}/image.svg")),
        ("qr-submit", "password") => {
            let phone = Phone::open(app, &code).await;
            Sent::form(phone, &[("type", "password"), ("username", "ana"), ("password", ANA)])
        }
        ("qr-submit", "PIN") => Sent::form(Phone::open(app, &code).await, &[("type", "pin"), ("pin", PIN)]),
        ("qr-submit", "refuse") => Sent::form(Phone::open(app, &code).await, &[("answer", "refuse")]),
        ("qr-submit", "answer") => {
            let mut phone = Phone::open(app, &code).await;
            phone.sign_in("ana", ANA).await;
            Sent::form(phone, &[("answer", "approve")])
        }
        _ => panic!("{function}, {what}"),
    }
}

async fn admin(app: &App, function: &str, what: &str) -> Sent {
    let key = app.admin();
    if function == "admin-login" {
        return Sent::post(key, "/v1/admin/auth/login", &json!({ "username": "olga", "password": OLGA }));
    }
    if what == "rotating" {
        let key = app.key("acme-admin-rotating");
        let olga = key.admin_login("olga", OLGA).await.expect(200, "A0000").tokens();
        let body = json!({ "refresh_token": olga.refresh_token });
        return Sent::post(key, "/v1/admin/auth/refresh", &body);
    }
    let olga = app.olga().await;
    match function {
        "admin-refresh" => {
            Sent::post(key, "/v1/admin/auth/refresh", &json!({ "refresh_token": olga.refresh_token }))
        }
        "admin-logout" => Sent::post(key, "/v1/admin/auth/logout", &json!({ "token": olga.token })),
        "admin-session" => Sent::get(app.authorized(&olga.token), "/v1/admin/auth/session"),
        "admin-hotlist" => {
            let ana = app.key("acme-tv").sign_in("ana", ANA).await;
            let claims = part(&ana.token, 1);
            let body = match what {
                "session" => json!({ "session": claims["sid"] }),
                "user" => json!({ "user": claims["sub"] }),
                "refresh token" => json!({ "refresh_token": ana.refresh_token }),
                _ => json!({ "api_key": claims["client_id"] }),
            };
            Sent::post(app.authorized(&olga.token), "/v1/admin/auth/hotlist", &body)
        }
        _ => panic!("{function}"),
    }
}

async fn sso(studio: &Studio, function: &str, what: &str) -> Sent {
    if function == "admin-sso-initiate" {
        return Sent::post(
            studio.app.admin(),
            "/v1/admin/auth/sso/initiate",
            &json!({ "username": OLGA_AT }),
        );
    }
    if what == "seen before" {
        studio.sign_in(OLGA_AT, "olga-1").await.expect(200, "A0000");
    }
    let (email, subject) = if what == "not an admin" { (ANA_AT, "ana-1") } else { (OLGA_AT, "olga-1") };
    Sent::post(studio.app.admin(), "/v1/admin/auth/sso/login", &studio.returned(email, subject).await)
}

async fn screener(app: &App, function: &str, what: &str) -> Sent {
    let (client, screener) =
        if what.starts_with("token") { (app.ana_client().await, "login") } else { (app.watch(), LINK) };
    let path = format!("/v2/watch/content/screeners/{screener}/2fa");
    match function {
        "screener-register" => Sent::post(client, &path, &json!({ "phone": US.1, "country_code": US.0 })),
        "screener-request" => {
            client.link_phone(screener, US.0, US.1).await.expect(200, "W0000");
            if what.contains("limit") || what.contains("again") {
                client.request_code(screener).await.expect(200, "W0000");
                // So that it is the enterprise's limit that is met, which is written, and not the pause.
                app.advance(SMS_PAUSE);
            }
            if what.contains("again") {
                client.request_code(screener).await.expect(429, "W5001");
            }
            Sent::get(client, &path)
        }
        _ => {
            let code = link_and_request(app, &client, screener, US).await;
            let code = if what.contains("wrong") { wrong_code(&code, 1) } else { code };
            Sent::post(client, &format!("{path}/verify"), &json!({ "otp": code }))
        }
    }
}

async fn vidizmo(app: &App, function: &str, what: &str) -> Sent {
    if function == "vidizmo-authenticate" {
        let body = match what {
            "client secret" => json!({ "emailAddress": "importer", "clientSecret": IMPORTER }),
            _ => json!({ "emailAddress": ANA_AT, "password": ANA }),
        };
        return Sent::post(app.vidizmo(), "/api/v1/user/authenticate", &body);
    }
    let client = on_vidizmo(app).await;
    match function {
        "vidizmo-user" => {
            if what.is_empty() {
                client.user(ANA_AT).await.expect_value();
            } else {
                app.advance(61);
            }
            Sent::get(client, &format!("/api/v1/user/{ANA_AT}?userPartsToFetch=BasicInfo"))
        }
        "vidizmo-refresh" => {
            if what == "reused" {
                client.refresh_opaque().await.opaque();
                app.advance(AFTER_GRACE);
            }
            Sent::post(client, "/api/v1/user/refresh-access-token", &json!({}))
        }
        "vidizmo-logout" => Sent::post(client, "/api/v1/user/logout", &json!({})),
        _ => Sent::get(client, "/api/v1/user/logout"),
    }
}

async fn rest(app: &App, function: &str) -> Sent {
    match function {
        "authorizer" => Sent::Authorizer(authorizer_event(app, &app.ana().await.token)),
        "jwks" => Sent::get(app.anonymous(), "/.well-known/jwks.json"),
        "page-style" => Sent::get(app.anonymous(), "/assets/page.css"),
        "reset-page" => Sent::get(app.anonymous(), &format!("/reset/{}", forgotten(app).await)),
        _ => {
            let path = format!("/reset/{}", forgotten(app).await);
            let new = "the very first picture show".to_owned();
            Sent::Form {
                client: app.anonymous(),
                path,
                fields: vec![("new_password", new.clone()), ("again", new)],
            }
        }
    }
}
