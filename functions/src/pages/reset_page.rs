//! `GET /reset/{reset_code}`: the page that a reset e-mail opens. It spends nothing: mail scanners
//! open links too.

use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::page::{Outcome, escape_html, page};
use shared::reply::Reply;
use shared::request::Call;
use shared::store::enterprise::Enterprise;

use crate::counted::Counted;
use crate::recovery::Recovery;

/// The endpoint.
#[derive(Debug)]
pub struct ResetPage {
    recovery: Recovery,
}

impl Endpoint for ResetPage {
    const NAME: &'static str = "reset-page";
    const EVENT: &'static str = "password_reset_page";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/reset/{reset_code}";
    const SURFACE: Surface = Surface::Page;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { recovery: Recovery::new(environment) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let code = call.path_parameter("reset_code").into();
        let by_source = Recovery::limit(call);
        let counted = Counted::new(call, &self.recovery.store, &by_source);
        let opening = Box::pin(self.recovery.open(call, &code, &counted));
        let (enterprise, _) = counted.unless_we_fail(opening).await?;
        Ok(form(&enterprise, None))
    }
}

/// The form, with what was wrong with the last try. It is sent to the page's own address.
pub(super) fn form(enterprise: &Enterprise, problem: Option<&str>) -> Reply {
    let outcome = if problem.is_some() { Outcome::Problem } else { Outcome::Shown };
    let (described, problem) = problem.map_or_else(Default::default, |problem| {
        let problem = escape_html(problem);
        (" error", format!("<p class=\"error\" id=\"error\" role=\"alert\">{problem}</p>"))
    });
    let invalid = if problem.is_empty() { "" } else { " aria-invalid=\"true\"" };
    let shortest = enterprise.settings.password_min_length;
    let main = format!(
        "{problem}<form method=\"post\">\n\
         <label for=\"new\">New password</label>\n\
         <input id=\"new\" name=\"new_password\" type=\"password\" autocomplete=\"new-password\" \
         required minlength=\"{shortest}\"{invalid} aria-describedby=\"hint{described}\">\n\
         <p class=\"hint\" id=\"hint\">At least {shortest} characters. A few unrelated words are a good password.</p>\n\
         <label for=\"again\">The same once more</label>\n\
         <input id=\"again\" name=\"again\" type=\"password\" autocomplete=\"new-password\" required minlength=\"{shortest}\">\n\
         <button>Set password</button>\n</form>"
    );
    page(outcome, enterprise, "Set a new password", &main)
}
