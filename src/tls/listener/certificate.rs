//! The two facts that are read from a certificate by hand: when it expires and
//! what its subject is called (RFC 5280 §4.1).
//!
//! Reads DER, and only as far as needed. Whoever calls has the certificate
//! verified by rustls; nothing here is trusted before that.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
/// 2.5.4.3, the common name.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// When the certificate stops being valid. "No well-defined expiry" (the year
/// 9999) becomes the last timestamp there is. `None` if this is no certificate.
pub(super) fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (mut validity, _subject) = validity_and_subject(der)?;
    validity.next()?;
    let (tag, text) = validity.next()?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The subject's one common name, else `sha256:` and the fingerprint.
pub fn name(der: &[u8]) -> String {
    common_name(der).unwrap_or_else(|| fingerprint(der))
}

fn fingerprint(der: &[u8]) -> String {
    let hash = Sha256::digest(der);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// `None` too where there are several: which one is meant would be a guess.
fn common_name(der: &[u8]) -> Option<String> {
    let (_validity, mut subject) = validity_and_subject(der)?;
    let mut found = None;
    while let Some((SET, set)) = subject.next() {
        let mut attributes = Der(set);
        while let Some((SEQUENCE, attribute)) = attributes.next() {
            let mut attribute = Der(attribute);
            if attribute.expect(OBJECT_IDENTIFIER)? != COMMON_NAME {
                continue;
            }
            let text = printable(attribute.next()?)?;
            if found.replace(text).is_some() {
                return None;
            }
        }
    }
    found
}

fn printable((tag, text): (u8, &[u8])) -> Option<String> {
    let known = matches!(tag, UTF8_STRING | PRINTABLE_STRING);
    let plain = !text.is_empty() && text.iter().all(|byte| (b' '..=b'~').contains(byte));
    (known && plain).then(|| String::from_utf8_lossy(text).into_owned())
}

fn validity_and_subject(der: &[u8]) -> Option<(Der<'_>, Der<'_>)> {
    let mut certificate = Der(Der(der).expect(SEQUENCE)?);
    let mut fields = Der(certificate.expect(SEQUENCE)?);
    let (first, _) = fields.next()?;
    if first == VERSION {
        fields.expect(INTEGER)?;
    }
    let _signature = fields.expect(SEQUENCE)?;
    let _issuer = fields.expect(SEQUENCE)?;
    let validity = fields.expect(SEQUENCE)?;
    let subject = fields.expect(SEQUENCE)?;
    Some((Der(validity), Der(subject)))
}

/// UTCTime's two digits mean 1950 to 2049 (RFC 5280 §4.1.2.5.1).
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let full = match tag {
        UTC_TIME if text.get(..2)? >= "50" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", &full).ok()?;
    let zoned = time.to_zoned(TimeZone::UTC);
    Some(zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp()))
}

/// What is left of a DER encoding.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next tag and its contents; the lengths of certificates fit in two
    /// bytes.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (len, rest) = match self.0 {
            [_, len @ ..=0x7f, rest @ ..] => (usize::from(*len), rest),
            [_, 0x81, len, rest @ ..] => (usize::from(*len), rest),
            [_, 0x82, high, low, rest @ ..] => {
                (usize::from(u16::from_be_bytes([*high, *low])), rest)
            }
            _ => return None,
        };
        let tag = *self.0.first()?;
        let (contents, after) = rest.split_at_checked(len)?;
        self.0 = after;
        Some((tag, contents))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .and_then(|(found, contents)| (found == tag).then_some(contents))
    }
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
        assert_eq!(
            time(GENERALIZED_TIME, "99991231235959Z"),
            Some(Timestamp::MAX)
        );
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
