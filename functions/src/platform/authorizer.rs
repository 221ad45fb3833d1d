//! The Lambda authorizer for API Gateway HTTP APIs, by which another stack lets Usher's users into its own
//! routes: payload format 2.0, simple response.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
//!
//! It takes the access tokens of both surfaces, and asks the table about the session each time, in one
//! read. It has no right to any secret.

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use lambda_http::http::header;
use serde::Serialize;
use shared::audit::{Notes, Outcome};
use shared::config::Environment;
use shared::failure::{Failure, Surface};
use shared::request::{epoch_seconds, parse_user_token, source};
use shared::store::Store;
use shared::token::keys;
use shared::token::verify::Verifier;
use shared::triggered::Triggered;

use crate::sessions::live;

/// The simple response.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
}

/// What the protected route's integration reads as `requestContext.authorizer.lambda`.
#[derive(Debug, Serialize)]
struct Context {
    sub: String,
    ent: String,
    sid: String,
    /// The roles of now, separated by spaces; those in the token can be a quarter of an hour older.
    scope: String,
    client_id: String,
}

/// The function.
#[derive(Debug)]
pub struct Authorizer {
    store: Store,
    verifier: Verifier,
}

impl Triggered for Authorizer {
    const NAME: &'static str = "authorizer";
    const EVENT: &'static str = "authorization";
    type Event = ApiGatewayV2CustomAuthorizerV2Request;
    type Answer = Answer;

    async fn build(environment: &Environment) -> Result<Self, Failure> {
        let store = Store::new(environment);
        let keys = keys::public(&store).await?;
        let surfaces = [Surface::Watch, Surface::Admin];
        Ok(Self { verifier: Verifier::new(keys, &environment.public_url, &surfaces), store })
    }

    async fn handle(&self, event: Self::Event, notes: &Notes) -> Result<Answer, Failure> {
        let address = event.request_context.http.source_ip.clone().map(source);
        notes.add(|about| about.source = address);
        match self.authorize(&event, notes).await {
            Ok(context) => Ok(Answer { is_authorized: true, context: Some(context) }),
            // No answer of the table is no answer here: API Gateway turns it into a 500.
            Err(Failure::Internal(cause)) => Err(Failure::Internal(cause)),
            Err(_) => {
                notes.add(|about| about.outcome = Some(Outcome::Denied));
                Ok(Answer::default())
            }
        }
    }
}

impl Authorizer {
    async fn authorize(
        &self,
        event: &ApiGatewayV2CustomAuthorizerV2Request,
        notes: &Notes,
    ) -> Result<Context, Failure> {
        // What the other stack has named as the identity's source, and the usual header where it has not.
        let named = event.identity_source.as_ref().and_then(|sources| sources.first()).map(String::as_str);
        let header = event.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = parse_user_token(named.or(header).unwrap_or_default())?;
        let now = epoch_seconds(event.request_context.time_epoch);
        let (claims, live) = live(&self.store, &self.verifier, &token, now, notes).await?;
        Ok(Context {
            sub: claims.sub,
            ent: claims.ent,
            sid: claims.sid,
            scope: live.user.roles.join(" "),
            client_id: claims.client_id,
        })
    }
}
