//! A stack whose first enterprise has an identity provider.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::provider::{CLIENT_ID, CLIENT_SECRET, Provider, REDIRECT_URI, Trouble};
use crate::{Answer, App, Client};

/// Where a sign-in begins.
pub const INITIATE: &str = "/v1/admin/auth/sso/initiate";
/// Where it comes back to.
pub const LOGIN: &str = "/v1/admin/auth/sso/login";

/// Olga's address, here and at the provider.
pub const OLGA_AT: &str = "olga@acme.example";

/// A stack, and the provider of its first enterprise.
pub struct Studio {
    /// The stack.
    pub app: App,
    /// The provider.
    pub provider: Provider,
}

/// What initiate answered.
pub struct Begun {
    /// By which the sign-in is found again.
    pub state: String,
    /// What the ID token has to name.
    pub nonce: String,
    /// Where at the provider the browser is sent.
    pub redirect: String,
}

impl Begun {
    /// What this answer tells, which is a success.
    #[track_caller]
    pub fn of(answer: Answer) -> Self {
        let answer = answer.expect(200, "A0000");
        let field = |name: &str| answer.body[name].as_str().expect("a text").to_owned();
        Self { state: field("state"), nonce: field("nonce"), redirect: field("redirect") }
    }
}

impl Studio {
    /// With the document as it is.
    pub async fn open() -> Self {
        Self::changed(|_| {}).await
    }

    /// With a document that is different; `enterprises[0].sso` is there.
    pub async fn changed(change: impl FnOnce(&mut Value)) -> Self {
        let provider = Provider::start(|| 0).await;
        let app = App::changed(|document| {
            document["enterprises"][0]["sso"] = sso(&provider);
            change(document);
        })
        .await;
        let world = Arc::clone(&app.stack.world);
        provider.set_clock(move || world.clock.now());
        provider.confide_in(&app);
        Self { app, provider }
    }

    /// Applies the document again, changed.
    pub async fn apply(&self, change: impl FnOnce(&mut Value)) {
        let changed = |document: &mut Value| {
            document["enterprises"][0]["sso"] = sso(&self.provider);
            change(document);
        };
        self.app.apply(changed).await;
    }

    /// The provider's endpoint fails from now on.
    pub fn trouble(&self, endpoint: &'static str, trouble: Trouble) {
        self.provider.set(|behaviour| {
            behaviour.trouble.insert(endpoint, trouble);
        });
    }

    /// Begins a sign-in.
    pub async fn begin(&self) -> Begun {
        self.begin_by(&self.app.admin()).await
    }

    /// Begins a sign-in, as this application.
    pub async fn begin_by(&self, admin: &Client) -> Begun {
        Begun::of(admin.post(INITIATE, json!({ "username": OLGA_AT })).await)
    }

    /// Comes back with a code.
    pub async fn login(&self, begun: &Begun, email: &str, code: &str) -> Answer {
        self.app.admin().post(LOGIN, body(begun, email, code)).await
    }

    /// To the provider, and signing in there: what is brought back.
    pub async fn returned(&self, email: &str, sub: &str) -> Value {
        let begun = self.begin().await;
        let code = self.provider.sign_in(&begun.redirect, email, sub);
        body(&begun, email, &code)
    }

    /// All of it: to the provider, signing in there, and back.
    pub async fn sign_in(&self, email: &str, sub: &str) -> Answer {
        self.app.admin().post(LOGIN, self.returned(email, sub).await).await
    }
}

fn sso(provider: &Provider) -> Value {
    json!({
        "issuer": provider.issuer(),
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": REDIRECT_URI,
    })
}

/// What the browser brings back, as the application sends it.
pub fn body(begun: &Begun, email: &str, code: &str) -> Value {
    json!({
        "state": begun.state, "nonce": begun.nonce, "email": email, "code": code,
        "error": false, "error_description": {},
    })
}
