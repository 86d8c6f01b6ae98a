//! A certificate with what is read from it.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::CertificateNames;

/// Characters of a line of PEM (RFC 7468 §2).
const PEM_LINE_CHARS: usize = 64;

/// DER, and the facts in it that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    der: Vec<u8>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) names: CertificateNames,
    pub(super) is_authority: bool,
    /// SubjectPublicKeyInfo, DER.
    pub(super) public_key: Vec<u8>,
}

impl Certificate {
    /// `None` if this is no certificate, or if anything follows it.
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let (rest, read) = X509Certificate::from_der(der).ok()?;
        let validity = read.validity();
        Some(Self {
            der: rest.is_empty().then(|| der.to_vec())?,
            not_before: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            not_after: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
            names: names(&read)?,
            is_authority: read.is_ca(),
            public_key: read.public_key().raw.to_vec(),
        })
    }

    /// Every certificate of a PEM file; `None` if one is ill-formed or there is
    /// none.
    pub(super) fn all(pem: &[u8]) -> Option<Vec<Self>> {
        let read = |der: CertificateDer<'_>| Self::parse(&der);
        let all: Option<Vec<Self>> = CertificateDer::pem_slice_iter(pem)
            .map(|der| der.ok().and_then(read))
            .collect();
        all.filter(|all| !all.is_empty())
    }

    pub(super) fn pem(&self) -> String {
        let text = STANDARD.encode(&self.der);
        let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(PEM_LINE_CHARS));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        let parse = |der| X509Certificate::from_der(der).ok();
        let (Some((_, own)), Some((_, issuer))) = (parse(&self.der), parse(&issuer.der)) else {
            return false;
        };
        own.issuer() == issuer.subject() && own.verify_signature(Some(issuer.public_key())).is_ok()
    }

    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        self.not_before <= now && now < self.not_after
    }

    /// When two thirds of its life have passed: time for another.
    pub(super) fn turns_at(&self) -> Timestamp {
        let life = self.not_after.duration_since(self.not_before);
        later(self.not_before, life / 3 * 2)
    }

    pub(super) fn der(&self) -> CertificateDer<'_> {
        CertificateDer::from(&*self.der)
    }
}

/// `moment` and `more`, as far as time goes.
pub(super) fn later(moment: Timestamp, more: SignedDuration) -> Timestamp {
    moment.checked_add(more).unwrap_or(Timestamp::MAX)
}

/// Those of kinds that we issue; `None` where there is an extension that cannot be
/// read.
fn names(read: &X509Certificate<'_>) -> Option<CertificateNames> {
    let mut names = CertificateNames::default();
    let Some(extension) = read.subject_alternative_name().ok()? else {
        return Some(names);
    };
    for name in &extension.value.general_names {
        match name {
            GeneralName::DNSName(host) => names.add(host).ok()?,
            GeneralName::IPAddress(bytes) => names.add_address(address(bytes)?),
            _ => {}
        }
    }
    Some(names)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let sixteen = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| sixteen()).ok()
}
