//! `POST /qr/{login_code}`: what the forms of the phone's page send: credentials first, then the
//! answer of whoever gave them. The browser needs no API key: the code names the enterprise, and the
//! limits are those of a login.

use shared::audit::Outcome as Ended;
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::pairing::{Answer, Answering};
use shared::{identity, password, pin};

use super::csrf::CsrfCookie;
use super::qr_visit::{Form, Problem, Visit};
use crate::credential::Credential;
use crate::gate::Gate;
use crate::sign_in::SignIn;

/// The endpoint.
#[derive(Debug)]
pub struct QrSubmit {
    sign_in: SignIn,
    cookie: CsrfCookie,
}

impl Endpoint for QrSubmit {
    const NAME: &'static str = "qr-submit";
    const EVENT: &'static str = "qr_answer";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/qr/{login_code}";
    const SURFACE: Surface = Surface::Page;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let sign_in = SignIn::new(environment).await?;
        Ok(Self { sign_in, cookie: CsrfCookie::new(environment) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let visit = Visit::open(&self.sign_in.store, &self.cookie, call).await?;
        if !visit.pairing.is_open(call.now) {
            return Ok(visit.page());
        }
        if !visit.csrf.is_confirmed {
            let text =
                "Your browser did not send this page's cookie. Allow cookies for this site and try again.";
            return Ok(visit.sign_in_form(Some(&Problem { form: None, text })));
        }
        match call.form_field("answer").as_ref().map(Private::expose) {
            Some("approve") => self.answer(visit, Answer::Approved).await,
            Some("refuse") => self.answer(visit, Answer::Refused).await,
            _ => self.sign_in(visit).await,
        }
    }
}

impl QrSubmit {
    /// Checks the credentials, and asks for the answer. Nothing is approved yet.
    async fn sign_in(&self, mut visit: Visit<'_>) -> Result<Reply, Failure> {
        let (call, store) = (visit.call, &self.sign_in.store);
        let (form, credential) = match read_credential(call) {
            Ok(read) => read,
            Err(problem) => return Ok(visit.sign_in_form(Some(&problem))),
        };
        let verified = match self.sign_in.verify(call, Gate::Passed(&visit.enterprise), credential).await {
            Err(Failure::Credentials) => {
                call.notes.add(|about| about.outcome = Some(Ended::Denied));
                let text = match form {
                    Form::Password => "The user name or the password is wrong.",
                    Form::Pin => "The PIN is wrong.",
                };
                return Ok(visit.sign_in_form(Some(&Problem { form: Some(form), text })));
            }
            Err(Failure::NotAllowed(text)) => {
                return Ok(visit.sign_in_form(Some(&Problem { form: None, text })));
            }
            verified => verified?,
        };
        visit.csrf = self.cookie.renewed();
        let (hash, name) = (visit.csrf.hash(), verified.name.clone());
        let holder = (&verified.holder, &name);
        let noting = store.noting_holder(&visit.code, &visit.enterprise.id, holder, &hash, call.now)?;
        match self.sign_in.complete(call, verified, vec![noting], Failure::Credentials).await {
            // Somebody has answered meanwhile.
            Err(Failure::Credentials) => self.as_it_is(call).await,
            completed => {
                completed?;
                (visit.pairing.holder_name, visit.pairing.browser_hash) = (Some(name), Some(hash));
                Ok(visit.page())
            }
        }
    }

    /// Writes the answer. To approve, somebody must have signed in in this browser; to refuse, it is
    /// enough to have the code.
    async fn answer(&self, mut visit: Visit<'_>, answer: Answer) -> Result<Reply, Failure> {
        let (call, hash) = (visit.call, visit.csrf.hash());
        let answering = match answer {
            Answer::Refused => Answering::Refuse,
            Answer::Approved if visit.is_signed_in() => Answering::ApproveFrom(&hash),
            Answer::Approved => {
                let problem = Problem { form: None, text: "Please sign in first." };
                return Ok(visit.sign_in_form(Some(&problem)));
            }
        };
        if self.sign_in.store.answer(&visit.code, &visit.enterprise.id, answering, call.now).await? {
            call.notes.add(|about| match answer {
                Answer::Approved => {
                    about.detail = Some("approved");
                    about.user = visit.pairing.holder.as_ref().map(|holder| holder.user.clone());
                }
                // Anybody who has the code can refuse.
                Answer::Refused => about.detail = Some("refused"),
            });
            visit.pairing.answer = Some(answer);
            Ok(visit.page())
        } else {
            self.as_it_is(call).await
        }
    }

    /// The page for what somebody else has made of the code meanwhile.
    async fn as_it_is(&self, call: &Call) -> Result<Reply, Failure> {
        Ok(Visit::open(&self.sign_in.store, &self.cookie, call).await?.page())
    }
}

/// The credential that a form carries, or what to tell the person.
fn read_credential(call: &Call) -> Result<(Form, Credential), Problem> {
    match call.form_field("type").as_ref().map(Private::expose) {
        Some("pin") => {
            let problem = Problem { form: Some(Form::Pin), text: "Please enter your PIN." };
            Ok((Form::Pin, Credential::Pin(call.form_text("pin", pin::MAX_CHARS).ok_or(problem)?)))
        }
        Some("password") => {
            let (username, password) = (
                call.form_text("username", identity::MAX_CHARS),
                call.form_text("password", password::MAX_CHARS),
            );
            match (username, password) {
                (Some(username), Some(password)) => {
                    Ok((Form::Password, Credential::Password { username, password }))
                }
                _ => Err(Problem {
                    form: Some(Form::Password),
                    text: "Please enter your user name and your password.",
                }),
            }
        }
        _ => Err(Problem { form: None, text: "Please sign in first." }),
    }
}
