//! What all HTTP clients of the program have in common: whom they trust, and that nothing is
//! sent elsewhere, or twice, than as its room says.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use reqwest::ClientBuilder;
use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

/// A file of authorities with none in it that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it holds no certificate of an authority, as PEM")]
pub struct NoAuthority;

/// Those of Mozilla, which are built in, so that an image without any works too; and those of
/// the system.
pub fn public_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Every certificate of a PEM file.
///
/// # Errors
/// [`NoAuthority`] where one is ill-formed, or there is none.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, NoAuthority> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or(NoAuthority)
}

/// Trusts those of a PEM file besides.
///
/// # Errors
/// [`NoAuthority`] where one is ill-formed, or none can be used.
pub fn trust(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), NoAuthority> {
    let (added, _) = roots.add_parsable_certificates(certificates(pem)?);
    match added {
        0 => Err(NoAuthority),
        _ => Ok(()),
    }
}

/// What the cryptography of TLS is done by.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// TLS, but for whom to believe.
///
/// # Errors
/// Where the provider offers nothing that the protocol needs.
pub fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

/// TLS that believes what these authorities signed.
///
/// # Errors
/// As [`tls`].
pub fn tls_trusting(
    roots: RootCertStore,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    Ok(tls()?.with_root_certificates(roots))
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
            let mut roots = RootCertStore::empty();
            let refused = trust(&mut roots, text.as_bytes());
            assert_eq!(refused, Err(NoAuthority), "{text}");
        }
        let mut roots = public_roots();
        let before = roots.len();
        trust(&mut roots, good.as_bytes()).unwrap();
        assert!(before > 0 && roots.len() == before + 1);
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
