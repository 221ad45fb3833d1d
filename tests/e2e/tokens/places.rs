//! The places that take a token: what else each asks for, and what it answers to a token that is none.

use std::collections::BTreeMap;
use std::fmt;

use functions::{ROUTES, Route};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tests::costs::{ANA_AT, US, link_and_request};
use tests::{ANA, Answer, App, Client, SignedIn, part};

use crate::authorizer::event;

/// How a token is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As `Authorization`, behind a scheme.
    Header(&'static str),
    /// As the identity's source that API Gateway gives to the authorizer, behind a scheme.
    Source(&'static str),
    /// As a field of the body.
    Field(&'static str),
}

use Way::{Field, Header, Source};

const HEADER: &[Way] = &[Header("JWT "), Header("Bearer "), Header("")];
const BEARER: &[Way] = &[Header("Bearer ")];
const EITHER: &[Way] = &[Field("token"), Field("refresh_token")];
const REFRESH: &[Way] = &[Field("refresh_token")];

/// Each function that takes a token, and the ways in which it does.
pub(super) const PLACES: &[(&str, &[Way])] = &[
    ("watch-session", HEADER),
    ("watch-qr-approve", HEADER),
    ("watch-logout", EITHER),
    ("watch-token-refresh", REFRESH),
    ("screener-register", HEADER),
    ("screener-request", HEADER),
    ("screener-verify", HEADER),
    ("admin-session", HEADER),
    ("admin-hotlist", HEADER),
    ("admin-hotlist", REFRESH),
    ("admin-logout", EITHER),
    ("admin-refresh", REFRESH),
    ("authorizer", &[Source("JWT "), Source("Bearer "), Source("")]),
    ("authorizer", HEADER),
    // Opaque ones: a JWT is none of them, however good it is elsewhere.
    ("vidizmo-user", BEARER),
    ("vidizmo-logout", BEARER),
    ("vidizmo-logout-get", BEARER),
    ("vidizmo-refresh", BEARER),
];

/// All others: what they are given is an API key, a credential, a code, a form's own token, or nothing.
pub(super) const WITHOUT: &[&str] = &[
    "watch-login",
    "watch-sign-up",
    "watch-forgot-password",
    "watch-reset-password",
    "watch-qr-get-code",
    "watch-qr-get-token",
    "admin-login",
    "admin-sso-initiate",
    // It fetches an ID token itself, at the provider: `id_tokens.rs`.
    "admin-sso-login",
    "vidizmo-authenticate",
    "reset-page",
    "reset-submit",
    "qr-page",
    "qr-submit",
    "qr-image-png",
    "qr-image-svg",
    "page-style",
    "jwks",
    "key-rotation",
];

/// The second number for messages, so that no number gets more of them than it may.
const GB: (u64, u64, &str) = (44, 7_400_123_456, "+447400123456");

/// A place with everything that a call of it needs but the token.
pub(super) struct Place<'a> {
    app: &'a App,
    pub(super) function: &'static str,
    pub(super) way: Way,
    /// Whose token it takes, and somebody's of the other surface.
    pub(super) own: SignedIn,
    pub(super) other: SignedIn,
    /// What works here, where that is an opaque token.
    opaque: Option<String>,
    /// Who calls, where the token is in the body.
    caller: Client,
    /// What is in the body, where the token is in the header.
    body: Value,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, {:?}", self.function, self.way)
    }
}

impl<'a> Place<'a> {
    /// The place with people who have just signed in.
    pub(super) async fn open(app: &'a App, function: &'static str, way: Way) -> Self {
        let (ana, olga) = (app.ana().await, app.olga().await);
        let is_admin = function.starts_with("admin-");
        // The owner in the header, whose token is good; anybody's in the body.
        let is_hotlisted = function == "admin-hotlist" && matches!(way, Field(_));
        let caller = if is_hotlisted {
            app.authorized(&app.olga().await.token)
        } else if is_admin {
            app.admin()
        } else {
            app.watch()
        };
        let (own, other) = if is_admin && !is_hotlisted { (olga, ana) } else { (ana, olga) };
        let mut place = Self { app, function, way, own, other, opaque: None, caller, body: Value::Null };
        place.prepare().await;
        place
    }

    async fn prepare(&mut self) {
        let (app, user) = (self.app, self.app.authorized(&self.own.token));
        if self.function.starts_with("screener-") {
            // As long as a number waits between two messages.
            app.advance(30);
        }
        match self.function {
            "watch-qr-approve" => self.body = json!({ "login_code": app.watch().get_code("tv").await }),
            "screener-register" => self.body = json!({ "country_code": US.0, "phone": US.1 }),
            "screener-request" => {
                user.link_phone(self.screener(), US.0, US.1).await.expect(200, "W0000");
            }
            "screener-verify" => {
                self.body = json!({ "otp": link_and_request(app, &user, self.screener(), GB).await });
            }
            "admin-hotlist" => self.body = json!({ "session": part(&self.other.token, 1)["sid"] }),
            name if name.starts_with("vidizmo-") => {
                self.opaque = Some(app.vidizmo().authenticate(ANA_AT, ANA).await.opaque());
            }
            _ => {}
        }
    }

    /// One for each function, so that none is in another's way.
    fn screener(&self) -> &'static str {
        match self.function {
            "screener-register" => "login",
            "screener-request" => "login-link",
            _ => "plain",
        }
    }

    /// Whether no JWT is good here.
    pub(super) fn takes_opaque(&self) -> bool {
        self.opaque.is_some()
    }

    /// The token of this kind that somebody has.
    pub(super) fn of_this_kind<'b>(&self, tokens: &'b SignedIn) -> &'b str {
        if self.way == Field("refresh_token") { &tokens.refresh_token } else { &tokens.token }
    }

    /// The token of the other kind that somebody has.
    pub(super) fn of_the_other_kind<'b>(&self, tokens: &'b SignedIn) -> &'b str {
        if self.way == Field("refresh_token") { &tokens.token } else { &tokens.refresh_token }
    }

    /// Whether an HTTP client can send the token this way: no header has a line break in it.
    pub(super) fn can_carry(&self, token: &str) -> bool {
        match self.way {
            Header(scheme) => HeaderValue::try_from(format!("{scheme}{token}")).is_ok(),
            Source(_) | Field(_) => true,
        }
    }

    fn route(&self) -> Option<&'static Route> {
        ROUTES.iter().find(|route| route.name == self.function)
    }

    async fn send(&self, route: &Route, token: &str) -> Answer {
        let path = route.path.replace("{screener_key}", self.screener()).replace("{emailAddress}", ANA_AT);
        let client = match self.way {
            // Not by `post`, which has every token looked for in the log in the end: these are thousands.
            Field(name) => return self.caller.send("POST", &path, json!({ name: token }).to_string()).await,
            _ if self.takes_opaque() => self.app.vidizmo().bearing(token),
            Header(scheme) | Source(scheme) => self.app.authorized(&format!("{scheme}{token}")),
        };
        let body = if self.body.is_null() { String::new() } else { self.body.to_string() };
        client.send(route.method, &path, body).await
    }

    async fn ask(&self, token: &str) -> Result<Value, String> {
        let mut event = match self.way {
            Header(scheme) | Source(scheme) => event(self.app, &format!("{scheme}{token}")),
            Field(_) => panic!("it has no body"),
        };
        let without = if matches!(self.way, Header(_)) { "identitySource" } else { "headers" };
        event[without] = if without == "headers" { json!({}) } else { Value::Null };
        self.app.stack.invoke(self.function, event).await
    }

    /// Gives a token that is to be taken.
    pub(super) async fn expect_taken(&self, token: &str) {
        let Some(route) = self.route() else {
            assert_eq!(self.ask(token).await.unwrap()["isAuthorized"], true, "{self}");
            return;
        };
        let answer = self.send(route, token).await;
        if self.takes_opaque() {
            answer.expect_value();
        } else {
            answer.expect(200, &self.code("0000"));
        }
    }

    /// Gives the token that works here.
    pub(super) async fn expect_good_one_taken(&self) {
        let good = self.opaque.as_deref().unwrap_or_else(|| self.of_this_kind(&self.own));
        self.expect_taken(good).await;
    }

    /// Gives a token that is to be refused, and gives back the whole answer but what differs in each; otherwise
    /// what came in the refusal's place.
    pub(super) async fn refusal(&self, token: &str) -> Result<(String, String), String> {
        let Some(route) = self.route() else {
            let said = self.ask(token).await;
            let denied = Ok(json!({ "isAuthorized": false }));
            return if said == denied { Ok(Default::default()) } else { Err(format!("{said:?}")) };
        };
        let (http, wanted) = self.wanted(token);
        let answer = self.send(route, token).await;
        let field = if self.takes_opaque() { "name" } else { "status_code" };
        if (answer.status, &answer.body[field]) != (http, &json!(wanted)) {
            return Err(format!("{} {} for {http} {wanted}", answer.status, answer.text));
        }
        let answer = if self.takes_opaque() {
            answer.expect_exception(http, &wanted)
        } else {
            answer.expect(http, &wanted)
        };
        Ok((wanted, look(&answer)))
    }

    fn code(&self, digits: &str) -> String {
        let letter = if self.function.starts_with("admin-") { 'A' } else { 'W' };
        format!("{letter}{digits}")
    }

    /// What docs/api.md says of a token that is none, by nothing but how it looks.
    fn wanted(&self, token: &str) -> (u16, String) {
        if self.takes_opaque() {
            return (400, "InvalidAccessTokenException".to_owned());
        }
        let is_one_word = token.is_ascii() && token.split_ascii_whitespace().count() == 1;
        let takes_keys = self.function.starts_with("screener-") || self.function == "watch-qr-approve";
        let is_no_token = takes_keys && token.split('.').count() != 3;
        let (http, digits) = match self.way {
            Field(_) if token.is_empty() || token.contains('\0') || token.chars().count() > 4096 => {
                (400, "4900")
            }
            Header(_) if !is_one_word => (401, "2000"),
            // Three parts make it a token, and so does the scheme; otherwise it is a key, and no good one.
            Header("Bearer ") if is_no_token => (401, "2001"),
            Header("") if is_no_token => (401, "2000"),
            _ => (401, "2003"),
        };
        (http, self.code(digits))
    }
}

/// An answer without what differs in each.
pub(super) fn look(answer: &Answer) -> String {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date" && *name != "x-request-id");
    let headers: BTreeMap<_, _> = headers.map(|(name, value)| (name.as_str(), value)).collect();
    format!("{headers:?} {}", answer.text.replace(answer.header("x-request-id"), "id"))
}
