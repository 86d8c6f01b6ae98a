//! The state of the certificate authority.

use jiff::Timestamp;
use secrecy::SecretString;

use super::certificate::Certificate;
use super::issue::{self, CertificateAndKey};
use super::{AuthorityError, CertificateNames, Lifetimes};

/// A certificate authority and the leaf that it signed.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The CA that signs.
    pub(super) current: CertificateAndKey,
    /// The CA that will sign; clients trust it already.
    pub(super) next: Option<CertificateAndKey>,
    /// CAs that signed before, while a certificate of theirs may be in use. Their
    /// keys are gone.
    pub(super) previous: Vec<Certificate>,
    pub(super) leaf: CertificateAndKey,
}

impl Authority {
    /// A new authority, with a leaf for `names`.
    ///
    /// # Errors
    /// [`AuthorityError`] where a certificate cannot be made.
    pub fn create(
        names: &CertificateNames,
        terms: &Lifetimes,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        let current = issue::authority(terms, now)?;
        let leaf = issue::leaf(names, &current, terms, now)?;
        Ok(Self {
            current,
            next: None,
            previous: Vec::new(),
            leaf,
        })
    }

    /// The bundle that clients trust, as PEM: the CA that signs, the next one, and
    /// previous ones.
    pub fn bundle(&self) -> String {
        self.trusted().map(Certificate::pem).collect()
    }

    pub(super) fn trusted(&self) -> impl Iterator<Item = &Certificate> {
        let next = self.next.as_ref().map(|next| &next.certificate);
        std::iter::once(&self.current.certificate)
            .chain(next)
            .chain(&self.previous)
    }

    /// The server certificate, as PEM: the leaf alone, since clients have the CA.
    pub fn certificate(&self) -> String {
        self.leaf.certificate.pem()
    }

    /// The key of [`Self::certificate`], as PEM.
    pub fn key(&self) -> SecretString {
        self.leaf.key.serialize_pem().into()
    }

    /// The names in the leaf certificate.
    pub fn names(&self) -> &CertificateNames {
        &self.leaf.certificate.names
    }

    /// When the leaf expires.
    pub fn not_after(&self) -> Timestamp {
        self.leaf.certificate.not_after
    }

    /// Whether a client whose clock says `now` accepts the leaf under `names`, as
    /// far as we can tell.
    pub fn serves(&self, names: &CertificateNames, now: Timestamp) -> bool {
        self.leaf.certificate.is_valid(now) && self.names().cover(names)
    }
}
