//! A client that verifies as rustls does, with the clock that it is given.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::tls::authority::{Authority, CertificateNames, Lifetimes};

pub const DAY: SignedDuration = SignedDuration::from_hours(24);

pub fn begin() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

pub fn names(all: &[&str]) -> CertificateNames {
    let mut names = CertificateNames::default();
    for name in all {
        names.add(name).unwrap();
    }
    names
}

pub fn create(terms: &Lifetimes) -> Authority {
    Authority::create(&names(&["gate.example"]), terms, begin()).unwrap()
}

/// Whether a client that trusts `bundle` accepts what `authority` shows.
pub fn accepts(bundle: &str, authority: &Authority, name: &str, now: Timestamp) -> bool {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(root.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let leaf = CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap();
    let seconds = now.as_second().unsigned_abs();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier
        .verify_server_cert(&leaf, &[], &name, &[], now)
        .is_ok()
}
