//! `POST /qr/{login_code}`: what the forms of the phone's page send: credentials first, then the
//! answer of whoever gave them. The browser needs no API key: the code names the enterprise, and the
//! limits are those of a login.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::login_code::LoginCode;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::enterprise::Enterprise;
use shared::store::pairing::{Answer, Answering, Pairing};
use shared::store::parse;
use shared::{identity, password, pin};

use super::csrf::{Cookie, Csrf};
use super::qr_view::{Problem, answered, question, sign_in, view};
use crate::pairing;
use crate::sign_in::{Credential, Gate, SignIn};

/// The endpoint.
#[derive(Debug)]
pub struct QrSubmit {
    sign_in: SignIn,
    cookie: Cookie,
}

/// A form that was sent for a code.
struct Form<'a> {
    call: &'a Call,
    code: LoginCode,
    pairing: Pairing,
    enterprise: Enterprise,
    csrf: Csrf,
}

impl Endpoint for QrSubmit {
    const NAME: &'static str = "qr-submit";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/qr/{login_code}";
    const SURFACE: Surface = Surface::Page;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let sign_in = SignIn::new(environment, Self::NAME).await?;
        Ok(Self { sign_in, cookie: Cookie::new(environment) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let store = &self.sign_in.store;
        let (code, pairing) = pairing::open(store, call).await?;
        let [enterprise] = store.read([&Enterprise::key(&pairing.enterprise)]).await?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::Credentials)?;
        let form = Form { call, code, pairing, enterprise, csrf: self.cookie.token(call) };
        if !form.pairing.is_open(call.now) {
            return Ok(form.view());
        }
        if !form.csrf.is_confirmed {
            return Ok(form.again("This page had lost its connection to your browser, which must keep its cookie. Please try again."));
        }
        match call.form_field("answer").as_ref().map(Private::expose) {
            Some("approve") => self.answer(&form, Answer::Approved).await,
            Some("refuse") => self.answer(&form, Answer::Refused).await,
            _ => self.sign_in(&form).await,
        }
    }
}

impl QrSubmit {
    /// Checks the credentials, and asks for the answer. Nothing is approved yet.
    async fn sign_in(&self, form: &Form<'_>) -> Result<Reply, Failure> {
        let Some((credential, wrong)) = form.credential() else {
            return Ok(form.again("Please fill in the form."));
        };
        let gate = Gate::Open(&form.enterprise);
        let verified = match self.sign_in.verify(form.call, gate, credential).await {
            Err(Failure::Credentials) => return Ok(form.again(wrong)),
            verified => verified?,
        };
        let (store, hash) = (&self.sign_in.store, form.csrf.hash());
        let noting = store.noting_browser(&form.code, &verified.holder, &hash, form.call.now)?;
        let name = verified.name.clone();
        self.sign_in.complete(form.call, verified, vec![noting], Failure::Credentials).await?;
        Ok(question(&form.enterprise, &form.pairing, form.code.as_str(), &form.csrf, Some(&name)))
    }

    /// Writes the answer. To approve, somebody must have signed in in this browser; to refuse, it is
    /// enough to have the code.
    async fn answer(&self, form: &Form<'_>, answer: Answer) -> Result<Reply, Failure> {
        let hash = form.csrf.hash();
        if answer == Answer::Approved && form.pairing.browser_hash.as_ref() != Some(&hash) {
            return Ok(form.again("Please sign in first."));
        }
        let answering = Answering {
            code: &form.code,
            enterprise: &form.enterprise.id,
            now: form.call.now,
            answer,
            holder: None,
            browser_hash: (answer == Answer::Approved).then_some(hash.as_str()),
        };
        if self.sign_in.store.answer(&answering).await? {
            Ok(answered(&form.enterprise, &form.pairing, answer))
        } else {
            Err(Failure::Credentials)
        }
    }
}

impl Form<'_> {
    /// The credential that the form carries, and what to say when it is wrong.
    fn credential(&self) -> Option<(Credential, &'static str)> {
        let field = |name: &str, most: usize| {
            self.call.form_field(name).filter(|value| {
                let value = value.expose();
                !value.is_empty() && !value.contains('\0') && value.chars().count() <= most
            })
        };
        if let Some(pin) = field("pin", pin::MAX_CHARS) {
            return Some((Credential::Pin(pin), "This PIN is not right. Please try again."));
        }
        let username = field("username", identity::MAX_CHARS)?;
        let password = field("password", password::MAX_CHARS)?;
        let wrong = "User name or password is not right. Please try again.";
        Some((Credential::Password { username, password }, wrong))
    }

    fn view(&self) -> Reply {
        view(&self.enterprise, &self.pairing, self.code.as_str(), &self.csrf, self.call.now)
    }

    /// The sign-in form again.
    fn again(&self, text: &'static str) -> Reply {
        let problem = Problem { text, username: self.call.form_field("username") };
        sign_in(&self.enterprise, &self.pairing, self.code.as_str(), &self.csrf, Some(&problem))
    }
}
