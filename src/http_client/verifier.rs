//! Who a server may prove to be: by an authority, or by showing the very certificate that
//! the operator named.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Verifies what servers show.
///
/// A plain `openssl req -x509` makes a certificate that is an authority's and is shown by
/// the server itself, often without a subject alternative name: as an end entity it would
/// be refused. The operator named it for this client alone, so it counts while it lasts,
/// for the names in it.
#[derive(Debug)]
pub(super) struct NamedVerifier {
    authorities: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl NamedVerifier {
    /// The `named` certificates are among the roots as well.
    pub(super) fn new(
        roots: RootCertStore,
        named: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<Self>, rustls::Error> {
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Arc::new(Self { authorities, named }))
    }
}

/// A certificate that needs no signature: whether it holds now, and for this name.
fn verify_itself(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if parsed.validity().not_after.timestamp() < now {
        return Err(CertificateError::Expired.into());
    }
    match parsed.subject_alternative_name() {
        Ok(None) if has_common_name(&parsed, name) => Ok(()),
        Ok(None) => Err(CertificateError::NotValidForName.into()),
        Ok(Some(_)) | Err(_) => {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
        }
    }
}

/// Where there is no subject alternative name, the common name is all there is.
fn has_common_name(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> bool {
    let wanted = name.to_str();
    let mut names = certificate.subject().iter_common_name();
    names.any(|it| it.as_str().is_ok_and(|it| it.eq_ignore_ascii_case(&wanted)))
}

impl ServerCertVerifier for NamedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.named.iter().any(|named| named == end_entity) {
            verify_itself(end_entity, server_name, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
