//! TLS of a listener, with certificates that are replaced while it runs.
//!
//! Files are read by the caller and passed as bytes. An invalid pair leaves the last
//! valid one in use.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{
    ClientCertVerifierBuilder, ClientHello, ResolvesServerCert, VerifierBuilderError,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};

use super::certificate;

/// The contents of a listener's PEM files.
#[derive(Debug)]
pub struct TlsFiles {
    /// The leaf first, then its intermediates.
    pub certificate: Vec<u8>,
    pub key: SecretSlice<u8>,
    /// Whose certificates clients must present; `None` asks for none.
    pub client_ca: Option<Vec<u8>>,
}

/// Why files make no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate file holds no usable PEM certificate")]
    Certificate,
    #[error("the key file holds no usable PEM private key")]
    Key,
    #[error("the client CA file holds no usable PEM certificate")]
    ClientCa,
    #[error("certificate and key do not serve together: {0}")]
    Pair(rustls::Error),
    #[error("the client CA is refused: {0}")]
    Verifier(VerifierBuilderError),
}

/// The TLS configuration of new connections.
pub struct ReloadingCertificates {
    current: ArcSwap<Loaded>,
}

struct Loaded {
    config: Arc<ServerConfig>,
    not_after: Timestamp,
    contents: [u8; 32],
}

impl ReloadingCertificates {
    /// Reads the files once.
    ///
    /// # Errors
    /// [`TlsError`] where they hold no certificate with its key.
    pub fn new(files: &TlsFiles) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(Loaded::read(files)?);
        Ok(Self { current })
    }

    /// Shows what `shown` shows, now and later, and asks clients for a certificate by one
    /// of `client_ca`, PEM. Clients without one are served, without a name.
    ///
    /// # Errors
    /// [`TlsError`] where `client_ca` holds no certificate.
    pub fn asking(shown: Arc<Self>, client_ca: &[u8]) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(Loaded::asking(shown, client_ca)?);
        Ok(Self { current })
    }

    /// Takes other authorities over, and says whether they differ from the last good
    /// ones. On an error those stay.
    ///
    /// # Errors
    /// [`TlsError`] of the new ones.
    pub fn ask_once(&self, shown: Arc<Self>, client_ca: &[u8]) -> Result<bool, TlsError> {
        if self.current.load().contents == hash_of([client_ca]) {
            return Ok(false);
        }
        self.current
            .store(Arc::new(Loaded::asking(shown, client_ca)?));
        Ok(true)
    }

    /// Takes new contents over and says whether they differ from the last good
    /// ones. On an error those stay. Connections that are open go on as they
    /// are.
    ///
    /// # Errors
    /// [`TlsError`] of the new contents.
    pub fn reload_once(&self, files: &TlsFiles) -> Result<bool, TlsError> {
        if self.current.load().contents == hash(files) {
            return Ok(false);
        }
        self.current.store(Arc::new(Loaded::read(files)?));
        Ok(true)
    }

    /// When the first certificate of the chain expires.
    pub fn not_after(&self) -> Timestamp {
        self.current.load().not_after
    }

    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load().config.clone()
    }
}

impl Loaded {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = certificates(&files.certificate).ok_or(TlsError::Certificate)?;
        let not_after = expiry(&chain).ok_or(TlsError::Certificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(files.key.expose_secret()).map_err(|_| TlsError::Key)?;
        let config = server_config(chain, key, files.client_ca.as_deref())?;
        Ok(Self {
            config: Arc::new(config),
            not_after,
            contents: hash(files),
        })
    }
}

impl Loaded {
    fn asking(shown: Arc<ReloadingCertificates>, client_ca: &[u8]) -> Result<Self, TlsError> {
        let not_after = shown.not_after();
        let verifier = verifier(client_ca)?.allow_unauthenticated();
        let verifier = verifier.build().map_err(TlsError::Verifier)?;
        let builder = builder()?.with_client_cert_verifier(verifier);
        let config = builder.with_cert_resolver(Arc::new(Shown(shown)));
        Ok(Self {
            config: Arc::new(offering_http1(config)),
            not_after,
            contents: hash_of([client_ca]),
        })
    }
}

/// What another listener shows at the moment.
struct Shown(Arc<ReloadingCertificates>);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.config().cert_resolver.resolve(hello)
    }
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_ca: Option<&[u8]>,
) -> Result<ServerConfig, TlsError> {
    let builder = match client_ca {
        None => builder()?.with_no_client_auth(),
        Some(pem) => {
            let verifier = verifier(pem)?.build().map_err(TlsError::Verifier)?;
            builder()?.with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(chain, key);
    config.map(offering_http1).map_err(TlsError::Pair)
}

fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, TlsError> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn verifier(client_ca: &[u8]) -> Result<ClientCertVerifierBuilder, TlsError> {
    let roots = Arc::new(client_roots(client_ca)?);
    Ok(WebPkiClientVerifier::builder_with_provider(
        roots,
        provider(),
    ))
}

/// HTTP/2 has no reason phrase, the only text of a denied HEAD.
fn offering_http1(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn client_roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(pem).ok_or(TlsError::ClientCa)? {
        roots.add(root).map_err(|_| TlsError::ClientCa)?;
    }
    Ok(roots)
}

/// Every certificate of a PEM file; `None` if one is ill-formed or there is
/// none.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|chain| !chain.is_empty())
}

fn expiry(chain: &[CertificateDer<'_>]) -> Option<Timestamp> {
    let all: Option<Vec<_>> = chain
        .iter()
        .map(|der| certificate::not_after(der))
        .collect();
    all?.into_iter().min()
}

/// Lengths are hashed too, so that no byte can change files unnoticed.
fn hash(files: &TlsFiles) -> [u8; 32] {
    let client_ca = files.client_ca.as_deref().unwrap_or_default();
    let asks = [u8::from(files.client_ca.is_some())];
    hash_of([
        &files.certificate,
        files.key.expose_secret(),
        client_ca,
        &asks,
    ])
}

fn hash_of<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn files(year: i32) -> TlsFiles {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        TlsFiles {
            certificate: certificate.pem().into_bytes(),
            key: key.serialize_pem().into_bytes().into(),
            client_ca: None,
        }
    }

    #[test]
    fn reloads_when_the_contents_change() {
        let first = files(2030);
        let certificates = ReloadingCertificates::new(&first).unwrap();
        let before = certificates.config();
        assert!(!certificates.reload_once(&first).unwrap());
        assert!(Arc::ptr_eq(&before, &certificates.config()));
        assert!(certificates.reload_once(&files(2031)).unwrap());
        assert!(!Arc::ptr_eq(&before, &certificates.config()));
        let expected: Timestamp = "2031-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(certificates.not_after(), expected);
    }

    #[test]
    fn keeps_the_last_good_pair() {
        let certificates = ReloadingCertificates::new(&files(2030)).unwrap();
        let before = certificates.config();
        let mismatched = TlsFiles {
            key: files(2031).key,
            ..files(2031)
        };
        assert!(matches!(
            certificates.reload_once(&mismatched),
            Err(TlsError::Pair(_))
        ));
        let half_written = TlsFiles {
            certificate: files(2031).certificate[..100].to_vec(),
            ..files(2031)
        };
        assert!(certificates.reload_once(&half_written).is_err());
        assert!(Arc::ptr_eq(&before, &certificates.config()));
    }

    #[test]
    fn refuses_an_empty_client_ca() {
        let refused = TlsFiles {
            client_ca: Some(Vec::new()),
            ..files(2030)
        };
        assert!(matches!(
            ReloadingCertificates::new(&refused),
            Err(TlsError::ClientCa)
        ));
    }
}
