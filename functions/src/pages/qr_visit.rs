//! A phone's visit to the page of a login code: what was found there, and what is shown.

use shared::failure::Failure;
use shared::login_code::LoginCode;
use shared::page::{Outcome, escape_html, page};
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::enterprise::Enterprise;
use shared::store::pairing::{Answer, Pairing};
use shared::store::{Store, parse};

use super::csrf::{Csrf, CsrfCookie};
use crate::pairing;

/// One call for one code.
pub(super) struct Visit<'a> {
    pub(super) call: &'a Call,
    pub(super) code: LoginCode,
    pub(super) pairing: Pairing,
    pub(super) enterprise: Enterprise,
    pub(super) csrf: Csrf,
}

/// The form that a problem belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Password,
    Pin,
}

/// What was wrong with the form that was sent.
pub(super) struct Problem {
    pub(super) form: Option<Form>,
    pub(super) text: &'static str,
}

impl<'a> Visit<'a> {
    /// Reads what the address names.
    pub(super) async fn open(store: &Store, cookie: &CsrfCookie, call: &'a Call) -> Result<Self, Failure> {
        let (code, pairing) = pairing::find(store, call).await?;
        let [enterprise] = store.read([&Enterprise::key(&pairing.enterprise)]).await?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::Credentials)?;
        Ok(Self { call, code, pairing, enterprise, csrf: cookie.token(call) })
    }

    /// The page as it is now. In the browser in which somebody has signed in for the code, only their
    /// answer is missing.
    pub(super) fn page(&self) -> Reply {
        let (device, is_over) = (self.pairing.device.title(), self.call.now >= self.pairing.ends_at);
        let (outcome, title, main) = match self.pairing.answer {
            Some(Answer::Refused) => (
                Outcome::Shown,
                "Sign-in was refused".to_owned(),
                format!("<p>The {device} was not signed in. You can close this page.</p>"),
            ),
            Some(Answer::Approved) if self.pairing.session_id.is_some() => (
                Outcome::Shown,
                format!("The {device} is signed in"),
                "<p>You can close this page.</p>".to_owned(),
            ),
            Some(Answer::Approved) if !is_over => (
                Outcome::Shown,
                format!("You approved the {device}"),
                "<p>It signs in within a few seconds. You can put the phone away.</p>".to_owned(),
            ),
            _ if is_over => (
                Outcome::Gone,
                "This code has expired".to_owned(),
                format!("<p>The {device} is showing a new code by now. Scan that one.</p>"),
            ),
            _ if self.is_signed_in() => return self.question(),
            _ => return self.sign_in_form(None),
        };
        page(outcome, &self.enterprise, &title, &main)
    }

    /// Whether it was in this browser that somebody signed in last for the code.
    pub(super) fn is_signed_in(&self) -> bool {
        self.pairing.browser_hash.as_ref() == Some(&self.csrf.hash())
    }

    /// Asks who it is. The device and its code come first (RFC 8628 §5.4): a link that somebody sent
    /// around is not the screen in front of you.
    pub(super) fn sign_in_form(&self, problem: Option<&Problem>) -> Reply {
        let (device, code) = (self.pairing.device.title(), self.code.as_str());
        let has = |method| self.enterprise.settings.has_watch_method(method);
        let forms = match (has("password"), has("pin")) {
            (true, true) => {
                let is_open = problem.is_some_and(|problem| problem.form == Some(Form::Pin));
                let open = if is_open { " open" } else { "" };
                format!(
                    "{}<details{open}>\n<summary>Use a PIN instead</summary>\n{}</details>\n",
                    self.password_form(problem),
                    self.pin_form(problem)
                )
            }
            (true, false) => self.password_form(problem),
            (false, true) => self.pin_form(problem),
            (false, false) => "<p>Signing in is not enabled.</p>\n".to_owned(),
        };
        let general = error(problem, None).0;
        let main = format!(
            "<p>Is this the code on the {device} in front of you?</p>\n<p class=\"code\">{code}</p>\n{general}{forms}{}",
            self.answer_form(&format!(
                "<button class=\"quiet\" name=\"answer\" value=\"refuse\">Not my {device}: refuse</button>"
            )),
        );
        let outcome = if problem.is_some() { Outcome::Problem } else { Outcome::Shown };
        self.csrf.set_cookie(page(outcome, &self.enterprise, &format!("Sign in on {device}"), &main))
    }

    fn password_form(&self, problem: Option<&Problem>) -> String {
        let (error, invalid) = error(problem, Some(Form::Password));
        // So that it need not be typed again; from a form of ours only.
        let username = self.call.form_field("username").filter(|_| self.csrf.is_confirmed);
        let username = username.map(|name| escape_html(name.expose()));
        format!(
            "{error}<form method=\"post\">\n{}<input type=\"hidden\" name=\"type\" value=\"password\">\n\
             <label for=\"username\">User name or e-mail</label>\n\
             <input id=\"username\" name=\"username\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required{invalid}>\n\
             <label for=\"password\">Password</label>\n\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required{invalid}>\n\
             <button>Sign in</button>\n</form>\n",
            self.csrf.field(),
            username.unwrap_or_default(),
        )
    }

    fn pin_form(&self, problem: Option<&Problem>) -> String {
        let (error, invalid) = error(problem, Some(Form::Pin));
        format!(
            "{error}<form method=\"post\">\n{}<input type=\"hidden\" name=\"type\" value=\"pin\">\n\
             <label for=\"pin\">PIN</label>\n\
             <input id=\"pin\" name=\"pin\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" required{invalid}>\n\
             <button>Sign in with PIN</button>\n</form>\n",
            self.csrf.field(),
        )
    }

    /// Asks whoever has signed in for their answer.
    fn question(&self) -> Reply {
        let (device, code) = (self.pairing.device.title(), self.code.as_str());
        let name = self.pairing.holder_name.as_ref().map_or("", Private::expose);
        let main = format!(
            "<p>You are <strong>{}</strong>. The {device} that shows this code will be signed in as you:</p>\n\
             <p class=\"code\">{code}</p>\n<p>If somebody sent you to this page, refuse.</p>\n{}",
            escape_html(name),
            self.answer_form(
                "<button name=\"answer\" value=\"approve\">Yes, approve</button>\n\
                 <button class=\"quiet\" name=\"answer\" value=\"refuse\">No, refuse</button>"
            ),
        );
        self.csrf.set_cookie(page(
            Outcome::Shown,
            &self.enterprise,
            &format!("Approve this {device}?"),
            &main,
        ))
    }

    fn answer_form(&self, buttons: &str) -> String {
        format!("<form method=\"post\">\n{}{buttons}\n</form>", self.csrf.field())
    }
}

/// The problem's message when it belongs to `form`, and the attributes of the form's inputs.
fn error(problem: Option<&Problem>, form: Option<Form>) -> (String, &'static str) {
    match problem {
        Some(problem) if problem.form == form => (
            format!("<p class=\"error\" id=\"error\" role=\"alert\">{}</p>\n", escape_html(problem.text)),
            " aria-invalid=\"true\" aria-describedby=\"error\"",
        ),
        _ => (String::new(), ""),
    }
}
