//! `POST /reset/{reset_code}`: what the reset page's form sends. The code in the address is all
//! the authority there is: the page has no cookie that another site could misuse.

use shared::body::Invalid;
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::page::{Outcome, page};
use shared::password;
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::enterprise::Enterprise;
use shared::store::reset::Person;

use super::reset_page::form;
use crate::counted::Counted;
use crate::recovery::{Recovery, check_password};

/// The endpoint.
#[derive(Debug)]
pub struct ResetSubmit {
    recovery: Recovery,
}

impl Endpoint for ResetSubmit {
    const NAME: &'static str = "reset-submit";
    const EVENT: &'static str = "password_reset";
    const METHOD: &'static str = "POST";
    const PATH: &'static str = "/reset/{reset_code}";
    const SURFACE: Surface = Surface::Page;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self { recovery: Recovery::new(environment) })
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let code = call.path_parameter("reset_code").into();
        let by_source = Recovery::limit(call);
        let counted = Counted::new(call, &self.recovery.store, &by_source);
        counted.unless_we_fail(Box::pin(self.reset(call, &code, &counted))).await
    }
}

impl ResetSubmit {
    async fn reset(&self, call: &Call, code: &Private, counted: &Counted<'_>) -> Result<Reply, Failure> {
        let (enterprise, person) = self.recovery.open(call, code, counted).await?;
        let new = match read_form(call, &enterprise, &person) {
            Ok(new) => new,
            Err(problem) => return Ok(form(&enterprise, Some(&problem))),
        };
        self.recovery.set_password(call, &enterprise, code, &person, &new).await?;
        let main =
            "<p>Every device was signed out. You can close this page and sign in with the new password.</p>";
        Ok(page(Outcome::Shown, &enterprise, "Your password is set", main))
    }
}

/// The new password, or what to tell the person.
fn read_form(call: &Call, enterprise: &Enterprise, person: &Person) -> Result<Private, String> {
    let new = call.form_text("new_password", password::MAX_CHARS).ok_or("Please type a new password.")?;
    if call.form_field("again").as_ref() != Some(&new) {
        return Err("The two passwords differ. Please type the same one twice.".to_owned());
    }
    match check_password("The password", &new, enterprise, Some(person)) {
        Ok(()) => Ok(new),
        Err(Invalid { field, rule }) => Err(format!("{field} {rule}. Please choose another one.")),
    }
}
