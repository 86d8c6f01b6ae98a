//! Whom the agent trusts, and what it shows of itself.

use std::path::Path;

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::AgentError;
use super::options::GatewayAccess;
use crate::http_client::TrustedServers;

/// Of the files as they are now.
pub(super) fn tls(access: &GatewayAccess) -> Result<ClientConfig, AgentError> {
    let config = trusted(access.ca.as_deref())?
        .tls()
        .map_err(|error| AgentError::Client(error.to_string()))?;
    let Some((certificate, key)) = &access.client_certificate else {
        return Ok(config.with_no_client_auth());
    };
    let unusable = || AgentError::ClientCertificate(certificate.display().to_string());
    let no_key = || AgentError::ClientKey(key.display().to_string());
    let chain = read("--client-certificate", certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let private = read("--client-key", key)?;
    let private = PrivateKeyDer::from_pem_slice(&private).map_err(|_| no_key())?;
    let chain = chain.map_err(|_| unusable())?;
    config
        .with_client_auth_cert(chain, private)
        .map_err(|_| unusable())
}

/// Where an authority is named, it alone is trusted.
fn trusted(ca: Option<&Path>) -> Result<TrustedServers, AgentError> {
    let Some(ca) = ca else {
        return Ok(TrustedServers::public());
    };
    let mut trusted = TrustedServers::none();
    trusted
        .add(&read("--ca", ca)?)
        .map_err(|_| AgentError::Ca(ca.display().to_string()))?;
    Ok(trusted)
}

/// The file of an argument, which is far smaller than what is read of it at most.
pub(super) fn read(argument: &'static str, path: &Path) -> Result<Vec<u8>, AgentError> {
    use std::io::Read;
    let failed = |error| AgentError::File(argument, path.display().to_string(), error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(1 << 20).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
