//! What the phone shows for a login code: the question, and what became of it.

use shared::page::{Outcome, escape_html, page};
use shared::private::Private;
use shared::reply::Reply;
use shared::store::enterprise::Enterprise;
use shared::store::pairing::{Answer, Pairing};

use super::csrf::Csrf;

/// What went wrong with the form before.
pub(super) struct Problem {
    /// What to tell the person.
    pub(super) text: &'static str,
    /// The user name that they typed, so that they need not type it again.
    pub(super) username: Option<Private>,
}

/// The page for a pairing as it is at `now`. In the browser in which somebody has signed in for it
/// already, only their answer is missing.
pub(super) fn view(enterprise: &Enterprise, pairing: &Pairing, code: &str, csrf: &Csrf, now: i64) -> Reply {
    let device = pairing.device.title();
    match pairing.answer {
        Some(answer) => answered(enterprise, pairing, answer),
        None if !pairing.is_open(now) => {
            let main = format!("<p>The {device} shows a new code by now. Please scan that one.</p>");
            page(Outcome::Gone, enterprise, "This code has expired", &main)
        }
        None if pairing.browser_hash.as_ref() == Some(&csrf.hash()) => {
            question(enterprise, pairing, code, csrf, None)
        }
        None => sign_in(enterprise, pairing, code, csrf, None),
    }
}

/// What became of it.
pub(super) fn answered(enterprise: &Enterprise, pairing: &Pairing, answer: Answer) -> Reply {
    let device = pairing.device.title();
    let (title, main) = match answer {
        Answer::Approved => (
            format!("The {device} is signed in"),
            "<p>It goes on by itself within a few seconds. You can put the phone away.</p>".to_owned(),
        ),
        Answer::Refused => (
            "Sign-in was refused".to_owned(),
            format!("<p>The {device} was not signed in. You can close this page.</p>"),
        ),
    };
    page(Outcome::Shown, enterprise, &title, &main)
}

/// Asks who it is. The device and its code come first (RFC 8628 §5.4): a link that somebody sent
/// around is not the screen in front of you.
pub(super) fn sign_in(
    enterprise: &Enterprise,
    pairing: &Pairing,
    code: &str,
    csrf: &Csrf,
    problem: Option<&Problem>,
) -> Reply {
    let device = pairing.device.title();
    let by_password = enterprise.settings.has_watch_method("password");
    let by_pin = enterprise.settings.has_watch_method("pin");
    let (error, username) = match problem {
        None => (String::new(), String::new()),
        Some(Problem { text, username }) => {
            let username = username.as_ref().map(|username| escape_html(username.expose()));
            (
                format!("<p class=\"error\" id=\"error\" role=\"alert\">{text}</p>\n"),
                username.map_or_else(String::new, |name| format!(" value=\"{name}\"")),
            )
        }
    };
    let hidden = csrf.field();
    let password_form = format!(
        "<form method=\"post\">\n{hidden}<input type=\"hidden\" name=\"type\" value=\"password\">\n\
         <label for=\"username\">User name or e-mail</label>\n\
         <input id=\"username\" name=\"username\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required{username}>\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\n\
         <button>Sign in</button>\n</form>\n"
    );
    let pin_form = format!(
        "<form method=\"post\">\n{hidden}<input type=\"hidden\" name=\"type\" value=\"pin\">\n\
         <label for=\"pin\">PIN</label>\n\
         <input id=\"pin\" name=\"pin\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" required>\n\
         <button>Sign in with PIN</button>\n</form>\n"
    );
    let forms = match (by_password, by_pin) {
        (true, true) => {
            format!("{password_form}<details>\n<summary>Use a PIN instead</summary>\n{pin_form}</details>\n")
        }
        (true, false) => password_form,
        (false, true) => pin_form,
        (false, false) => "<p>Signing in is not enabled.</p>\n".to_owned(),
    };
    let main = format!(
        "<p>Is this the code on the {device} in front of you?</p>\n<p class=\"code\">{code}</p>\n{error}{forms}\
         <form method=\"post\">\n{hidden}<button class=\"quiet\" name=\"answer\" value=\"refuse\">No, refuse it</button>\n</form>"
    );
    let outcome = if problem.is_some() { Outcome::Problem } else { Outcome::Shown };
    csrf.keep(page(outcome, enterprise, &format!("Sign in on {device}"), &main))
}

/// Asks whoever has signed in for their answer.
pub(super) fn question(
    enterprise: &Enterprise,
    pairing: &Pairing,
    code: &str,
    csrf: &Csrf,
    name: Option<&Private>,
) -> Reply {
    let device = pairing.device.title();
    let name = name.map_or_else(String::new, |name| {
        format!("<p>You are <strong>{}</strong>.</p>\n", escape_html(name.expose()))
    });
    let main = format!(
        "{name}<p>The {device} that shows this code will be signed in as you:</p>\n<p class=\"code\">{code}</p>\n\
         <form method=\"post\">\n{}<button name=\"answer\" value=\"approve\">Yes, sign in on the {device}</button>\n\
         <button class=\"quiet\" name=\"answer\" value=\"refuse\">No, refuse it</button>\n</form>",
        csrf.field(),
    );
    csrf.keep(page(Outcome::Shown, enterprise, &format!("Approve this {device}?"), &main))
}
