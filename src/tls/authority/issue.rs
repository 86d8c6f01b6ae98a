//! New keys and certificates: ECDSA on P-256.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, date_time_ymd,
};
use sha2::{Digest, Sha256};

use super::certificate::{Certificate, later};
use super::{AuthorityError, CertificateNames, Lifetimes};

/// The end of the year 9999, beyond which certificates cannot say a time
/// (RFC 5280 §4.1.2.5).
const LAST_SECOND: i64 = 253_402_300_799;

/// A certificate with its key.
#[derive(Clone, Debug)]
pub(super) struct CertificateAndKey {
    pub(super) certificate: Certificate,
    pub(super) key: Arc<KeyPair>,
}

impl CertificateAndKey {
    /// `None` if they do not belong together.
    pub(super) fn new(certificate: Certificate, key: KeyPair) -> Option<Self> {
        let fits = key.subject_public_key_info() == certificate.public_key;
        fits.then(|| Self {
            certificate,
            key: Arc::new(key),
        })
    }
}

/// A new CA. It signs leafs and no other CA.
pub(super) fn authority(
    terms: &Lifetimes,
    now: Timestamp,
) -> Result<CertificateAndKey, AuthorityError> {
    let key = KeyPair::generate()?;
    let mut params = params(&key, "sekisho authority");
    set_validity(
        &mut params,
        earlier(now, terms.backdate),
        later(now, terms.authority),
    );
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    pair(certificate.der(), key)
}

/// A server's certificate, which never outlives the CA that signs it.
pub(super) fn leaf(
    names: &CertificateNames,
    issuer: &CertificateAndKey,
    terms: &Lifetimes,
    now: Timestamp,
) -> Result<CertificateAndKey, AuthorityError> {
    let key = KeyPair::generate()?;
    let mut params = params(&key, "sekisho");
    let from = earlier(now, terms.backdate).max(issuer.certificate.not_before);
    let until = later(now, terms.leaf).min(issuer.certificate.not_after);
    set_validity(&mut params, from, until);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = alternative_names(names)?;
    let signer = Issuer::from_ca_cert_der(&issuer.certificate.der(), &*issuer.key)?;
    let certificate = params.signed_by(&key, &signer)?;
    pair(certificate.der(), key)
}

fn pair(der: &[u8], key: KeyPair) -> Result<CertificateAndKey, AuthorityError> {
    let certificate = Certificate::parse(der).ok_or(rcgen::Error::CouldNotParseCertificate)?;
    Ok(CertificateAndKey {
        certificate,
        key: Arc::new(key),
    })
}

/// The key is new and random, and so is what is derived from it: the serial number, which
/// rcgen makes, and a name that distinguishes CAs.
fn params(key: &KeyPair, name: &str) -> CertificateParams {
    let hash = Sha256::digest(key.subject_public_key_info());
    let mark = hex::encode(&hash[..4]);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("{name} {mark}"));
    params
}

fn alternative_names(names: &CertificateNames) -> Result<Vec<SanType>, AuthorityError> {
    let hosts = names
        .hosts()
        .map(|host| Ok(SanType::DnsName(host.try_into()?)));
    let address = |address: IpAddr| Ok(SanType::IpAddress(address));
    hosts.chain(names.addresses().map(address)).collect()
}

fn set_validity(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(from);
    params.not_after = epoch + since_epoch(until);
}

fn since_epoch(moment: Timestamp) -> Duration {
    let seconds = moment.as_second().clamp(0, LAST_SECOND);
    Duration::from_secs(seconds.unsigned_abs())
}

fn earlier(moment: Timestamp, less: SignedDuration) -> Timestamp {
    moment.checked_sub(less).unwrap_or(Timestamp::MIN)
}
