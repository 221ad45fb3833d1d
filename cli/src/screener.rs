//! `usher screener`: what an operator does for who watches screeners.

use shared::config::Environment;
use shared::failure::Failure;
use shared::identity::canonical;
use shared::store::identity::Identity;
use shared::store::phone::{LinkedPhone, Subject};
use shared::store::screener::Screener;
use shared::store::{Store, parse};

/// Takes the phone away that `user` (a user name or e-mail address), or whoever has the link, has linked to a
/// screener, so that another one can be linked. Tells what was done, and nothing of the number.
pub(crate) async fn reset_phone(
    environment: &Environment,
    enterprise: &str,
    screener: &str,
    user: Option<&str>,
) -> Result<String, Failure> {
    let store = Store::new(environment);
    let missing = |what: String| Failure::Internal(format!("there is no {what}"));
    let [found] = store.read([&Screener::key(enterprise, screener)]).await?;
    if found.is_none() {
        return Err(missing(format!("screener {enterprise}/{screener}")));
    }
    let (subject, whose) = match user {
        None => (Subject::Link, "the link".to_owned()),
        Some(name) => {
            let [found] = store.read([&Identity::key(enterprise, &canonical(name))]).await?;
            let found =
                parse::<Identity>(found)?.ok_or_else(|| missing(format!("user {enterprise}/{name}")))?;
            (Subject::User(found.user), format!("user {name}"))
        }
    };
    let was_there = store.reset_phone(&LinkedPhone::key(enterprise, screener, &subject)).await?;
    let done = if was_there { "reset    " } else { "unchanged" };
    Ok(format!("{done} phone of {whose} for screener {enterprise}/{screener}"))
}
