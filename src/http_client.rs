//! What all HTTP clients of the program have in common: whom they trust, and that nothing is
//! sent elsewhere, or twice, than as its room says.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use reqwest::ClientBuilder;
use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use verifier::NamedVerifier;

mod verifier;

/// What is spoken at the other end, where that is plainly not what the address says: by the
/// innermost cause of a failure.
pub fn unspoken(scheme: &str, cause: &str) -> Option<&'static str> {
    match scheme {
        "https" if cause.contains("InvalidContentType") => Some("no TLS is spoken there"),
        "http" if cause.contains("invalid HTTP") => Some("no HTTP is spoken there"),
        _ => None,
    }
}

/// A file of authorities with none in it that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it holds no certificate of an authority, as PEM")]
pub struct NoAuthority;

/// Whom a client believes: authorities, and the certificates that an operator named, also
/// where a server shows one of them itself.
#[derive(Clone, Debug)]
pub struct TrustedServers {
    roots: RootCertStore,
    named: Vec<CertificateDer<'static>>,
}

impl TrustedServers {
    pub fn none() -> Self {
        Self {
            roots: RootCertStore::empty(),
            named: Vec::new(),
        }
    }

    /// The authorities of Mozilla, which are built in, so that an image without any works too;
    /// and those of the system.
    pub fn public() -> Self {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self {
            roots,
            ..Self::none()
        }
    }

    /// Trusts every certificate of a PEM file besides.
    ///
    /// # Errors
    /// [`NoAuthority`] where one is ill-formed, or none can be used.
    pub fn add(&mut self, pem: &[u8]) -> Result<(), NoAuthority> {
        let named = certificates(pem)?;
        let (added, _) = self.roots.add_parsable_certificates(named.iter().cloned());
        if added == 0 {
            return Err(NoAuthority);
        }
        self.named.extend(named);
        Ok(())
    }

    /// TLS that believes them.
    ///
    /// # Errors
    /// Where the provider offers nothing that the protocol needs.
    pub fn tls(self) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions()?;
        if self.named.is_empty() {
            return Ok(builder.with_root_certificates(self.roots));
        }
        let verifier = NamedVerifier::new(self.roots, self.named, provider())?;
        let builder = builder.dangerous();
        Ok(builder.with_custom_certificate_verifier(verifier))
    }
}

/// Every certificate of a PEM file.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, NoAuthority> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or(NoAuthority)
}

/// What the cryptography of TLS is done by.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A client without redirects, retries and referrers. Which proxy it goes by and how long it
/// waits is said by who builds it.
pub fn client(tls: ClientConfig) -> ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .user_agent(concat!("sekisho/", env!("CARGO_PKG_VERSION")))
}

type Cause<'a> = &'a (dyn Error + 'static);

/// An error, and what it came of, down to the first.
pub fn causes<'a>(error: Cause<'a>) -> impl Iterator<Item = Cause<'a>> {
    std::iter::successors(Some(error), cause)
}

fn cause<'a>(error: &Cause<'a>) -> Option<Cause<'a>> {
    let error = *error;
    // It hides what it wraps from source().
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match wrapped {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// The longest wait that is believed: a server could ask for years.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds or a date, an hour at most.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = match text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // A number that no integer holds is a long time, too.
        true => text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs),
        false => {
            let date = httpdate::parse_http_date(text).ok()?;
            date.duration_since(now).unwrap_or_default()
        }
    };
    Some(asked.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_authorities_is_refused_and_a_good_one_trusted() {
        let made = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
        let good = made.cert.pem();
        let broken = format!("{good}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
        let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "no PEM", hollow, &broken] {
            let refused = TrustedServers::none().add(text.as_bytes());
            assert_eq!(refused, Err(NoAuthority), "{text}");
        }
        let mut trusted = TrustedServers::public();
        let before = trusted.roots.len();
        trusted.add(good.as_bytes()).unwrap();
        assert!(before > 0 && trusted.roots.len() == before + 1);
    }

    #[test]
    fn reads_seconds_and_dates() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, expected) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Mon, 06 Nov 1995 08:49:37 GMT", Some(3600)),
            ("", None),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = [(header::RETRY_AFTER, text.parse().unwrap())];
            let headers = HeaderMap::from_iter(headers);
            assert_eq!(
                retry_after(&headers, now),
                expected.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}
