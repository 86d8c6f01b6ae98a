//! What an authority consists of.

use jiff::Timestamp;
use secrecy::SecretString;

use super::certificate::Certificate;
use super::issue::{self, Pair};
use super::{AuthorityError, Names, Terms};

/// A certificate authority and the leaf that it signed.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The CA that signs.
    pub(super) current: Pair,
    /// The CA that will sign; clients trust it already.
    pub(super) next: Option<Pair>,
    /// CAs that signed before, while a certificate of theirs may be in use. Their
    /// keys are gone.
    pub(super) previous: Vec<Certificate>,
    pub(super) leaf: Pair,
}

impl Authority {
    /// A new authority, with a leaf for `names`.
    pub fn create(names: &Names, terms: &Terms, now: Timestamp) -> Result<Self, AuthorityError> {
        let current = issue::authority(terms, now)?;
        let leaf = issue::leaf(names, &current, terms, now)?;
        Ok(Self {
            current,
            next: None,
            previous: Vec::new(),
            leaf,
        })
    }

    /// Whom clients trust, as PEM: the CA that signs, the next one, those before.
    pub fn bundle(&self) -> String {
        self.trusted().map(Certificate::pem).collect()
    }

    pub(super) fn trusted(&self) -> impl Iterator<Item = &Certificate> {
        let next = self.next.as_ref().map(|next| &next.certificate);
        std::iter::once(&self.current.certificate)
            .chain(next)
            .chain(&self.previous)
    }

    /// What a server shows, as PEM. Clients hold the CA themselves, so it is the
    /// leaf alone.
    pub fn certificate(&self) -> String {
        self.leaf.certificate.pem()
    }

    /// The key of [`Self::certificate`], as PEM.
    pub fn key(&self) -> SecretString {
        self.leaf.key.serialize_pem().into()
    }

    /// Under which names servers that show the leaf can be reached.
    pub fn names(&self) -> &Names {
        &self.leaf.certificate.names
    }

    /// When the leaf expires.
    pub fn not_after(&self) -> Timestamp {
        self.leaf.certificate.not_after
    }

    /// Whether a client whose clock says `now` accepts the leaf under `names`, as
    /// far as we can tell.
    pub fn serves(&self, names: &Names, now: Timestamp) -> bool {
        self.leaf.certificate.is_valid(now) && self.names().cover(names)
    }
}
