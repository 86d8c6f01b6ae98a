//! The two facts that are read from a certificate: when it expires and what its
//! subject is called (RFC 5280 §4.1).
//!
//! The caller has rustls verify the certificate before it trusts anything of it.
//! Extensions are left unread, so that an odd one changes nothing.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use x509_parser::asn1_rs::Tag;
use x509_parser::nom::Parser;
use x509_parser::prelude::{AttributeTypeAndValue, X509Certificate, X509CertificateParser};

/// When the certificate stops being valid. "No well-defined expiry" (the end of
/// the year 9999) becomes the last timestamp there is. `None` if this is no
/// certificate.
pub(super) fn not_after(der: &[u8]) -> Option<Timestamp> {
    let seconds = parse(der)?.validity().not_after.timestamp();
    Some(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
}

/// The subject's one common name, else `sha256:` and the fingerprint.
pub fn name(der: &[u8]) -> String {
    common_name(der).unwrap_or_else(|| fingerprint(der))
}

fn fingerprint(der: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(der)))
}

/// `None` too where there are several: which one is meant would be a guess.
fn common_name(der: &[u8]) -> Option<String> {
    let certificate = parse(der)?;
    let mut names = certificate.subject().iter_common_name();
    match (names.next(), names.next()) {
        (Some(one), None) => printable(one),
        _ => None,
    }
}

fn printable(name: &AttributeTypeAndValue<'_>) -> Option<String> {
    let known = matches!(
        name.attr_value().tag(),
        Tag::Utf8String | Tag::PrintableString
    );
    let text = name.as_slice();
    let plain = !text.is_empty() && text.iter().all(|byte| (b' '..=b'~').contains(byte));
    (known && plain).then(|| String::from_utf8_lossy(text).into_owned())
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
    parser.parse(der).ok().map(|(_, certificate)| certificate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    fn certificate(names: &[(DnType, &str)], year: i32) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params.not_after = date_time_ymd(year, 3, 31);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn reads_expiry_in_both_notations() {
        for (year, expected) in [
            (2027, "2027-03-31T00:00:00Z"),
            (2049, "2049-03-31T00:00:00Z"),
            (2050, "2050-03-31T00:00:00Z"),
        ] {
            let der = certificate(&[], year);
            assert_eq!(not_after(&der), Some(expected.parse().unwrap()));
        }
        let der = certificate(&[], 9999);
        assert!(not_after(&der) > Some("9998-01-01T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn names_by_the_one_common_name() {
        let node = [
            (DnType::OrganizationName, "system:nodes"),
            (DnType::CommonName, "system:node:a"),
        ];
        assert_eq!(name(&certificate(&node, 2030)), "system:node:a");
    }

    #[test]
    fn names_by_fingerprint_without_a_plain_common_name() {
        for names in [vec![], vec![(DnType::CommonName, "a\nb")]] {
            let name = name(&certificate(&names, 2030));
            assert!(name.starts_with("sha256:") && name.len() == 71, "{name}");
        }
    }

    #[test]
    fn survives_truncation_at_every_byte() {
        let der = certificate(&[(DnType::CommonName, "n")], 2030);
        for end in 0..der.len() {
            assert_eq!(not_after(&der[..end]), None);
            assert!(name(&der[..end]).starts_with("sha256:"));
        }
    }
}
