//! The HTTP client of object stores: TLS by the same library and the same public roots as
//! towards upstreams, so that an image without any certificates works.

use std::sync::Arc;
use std::time::Duration;

use object_store::client::{ClientConfigKey, HttpClient, HttpConnector};
use object_store::{ClientOptions, Result};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::error::RemoteError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that sends nothing for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Makes clients that trust these roots.
#[derive(Clone, Debug)]
pub(super) struct TrustingConnector(ClientConfig);

impl TrustingConnector {
    /// Trusts the public roots, those of the system, and `ca`: certificates as PEM.
    pub(super) fn new(ca: Option<&str>) -> std::result::Result<Self, RemoteError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in CertificateDer::pem_slice_iter(ca.unwrap_or_default().as_bytes()) {
            let certificate = certificate.map_err(RemoteError::unusable)?;
            roots.add(certificate).map_err(RemoteError::unusable)?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(RemoteError::unusable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(tls))
    }
}

impl HttpConnector for TrustingConnector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.0.clone())
            .https_only(plain.as_deref() != Some("true"))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("sekisho/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build();
        match client {
            Ok(client) => Ok(HttpClient::new(client)),
            Err(error) => Err(object_store::Error::Generic {
                store: "HTTP client",
                source: Box::new(error),
            }),
        }
    }
}
