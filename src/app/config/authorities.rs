//! Files of certificates to trust, and what is wrong with them.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use super::section::Section;
use crate::oci::printable;

/// The PEM in the file that `key` names, if it holds certificates. What makes one useless
/// is noted, too.
pub(super) fn authorities(
    section: &mut Section<'_, '_>,
    key: &'static str,
    now: Timestamp,
) -> Option<String> {
    let bytes = section.file_bytes(key)?;
    match look_at(&bytes, now) {
        Ok(doubts) => {
            for doubt in doubts {
                section.warning(key, doubt);
            }
            String::from_utf8(bytes).ok()
        }
        Err(problem) => {
            section.problem(key, problem);
            None
        }
    }
}

/// What is doubtful about each certificate.
fn look_at(bytes: &[u8], now: Timestamp) -> Result<Vec<String>, String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("is empty; name a PEM file with certificates".to_owned());
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(match X509Certificate::from_der(bytes) {
            Ok(_) => {
                "is in DER, not in PEM; convert it: openssl x509 -inform der -in FILE".to_owned()
            }
            Err(_) => "is no PEM file; name one with certificates".to_owned(),
        });
    };
    if text.starts_with('\u{feff}') {
        return Err("begins with a byte order mark; save it as UTF-8 without one".to_owned());
    }
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(without_certificates(text).to_owned());
    }
    let found: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let certificates = found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or("holds a certificate that cannot be read; was the file cut off?")?;
    let mut doubts = Vec::new();
    if text.contains("PRIVATE KEY-----") {
        doubts.push("holds a private key as well, which does not belong there".to_owned());
    }
    for (at, certificate) in certificates.iter().enumerate() {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|_| format!("holds a certificate that is none, at place {}", at + 1))?;
        doubts.extend(doubts_about(&parsed, now));
    }
    Ok(doubts)
}

fn without_certificates(text: &str) -> &'static str {
    match text {
        _ if text.contains("PRIVATE KEY-----") => {
            "holds a private key and no certificate; name the certificate"
        }
        _ if text.contains("BEGIN CERTIFICATE REQUEST-----") => {
            "holds a request for a certificate; name the certificate that was made of it"
        }
        _ if text.contains("BEGIN TRUSTED CERTIFICATE-----") => {
            "holds a certificate in OpenSSL's own form; convert it: openssl x509 -in FILE"
        }
        _ => "holds no certificate; name a PEM file",
    }
}

fn doubts_about(certificate: &X509Certificate<'_>, now: Timestamp) -> Vec<String> {
    let subject = printable(&certificate.subject().to_string(), 100);
    let (from, until) = (
        certificate.validity().not_before.timestamp(),
        certificate.validity().not_after.timestamp(),
    );
    let shown = |second| {
        Timestamp::from_second(second).map_or_else(|_| "?".to_owned(), |at| at.to_string())
    };
    let mut doubts = Vec::new();
    if until < now.as_second() {
        let ended = shown(until);
        doubts.push(format!(
            "the certificate of {subject} expired at {ended}; nothing is trusted by it"
        ));
    }
    if now.as_second() < from {
        let begins = shown(from);
        doubts.push(format!(
            "the certificate of {subject} holds only from {begins} on"
        ));
    }
    let own = certificate.subject().as_raw() == certificate.issuer().as_raw();
    if certificate.version() == X509Version::V1 {
        doubts.push(format!(
            "the certificate of {subject} is of X.509 version 1: it vouches for others, but a \
             registry that shows it itself is refused; make it anew: openssl req -x509"
        ));
    } else if !certificate.is_ca() && !own {
        doubts.push(format!(
            "the certificate of {subject} is no CA's: only a registry that shows this very \
             certificate is trusted by it"
        ));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };

    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn look(bytes: &[u8]) -> Result<String, String> {
        let now = Timestamp::from_second(NOW).unwrap();
        look_at(bytes, now).map(|doubts| doubts.join("\n"))
    }

    fn params(authority: bool) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["r.corp".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        if authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    #[test]
    fn says_nothing_of_what_is_right() {
        let key = KeyPair::generate().unwrap();
        for authority in [true, false] {
            let own = params(authority).self_signed(&key).unwrap();
            assert_eq!(look(own.pem().as_bytes()), Ok(String::new()), "{authority}");
            let twice = format!("# a comment\n{}\n{}", own.pem(), own.pem());
            assert_eq!(look(twice.as_bytes()), Ok(String::new()));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let key = KeyPair::generate().unwrap();
        let own = params(true).self_signed(&key).unwrap();
        let request = params(false)
            .serialize_request(&key)
            .unwrap()
            .pem()
            .unwrap();
        let cut = own.pem()[..200].to_owned() + "\n-----END CERTIFICATE-----\n";
        for (bytes, said) in [
            (Vec::new(), "is empty"),
            (b" \n".to_vec(), "is empty"),
            (own.der().to_vec(), "is in DER"),
            (vec![0x30, 0x82, 0xff, 0xff], "is no PEM file"),
            (
                key.serialize_pem().into_bytes(),
                "holds a private key and no",
            ),
            (request.into_bytes(), "holds a request"),
            (
                b"-----BEGIN TRUSTED CERTIFICATE-----\n".to_vec(),
                "OpenSSL's own form",
            ),
            (
                format!("\u{feff}{}", own.pem()).into_bytes(),
                "byte order mark",
            ),
            (b"hello".to_vec(), "holds no certificate"),
            (cut.into_bytes(), "a certificate that"),
        ] {
            let problem = look(&bytes).unwrap_err();
            assert!(problem.contains(said), "{said}: {problem}");
        }
    }

    #[test]
    fn says_what_is_doubtful() {
        let key = KeyPair::generate().unwrap();
        let mut over = params(true);
        over.not_after = date_time_ymd(2021, 1, 1);
        let mut early = params(true);
        early.not_before = date_time_ymd(2039, 1, 1);
        let ca = CertifiedIssuer::self_signed(params(true), KeyPair::generate().unwrap()).unwrap();
        let leaf = CertificateParams::new(vec!["leaf.corp".to_owned()]).unwrap();
        let both = params(true).self_signed(&key).unwrap().pem() + &key.serialize_pem();
        for (pem, said) in [
            (over.self_signed(&key).unwrap().pem(), "expired at 2021"),
            (early.self_signed(&key).unwrap().pem(), "only from 2039"),
            (leaf_by(&ca, leaf), "is no CA's"),
            (both, "a private key as well"),
        ] {
            let doubts = look(pem.as_bytes()).unwrap();
            assert!(doubts.contains(said), "{said}: {doubts}");
        }
    }

    fn leaf_by(ca: &CertifiedIssuer<'_, KeyPair>, mut leaf: CertificateParams) -> String {
        let mut name = rcgen::DistinguishedName::new();
        name.push(rcgen::DnType::CommonName, "leaf.corp");
        leaf.distinguished_name = name;
        leaf.signed_by(&KeyPair::generate().unwrap(), ca)
            .unwrap()
            .pem()
    }
}
