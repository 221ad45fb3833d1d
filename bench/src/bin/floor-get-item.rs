//! A floor: a function that reads one item, or three in one call, with a connection that it opened while it started.

use std::collections::HashMap;
use std::env;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use lambda_http::{Body, Error, Request, Response, run, service_fn};

const ROOTS: &[u8] = include_bytes!("../../../shared/src/amazon_roots.pem");

fn key([pk, sk]: [&str; 2]) -> HashMap<String, AttributeValue> {
    [("pk", pk), ("sk", sk)].map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))).into()
}

async fn read_one(client: &Client) -> Result<usize, Error> {
    let request = client.get_item().table_name(env::var("USHER_TABLE")?).consistent_read(true);
    let answer = request.set_key(Some(key(["KEYS", "KEYS"]))).send().await?;
    Ok(answer.item.iter().len())
}

/// Three items that together are as long as those of a session.
async fn read_three(client: &Client) -> Result<usize, Error> {
    let keys =
        [["KEYS", "KEYS"], ["ENT#acme#KEY#acme-watch#1", "COPY"], ["ENT#acme#KEY#acme-watch#2", "COPY"]];
    let wanted = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys.map(key).into()));
    let request = client.batch_get_item().request_items(env::var("USHER_TABLE")?, wanted.build()?);
    let answer = request.send().await?;
    Ok(answer.responses.into_iter().flatten().flat_map(|(_, items)| items).count())
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
    read_one(&client).await?;
    run(service_fn(|request: Request| {
        let client = &client;
        async move {
            let three = request.uri().path() == "/three";
            let found = if three { read_three(client).await? } else { read_one(client).await? };
            Ok::<_, Error>(Response::new(Body::Text(format!("{{\"found\":{found}}}"))))
        }
    }))
    .await
}
