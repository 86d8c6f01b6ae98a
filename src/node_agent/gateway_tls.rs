//! Whom the agent trusts, and what it shows of itself.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::error::AgentError;
use super::options::GatewayAccess;

/// Of the files as they are now.
pub(super) fn tls(access: &GatewayAccess) -> Result<ClientConfig, AgentError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| AgentError::Client(error.to_string()))?
        .with_root_certificates(roots(access.ca.as_deref())?);
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

fn roots(ca: Option<&Path>) -> Result<RootCertStore, AgentError> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let pem = read("--ca", ca)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let (added, _) = roots.add_parsable_certificates(certificates.unwrap_or_default());
    match added {
        0 => Err(AgentError::Ca(ca.display().to_string())),
        _ => Ok(roots),
    }
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
