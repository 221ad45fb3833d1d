//! `GET /api/v1/user/{emailAddress}`: who somebody is. People may ask about themselves; who has the role `admin` or
//! `owner`, about anybody. Each call counts as a use of the token. One read, and a write at most once a minute.

use serde_json::json;
use shared::body::Invalid;
use shared::config::Environment;
use shared::endpoint::Endpoint;
use shared::failure::{Failure, Surface};
use shared::identity::{self, canonical};
use shared::private::Private;
use shared::reply::Reply;
use shared::request::Call;
use shared::store::identity::Identity;
use shared::store::opaque_session::Standing;
use shared::store::parse;

use super::bearer::Bearers;

/// The part of a user that there is; others that are asked for are not known, and not given.
const BASIC_INFO: &str = "BasicInfo";

/// The endpoint.
#[derive(Debug)]
pub struct User(Bearers);

impl Endpoint for User {
    const NAME: &'static str = "vidizmo-user";
    const EVENT: &'static str = "user_read";
    const METHOD: &'static str = "GET";
    const PATH: &'static str = "/api/v1/user/{emailAddress}";
    const SURFACE: Surface = Surface::Vidizmo;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self(Bearers::new(environment)))
    }

    async fn handle(&self, call: &Call) -> Result<Reply, Failure> {
        let name = canonical(call.path_parameter("emailAddress"));
        let (bearer, [found]) = self.0.read(call, |ent| [Identity::key(ent, &name)]).await?;
        if bearer.standing != Standing::Live {
            return Err(Failure::TokenOver);
        }
        if bearer.session.is_to_slide(call.now) {
            self.0.store.slide_opaque(&bearer.token, call.now).await?;
        }
        let user = &bearer.user;
        let own = identity::names(&user.username, user.email.as_ref());
        let is_staff = user.roles.iter().any(|role| role == "admin" || role == "owner");
        if !own.contains(&name) && !is_staff {
            return Err(Failure::NotAllowed("Only about oneself"));
        }
        let found = parse::<Identity>(found)?.ok_or_else(|| Invalid::new("emailAddress", "is nobody's"))?;
        call.notes.add(|about| {
            about.object = Some("user");
            about.object_id = Some(found.user.clone());
        });
        let email = found.email.as_ref().map(Private::expose);
        let mut body = json!({ "emailAddress": email, "username": found.username.expose() });
        let parts = call.query_parameter("userPartsToFetch").unwrap_or_else(|| BASIC_INFO.to_owned());
        if parts.split(',').any(|part| part.trim().eq_ignore_ascii_case(BASIC_INFO)) {
            body["userId"] = json!(found.user);
            body["roles"] = json!(found.roles);
        }
        Ok(Reply::bare(&body))
    }
}
