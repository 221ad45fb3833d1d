//! What a function is told by its environment.

use std::time::Duration;

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, IdentityCache, Region, SharedCredentialsProvider,
    StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::failure::Failure;
use crate::http::Http;

/// Everything outside a function that it depends on. On Lambda it comes from environment
/// variables that `template.yaml` sets, and in the local stack from the same ones.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Region, credentials and endpoints for the AWS clients.
    pub aws: SdkConfig,
    /// `USHER_TABLE`: the `DynamoDB` table's name.
    pub table: String,
    /// `USHER_KEYS_SECRET`: name or ARN of the secret that holds the signing keys.
    pub keys_secret: String,
    /// `USHER_PEPPER_SECRET`: name or ARN of the secret that holds the pepper.
    pub pepper_secret: String,
    /// `USHER_SSO_SECRETS`: what the names of the secrets begin with that hold the enterprises' client
    /// secrets at their identity providers: `<this>/<enterprise>`.
    pub sso_secrets: String,
    /// `USHER_PUBLIC_URL`: where clients reach the API, without a trailing slash. It is the
    /// tokens' `iss` and the base of links in e-mails.
    pub public_url: String,
    /// `USHER_MAIL_FROM`: the address that mail comes from, unless an enterprise has its own.
    pub mail_from: String,
    /// The way to identity providers; absent, it is the internet. A fuzz target stands in it.
    pub to_providers: Option<SharedHttpConnector>,
}

impl Environment {
    /// Reads the environment of a Lambda function, of which `variable` gives a variable's value. Secrets and sender
    /// may be absent, where the function does not use them.
    ///
    /// # Errors
    /// [`Failure::Internal`] when region, credentials, the table or the public URL are not set.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let optional = |name| variable(name).filter(|value| !value.is_empty());
        let required = |name| optional(name).ok_or_else(|| Failure::Internal(format!("{name} is not set")));
        let or_empty = |name| variable(name).unwrap_or_default();
        // Lambda gives a function its region and credentials as variables, and for as long as an instance
        // lives the same ones. The SDK's own chain would look for them in eight places.
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "variables",
        );
        let aws = clients(required("AWS_REGION")?, credentials, optional("AWS_ENDPOINT_URL"))?;
        Ok(Self {
            aws,
            table: required("USHER_TABLE")?,
            keys_secret: or_empty("USHER_KEYS_SECRET"),
            pepper_secret: or_empty("USHER_PEPPER_SECRET"),
            sso_secrets: or_empty("USHER_SSO_SECRETS"),
            public_url: required("USHER_PUBLIC_URL")?.trim_end_matches('/').to_owned(),
            mail_from: or_empty("USHER_MAIL_FROM"),
            to_providers: None,
        })
    }
}

/// What the AWS clients of a function have in common.
///
/// # Errors
/// When there are no certificates to trust.
fn clients(region: String, credentials: Credentials, endpoint: Option<String>) -> Result<SdkConfig, Failure> {
    let mut aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // These credentials never change, and an attempt's time bounds a stalled answer as it does all else.
        .identity_cache(IdentityCache::no_cache())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(timeouts())
        .retry_config(retries())
        .http_client(Http::to_aws()?.shared());
    aws.set_endpoint_url(endpoint);
    Ok(aws.build())
}

/// How long an attempt at an AWS call may take: with [`retries`], 3 s in all, so that two calls in a row fit into
/// [`crate::endpoint::DEADLINE`]. There is no bound on the whole beside it: each timer is two more calls of the
/// kernel.
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(900)).build()
}

/// Three attempts, with pauses of up to 50 and 100 ms between: `DynamoDB` answers in single milliseconds.
#[must_use]
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::time::Instant;

    use super::*;
    use crate::store::{Key, Store};

    /// The time is tokio's own, which stands still while there is something to do.
    #[tokio::test(start_paused = true)]
    async fn a_table_that_does_not_answer_is_waited_for_three_seconds_in_all() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let environment = Environment::from_variables(|name| match name {
            "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            name => Some(name.to_owned()),
        });
        let store = Store::new(&environment.unwrap());
        let started = Instant::now();
        let told = store.read([&Key::new("KEYS", "KEYS")]).await.unwrap_err().to_string();
        assert_eq!(told, "GetItem timed out: no code");
        let waited = started.elapsed();
        // Three attempts, no fewer.
        assert!(waited >= Duration::from_millis(3 * 900) && waited <= Duration::from_secs(3), "{waited:?}");
    }
}
