//! What a function is told by its environment.

use std::env;
use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::failure::Failure;
use crate::http::Http;

/// Everything outside a function that it depends on. On Lambda it comes from environment
/// variables that `template.yaml` sets; the local stack makes it by hand.
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
}

impl Environment {
    /// Reads the environment of a Lambda function. Secrets and sender may be absent, where the
    /// function does not use them.
    ///
    /// # Errors
    /// [`Failure::Internal`] when region, credentials, the table or the public URL are not set.
    pub fn from_variables() -> Result<Self, Failure> {
        let variable = |name| env::var(name).unwrap_or_default();
        let optional = |name| Some(variable(name)).filter(|value| !value.is_empty());
        let required = |name| optional(name).ok_or_else(|| Failure::Internal(format!("{name} is not set")));
        // Lambda gives a function its region and credentials as variables, and for as long as an instance
        // lives the same ones. The SDK's own chain would look for them in eight places.
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "variables",
        );
        let aws = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(required("AWS_REGION")?))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .timeout_config(timeouts())
            .retry_config(retries())
            .http_client(Http::to_aws()?.shared());
        let aws = match optional("AWS_ENDPOINT_URL") {
            Some(url) => aws.endpoint_url(url).build(),
            None => aws.build(),
        };
        Ok(Self {
            aws,
            table: required("USHER_TABLE")?,
            keys_secret: variable("USHER_KEYS_SECRET"),
            pepper_secret: variable("USHER_PEPPER_SECRET"),
            sso_secrets: variable("USHER_SSO_SECRETS"),
            public_url: required("USHER_PUBLIC_URL")?.trim_end_matches('/').to_owned(),
            mail_from: variable("USHER_MAIL_FROM"),
        })
    }
}

/// How long an AWS call may take, so that two in a row with all their attempts fit into
/// [`crate::endpoint::DEADLINE`].
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_millis(1_200))
        .operation_timeout(Duration::from_secs(4))
        .build()
}

/// Three attempts, the first pause up to 50 ms: `DynamoDB` answers in single milliseconds.
#[must_use]
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50))
}
