//! The HTTP client of object stores: TLS by the same library and the same public roots as
//! towards upstreams, so that an image without any certificates works.

use std::time::Duration;

use object_store::client::{ClientConfigKey, HttpClient, HttpConnector};
use object_store::{ClientOptions, Result};
use rustls::ClientConfig;

use super::error::RemoteError;
use crate::http_client::{self, TrustedServers};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that sends nothing for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Makes clients that trust these roots.
#[derive(Clone, Debug)]
pub(super) struct TrustingConnector(ClientConfig);

impl TrustingConnector {
    /// Trusts the public roots, those of the system, and `ca`: certificates as PEM.
    pub(super) fn new(ca: Option<&str>) -> std::result::Result<Self, RemoteError> {
        let mut trusted = TrustedServers::public();
        if let Some(ca) = ca {
            let unusable = |error| RemoteError::unusable(format!("ca: {error}"));
            trusted.add(ca.as_bytes()).map_err(unusable)?;
        }
        let tls = trusted.tls().map_err(RemoteError::unusable)?;
        Ok(Self(tls.with_no_client_auth()))
    }
}

impl HttpConnector for TrustingConnector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp);
        let client = http_client::client(self.0.clone())
            .https_only(plain.as_deref() != Some("true"))
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
