//! A floor: a function that reads one item, with a connection that it opened while it started.

use std::env;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use lambda_http::{Body, Error, Request, Response, run, service_fn};

const ROOTS: &[u8] = include_bytes!("../../../shared/src/amazon_roots.pem");

async fn read(client: &Client) -> Result<bool, Error> {
    let key = |text: &str| AttributeValue::S(text.to_owned());
    let request = client.get_item().table_name(env::var("USHER_TABLE")?).consistent_read(true);
    let answer = request.key("pk", key("KEYS")).key("sk", key("KEYS")).send().await?;
    Ok(answer.item.is_some())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let roots = TrustStore::empty().with_pem_certificate(ROOTS);
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(TlsContext::builder().with_trust_store(roots).build()?)
        .build_https();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(env::var("AWS_REGION")?))
        .credentials_provider(Credentials::new(
            env::var("AWS_ACCESS_KEY_ID")?,
            env::var("AWS_SECRET_ACCESS_KEY")?,
            None,
            None,
            "variables",
        ))
        .endpoint_url(env::var("AWS_ENDPOINT_URL")?)
        .http_client(http)
        .build();
    let client = Client::from_conf(config);
    read(&client).await?;
    run(service_fn(|_: Request| async {
        let found = read(&client).await?;
        Ok::<_, Error>(Response::new(Body::Text(format!("{{\"found\":{found}}}"))))
    }))
    .await
}
