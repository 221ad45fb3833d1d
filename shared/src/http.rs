//! The HTTP client of the AWS clients and of calls to identity providers: HTTP/1.1, with TLS where the URL
//! says so, on connections that are kept. docs/decisions/0019 says why it is not the SDK's own.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::failure::Failure;

/// The roots of all certificates of AWS: the machine's store holds another 140, whose reading takes longer
/// than all else of a cold start. <https://www.amazontrust.com/repository/>
const AMAZON: &[u8] = include_bytes!("amazon_roots.pem");

/// See above. A copy shares its connections.
#[derive(Clone)]
pub struct Http(Client<HttpsConnector<TcpConnector>, SdkBody>);

impl fmt::Debug for Http {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Http")
    }
}

impl Http {
    /// For AWS: it trusts Amazon's certificates alone.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn to_aws() -> Result<Self, Failure> {
        Self::trusting(CertificateDer::pem_slice_iter(AMAZON).filter_map(Result::ok))
    }

    /// For any host: it trusts whom the machine trusts.
    ///
    /// # Errors
    /// When the machine trusts nobody.
    pub fn to_anywhere() -> Result<Self, Failure> {
        Self::trusting(rustls_native_certs::load_native_certs().certs)
    }

    fn trusting(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<Self, Failure> {
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(Failure::Internal("there are no root certificates".into()));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions();
        let config = config.map_err(|_| Failure::Internal("TLS is not to be had".into()))?;
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config.with_root_certificates(roots).with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)))
    }

    /// As the AWS clients take it.
    #[must_use]
    pub fn shared(self) -> SharedHttpClient {
        SharedHttpClient::new(self)
    }

    /// Sends a request and gives the head of its answer.
    ///
    /// # Errors
    /// Why there is none, as the SDK's retries want to know it.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let response = self.0.request(request).await.map_err(classify)?;
        HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }
}

impl HttpClient for Http {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.clone();
        HttpConnectorFuture::new(async move { http.send(request).await })
    }
}

/// A host that was not reached or a connection that broke is worth another attempt; all else is not.
fn classify(error: ClientError) -> ConnectorError {
    let mut is_passing = error.is_connect();
    let mut cause = error.source();
    while let Some(source) = cause {
        let hyper = source.downcast_ref::<hyper::Error>();
        is_passing |= source.is::<io::Error>()
            || hyper.is_some_and(|error| {
                error.is_incomplete_message() || error.is_closed() || error.is_canceled()
            });
        cause = source.source();
    }
    if is_passing { ConnectorError::io(error.into()) } else { ConnectorError::other(error.into(), None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto;

    #[test]
    fn the_roots_are_those_that_amazon_publishes() {
        let certificates = CertificateDer::pem_slice_iter(AMAZON).map(Result::unwrap);
        let hashes: Vec<_> = certificates.map(|certificate| crypto::sha256_hex(&certificate)).collect();
        // SHA-256 of the certificates: Amazon Root CA 1 to 4, Starfield Services Root CA - G2.
        let published = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ];
        assert_eq!(hashes, published);
    }
}
