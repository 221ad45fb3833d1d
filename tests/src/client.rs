//! What calls the API in a test, and what comes back.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::secrets::remember;

/// Something that calls the API.
#[derive(Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) authorization: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) secrets: Arc<Mutex<Vec<String>>>,
}

/// A user's two tokens.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
}

impl Client {
    /// The same client, calling from another loopback address.
    pub fn from(mut self, address: &str) -> Self {
        let address: IpAddr = address.parse().expect("an address");
        let builder = reqwest::Client::builder().local_address(address);
        self.http = builder.build().expect("a client");
        self
    }

    /// The same client, with a cookie.
    pub fn with_cookie(mut self, cookie: &str) -> Self {
        self.cookie = Some(cookie.to_owned());
        self
    }

    /// The same client, calling another host name.
    pub fn at(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// The same client, with an opaque token.
    pub fn bearing(mut self, token: &str) -> Self {
        self.authorization = Some(format!("Bearer {token}"));
        self
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        let last =
            |text: &Option<String>, before| text.as_ref()?.rsplit(before).next().map(ToOwned::to_owned);
        let carried = json!({ "token": last(&self.authorization, ' '), "cookie": last(&self.cookie, '=') });
        remember(&self.secrets, &carried);
        let headers =
            [("authorization", &self.authorization), ("cookie", &self.cookie), ("host", &self.host)];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request
    }

    /// The same client, whose secrets are not looked for in the log afterwards: for a test that makes
    /// thousands.
    pub fn forgetting(self) -> Self {
        Self { secrets: Arc::default(), ..self }
    }

    /// Sends any bytes as a JSON body.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let body = body.into();
        let sent = body.as_bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
        remember(&self.secrets, &sent.unwrap_or_default());
        let request = self.request(method, path).header("content-type", "application/json");
        self.read(request.body(body)).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, body.to_string()).await
    }

    /// Sends an HTML form.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        remember(&self.secrets, &fields.iter().copied().collect());
        self.read(self.request("POST", path).form(fields)).await
    }

    /// Gets.
    pub async fn get(&self, path: &str) -> Answer {
        self.read(self.request("GET", path)).await
    }

    /// Gets with one header more.
    pub async fn get_with(&self, path: &str, header: (&str, &str)) -> Answer {
        self.read(self.request("GET", path).header(header.0, header.1)).await
    }

    /// Gets, as a browser does.
    pub async fn get_html(&self, path: &str) -> Answer {
        self.get_with(path, ("accept", "text/html")).await
    }

    /// Sends with one header more.
    pub async fn post_with(&self, path: &str, body: Value, header: (&str, &str)) -> Answer {
        remember(&self.secrets, &body);
        self.read(self.request("POST", path).header(header.0, header.1).json(&body)).await
    }

    async fn read(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.expect("the stack answers");
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let bytes = answer.bytes().await.expect("a body").to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        remember(&self.secrets, &body);
        Answer { status, headers, bytes, text, body }
    }

    /// Signs in by password and expects success.
    pub async fn sign_in(&self, username: &str, password: &str) -> SignedIn {
        let answer = self.login(username, password).await.expect(200, "W0000");
        answer.tokens()
    }

    /// Tries to sign in by password.
    pub async fn login(&self, username: &str, password: &str) -> Answer {
        let credentials = json!({ "username": username, "password": password });
        self.post("/v2/watch/auth/login", json!({ "type": "password", "credentials": credentials })).await
    }

    /// Tries to sign in by password on the Admin surface.
    pub async fn admin_login(&self, username: &str, password: &str) -> Answer {
        let body = json!({ "username": username, "password": password });
        self.post("/v1/admin/auth/login", body).await
    }

    /// Refreshes on the Admin surface.
    pub async fn admin_refresh(&self, refresh_token: &str) -> Answer {
        self.post("/v1/admin/auth/refresh", json!({ "refresh_token": refresh_token })).await
    }

    /// Tries to sign in by PIN.
    pub async fn login_by_pin(&self, pin: &str) -> Answer {
        self.post("/v2/watch/auth/login", json!({ "type": "pin", "credentials": { "pin": pin } })).await
    }

    /// Asks for a login code as the Apple TV `udid`, and expects success.
    pub async fn get_code(&self, udid: &str) -> String {
        let answer = self.try_get_code(udid).await.expect(200, "W0000");
        answer.body["login_code"].as_str().expect("a code").to_owned()
    }

    /// Asks for a login code as the Apple TV `udid`.
    pub async fn try_get_code(&self, udid: &str) -> Answer {
        self.post("/v2/watch/auth/login/qr/get-code", json!({ "device": "AppleTV", "udid": udid })).await
    }

    /// Asks whether somebody has answered a code, as the device `udid`.
    pub async fn get_token(&self, code: &str, udid: &str) -> Answer {
        self.post("/v2/watch/auth/login/qr/get-token", json!({ "login_code": code, "udid": udid })).await
    }

    /// Lets the device that shows a code sign in, with the token that this client carries.
    pub async fn approve(&self, code: &str) -> Answer {
        self.post("/v2/watch/auth/login/qr", json!({ "login_code": code })).await
    }

    /// Refuses the device that shows a code, with the token that this client carries.
    pub async fn refuse(&self, code: &str) -> Answer {
        self.post("/v2/watch/auth/login/qr", json!({ "login_code": code, "approve": false })).await
    }

    /// Tries to sign in on the VIDIZMO surface.
    pub async fn authenticate(&self, address: &str, password: &str) -> Answer {
        let body = json!({ "emailAddress": address, "password": password });
        self.post("/api/v1/user/authenticate", body).await
    }

    /// Asks who somebody is on the VIDIZMO surface.
    pub async fn user(&self, address: &str) -> Answer {
        self.get(&format!("/api/v1/user/{address}?userPartsToFetch=BasicInfo")).await
    }

    /// Asks for a new token on the VIDIZMO surface.
    pub async fn refresh_opaque(&self) -> Answer {
        self.send("POST", "/api/v1/user/refresh-access-token", "").await
    }

    /// Links a phone to a screener.
    pub async fn link_phone(&self, screener: &str, country_code: u64, phone: u64) -> Answer {
        let body = json!({ "phone": phone, "country_code": country_code });
        self.post(&format!("/v2/watch/content/screeners/{screener}/2fa"), body).await
    }

    /// Asks for a code for a screener.
    pub async fn request_code(&self, screener: &str) -> Answer {
        self.get(&format!("/v2/watch/content/screeners/{screener}/2fa")).await
    }

    /// Sends a code for a screener.
    pub async fn verify_code(&self, screener: &str, code: &str) -> Answer {
        self.post(&format!("/v2/watch/content/screeners/{screener}/2fa/verify"), json!({ "otp": code })).await
    }

    /// Refreshes.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/v2/watch/auth/token/refresh", json!({ "refresh_token": refresh_token })).await
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as it came.
    pub bytes: Vec<u8>,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

impl Answer {
    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Holds the answer against its HTTP status and the headers that every answer has.
    #[track_caller]
    fn expect_headers(&self, http: u16, content_type: &str) {
        assert_eq!((self.status, self.header("content-type")), (http, content_type), "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{self:?}");
        assert_eq!(self.header("x-request-id").len(), 36, "{self:?}");
        let retry_after = self.header("retry-after").parse::<u32>();
        assert_eq!(retry_after.is_ok_and(|seconds| seconds > 0), http == 429, "{self:?}");
    }

    /// Holds the answer against a row of the status table.
    #[track_caller]
    pub fn expect(self, http: u16, status_code: &str) -> Self {
        assert_eq!(self.body["status_code"], status_code, "{self:?}");
        self.expect_headers(http, "application/json");
        assert_eq!(self.headers.contains_key("www-authenticate"), http == 401, "{self:?}");
        let is_admin = status_code.starts_with('A');
        if http >= 400 {
            let said = &self.body[if is_admin { "status_message" } else { "detail" }];
            assert!(said.is_string(), "{self:?}");
            // What has failed is in the log.
            assert_eq!(said == "Server error", http == 500, "{self:?}");
            assert_eq!(self.body.as_object().map(serde_json::Map::len), Some(2), "{self:?}");
        } else if is_admin {
            assert_eq!(self.body["status_message"], "success", "{self:?}");
        }
        self
    }

    /// Holds the answer against 4900 and the field that it has to name.
    #[track_caller]
    pub fn expect_invalid(self, field: &str) -> Self {
        let is_admin = self.body["status_code"] == "A4900";
        let answer = self.expect(400, if is_admin { "A4900" } else { "W4900" });
        let told = &answer.body[if is_admin { "status_message" } else { "detail" }];
        let told = told.as_str().unwrap_or_default();
        assert!(told.starts_with(&format!("{field}: ")), "{told}");
        answer
    }

    /// Holds the answer against an exception of VIDIZMO's, and its id against the request's.
    #[track_caller]
    pub fn expect_exception(self, http: u16, name: &str) -> Self {
        let wanted =
            json!({ "name": name, "incidentId": self.header("x-request-id"), "exceptionDetails": [] });
        assert_eq!(self.body, wanted);
        self.expect_headers(http, "application/json");
        assert!(!self.headers.contains_key("www-authenticate"));
        self
    }

    /// Holds the answer against a success of the VIDIZMO surface.
    #[track_caller]
    pub fn expect_value(self) -> Value {
        self.expect_headers(200, "application/json");
        self.body
    }

    /// An opaque token.
    #[track_caller]
    pub fn opaque(self) -> String {
        let token = self.expect_value().as_str().expect("a string").to_owned();
        let is_base32 = token.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte));
        assert!(token.len() == 184 && is_base32, "{token}");
        token
    }

    /// Holds the answer against a page of this title, with what every page has and has not.
    #[track_caller]
    pub fn expect_page(self, http: u16, title: &str) -> Self {
        self.expect_headers(http, "text/html; charset=utf-8");
        assert!(self.text.contains(&format!("<h1>{title}</h1>")), "{title}: {self:?}");
        assert!(self.text.contains("lang=\"en\""));
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert_eq!(self.header("strict-transport-security"), "max-age=31536000");
        let policy = self.header("content-security-policy");
        for rule in ["default-src", "frame-ancestors", "base-uri"] {
            assert!(policy.contains(&format!("{rule} 'none'")), "{policy}");
        }
        assert!(policy.contains("style-src 'self'") && policy.contains("form-action 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
        for inline in ["<script", "<style", " style=", " onclick=", " onload=", " onerror="] {
            assert!(!self.text.contains(inline), "{inline}: {self:?}");
        }
        self
    }

    /// The tokens of a login.
    pub fn tokens(&self) -> SignedIn {
        let token = |name: &str| self.body[name].as_str().expect("a token").to_owned();
        SignedIn { token: token("token"), refresh_token: token("refresh_token") }
    }
}
