//! A CA for nodes, where it lies on this machine.

use std::io;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::failure::Failure;
use crate::app::bounded::{self, Unread};

/// The certificates in the file that `option` names; none where there is no such file here.
///
/// # Errors
/// It holds no certificate, or a private key, which nodes must not get.
pub fn read(option: &str, path: &Path) -> Result<Option<String>, Failure> {
    let failed = |problem: &dyn std::fmt::Display| {
        Failure::new(format!("{option} {}: {problem}", path.display()))
            .next("name a file of certificates in PEM")
    };
    let text = match bounded::text(path) {
        Err(Unread::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| failed(&error))?,
    };
    match flaw(text.as_bytes()) {
        Some(flaw) => Err(failed(&flaw)),
        None => Ok(Some(text)),
    }
}

fn flaw(pem: &[u8]) -> Option<&'static str> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let readable = certificates.is_ok_and(|all| {
        let each = |one: &CertificateDer<'_>| x509_parser::parse_x509_certificate(one).is_ok();
        !all.is_empty() && all.iter().all(each)
    });
    match readable {
        false => Some("it holds no certificate in PEM, or one that cannot be read"),
        true if PrivateKeyDer::from_pem_slice(pem).is_ok() => Some("it holds a private key too"),
        true => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn takes_certificates_and_nothing_else() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["gate".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        assert_eq!(read("--ca", &file).unwrap(), None);
        fs::write(&file, &certificate).unwrap();
        assert_eq!(read("--ca", &file).unwrap(), Some(certificate.clone()));
        for (text, told) in [
            (String::new(), "no certificate"),
            ("-----BEGIN CERTIFICATE-----\n".to_owned(), "no certificate"),
            (certificate.replace("MII", "AAA"), "cannot be read"),
            (certificate + &key.serialize_pem(), "private key"),
        ] {
            fs::write(&file, text).unwrap();
            let refused = read("--ca", &file).unwrap_err().to_string();
            assert!(
                refused.contains(told) && refused.contains("ca.crt"),
                "{refused}"
            );
        }
    }
}
