//! Single sign-on, against a provider of our own that does what it is told.

mod hostile;
mod initiate;
mod login;
mod people;

use std::sync::Arc;

use serde_json::{Value, json};
use tests::provider::{CLIENT_ID, CLIENT_SECRET, Provider, REDIRECT_URI, Trouble};
use tests::{Answer, App};

const INITIATE: &str = "/v1/admin/auth/sso/initiate";
const LOGIN: &str = "/v1/admin/auth/sso/login";
const SESSION: &str = "/v1/admin/auth/session";

/// Olga's address, here and at the provider.
pub(crate) const OLGA_AT: &str = "olga@acme.example";

/// A stack, and the provider of its first enterprise.
pub(crate) struct Studio {
    pub(crate) app: App,
    pub(crate) provider: Provider,
}

/// What initiate answered.
pub(crate) struct Begun {
    state: String,
    nonce: String,
    redirect: String,
}

impl Studio {
    pub(crate) async fn open() -> Self {
        Self::changed(|_| {}).await
    }

    /// With a document that is different; `enterprises[0].sso` is there.
    pub(crate) async fn changed(change: impl FnOnce(&mut Value)) -> Self {
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
    async fn apply(&self, change: impl FnOnce(&mut Value)) {
        let changed = |document: &mut Value| {
            document["enterprises"][0]["sso"] = sso(&self.provider);
            change(document);
        };
        self.app.apply(changed).await;
    }

    /// The provider's endpoint fails from now on.
    fn trouble(&self, endpoint: &'static str, trouble: Trouble) {
        self.provider.set(|behaviour| {
            behaviour.trouble.insert(endpoint, trouble);
        });
    }

    pub(crate) async fn begin(&self) -> Begun {
        let body = json!({ "username": OLGA_AT });
        let answer = self.app.admin().post(INITIATE, body).await.expect(200, "A0000");
        let field = |name: &str| answer.body[name].as_str().unwrap().to_owned();
        Begun { state: field("state"), nonce: field("nonce"), redirect: field("redirect") }
    }

    async fn login(&self, begun: &Begun, email: &str, code: &str) -> Answer {
        self.app.admin().post(LOGIN, body(begun, email, code)).await
    }

    /// To the provider, and signing in there: what is brought back.
    pub(crate) async fn returned(&self, email: &str, sub: &str) -> Value {
        let begun = self.begin().await;
        let code = self.provider.sign_in(&begun.redirect, email, sub);
        body(&begun, email, &code)
    }

    /// All of it: to the provider, signing in there, and back.
    pub(crate) async fn sign_in(&self, email: &str, sub: &str) -> Answer {
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

fn body(begun: &Begun, email: &str, code: &str) -> Value {
    json!({
        "state": begun.state, "nonce": begun.nonce, "email": email, "code": code,
        "error": false, "error_description": {},
    })
}
