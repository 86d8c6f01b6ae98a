//! The snapshot of an environment.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bytes::{self, Counts};
use super::{SnapshotError, SnapshotTerms};
use crate::oci::Digest;

/// The only format there is.
pub(super) const FORMAT: u32 = 1;
/// Numbers of reasons are one byte.
const MAX_REASONS: usize = 256;
const MAX_REASON: usize = 64;
const MAX_ENVIRONMENT: usize = 253;

/// The reason why [`canary`] is denied.
pub const CANARY_REASON: &str = "canary";

/// A digest that each snapshot denies: who asks for it and is not refused has no gate. It is
/// the sha256 of `sekisho canary`, so no manifest can have it.
pub fn canary() -> &'static Digest {
    static CANARY: LazyLock<Digest> = LazyLock::new(|| Digest::sha256(b"sekisho canary"));
    &CANARY
}

/// Which digests of an environment must not start, and why. In memory and as bytes it is
/// sorted, so that there is one form of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSnapshot {
    pub(super) terms: SnapshotTerms,
    /// Sorted; those in use, and no others.
    pub(super) reasons: Vec<String>,
    /// With the number of the reason.
    pub(super) denied: Vec<(Digest, u8)>,
    pub(super) permitted: Vec<Digest>,
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    format: u32,
    #[serde(flatten)]
    pub(super) terms: SnapshotTerms,
    pub(super) reasons: Vec<String>,
    denied: Counts,
    permitted: Counts,
}

impl NodeSnapshot {
    /// The [`canary`] is denied in each. What is both denied and permitted is denied; of two
    /// reasons the first counts.
    pub fn new<'a>(
        terms: SnapshotTerms,
        denied: impl IntoIterator<Item = (Digest, &'a str)>,
        permitted: impl IntoIterator<Item = Digest>,
    ) -> Self {
        let canary = (canary().clone(), CANARY_REASON);
        let mut reasoned: Vec<(Digest, &str)> = denied.into_iter().chain([canary]).collect();
        // Stable: the first of equal digests stays first.
        reasoned.sort_by(|one, other| one.0.cmp(&other.0));
        reasoned.dedup_by(|later, first| later.0 == first.0);
        let names: BTreeSet<&str> = reasoned.iter().map(|it| it.1).collect();
        let reasons: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let number = |name: &str| {
            let at = reasons.binary_search_by(|it| it.as_str().cmp(name));
            at.ok()
                .and_then(|at| u8::try_from(at).ok())
                .unwrap_or(u8::MAX)
        };
        let denied: Vec<(Digest, u8)> = reasoned
            .into_iter()
            .map(|(digest, name)| (digest, number(name)))
            .collect();
        let mut permitted: Vec<Digest> = permitted.into_iter().collect();
        permitted.retain(|digest| denied.binary_search_by(|it| it.0.cmp(digest)).is_err());
        permitted.sort_unstable();
        permitted.dedup();
        Self {
            terms,
            reasons,
            denied,
            permitted,
        }
    }

    pub fn terms(&self) -> &SnapshotTerms {
        &self.terms
    }

    /// Why `digest` is denied; `None`: it is not.
    pub fn denied(&self, digest: &Digest) -> Option<&str> {
        let at = self.denied.binary_search_by(|it| it.0.cmp(digest)).ok()?;
        self.reason(self.denied[at].1)
    }

    /// Whether `digest` is known as permitted: platform images in each mode, else only
    /// where `strict` asks.
    pub fn permits(&self, digest: &Digest) -> bool {
        self.permitted.binary_search(digest).is_ok()
    }

    pub fn denied_count(&self) -> usize {
        self.denied.len()
    }

    pub fn permitted_count(&self) -> usize {
        self.permitted.len()
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.terms.valid_until
    }

    /// The same digests under other terms: issued again.
    #[cfg(test)]
    pub fn with_terms(&self, terms: SnapshotTerms) -> Self {
        Self {
            terms,
            ..self.clone()
        }
    }

    /// A mark of all that it says but for when, so that two can be told apart.
    pub fn mark(&self) -> Digest {
        let terms = SnapshotTerms {
            sequence: 0,
            issued_at: Timestamp::UNIX_EPOCH,
            valid_until: Timestamp::UNIX_EPOCH,
            ..self.terms.clone()
        };
        Digest::sha256(&self.bytes_under(terms))
    }

    pub(super) fn reason(&self, number: u8) -> Option<&str> {
        self.reasons.get(usize::from(number)).map(String::as_str)
    }

    pub(super) fn header(&self) -> Header {
        self.header_under(self.terms.clone())
    }

    fn header_under(&self, terms: SnapshotTerms) -> Header {
        Header {
            format: FORMAT,
            terms,
            reasons: self.reasons.clone(),
            denied: bytes::counts(self.denied.iter().map(|it| &it.0)),
            permitted: bytes::counts(self.permitted.iter()),
        }
    }

    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes_under(self.terms.clone())
    }

    fn bytes_under(&self, terms: SnapshotTerms) -> Vec<u8> {
        let mut bytes = bytes::write_line(&self.header_under(terms));
        bytes::write_reasoned(&mut bytes, &self.denied);
        bytes::write_plain(&mut bytes, &self.permitted);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`SnapshotError::Unreadable`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (header, mut rest): (Header, _) = bytes::read_line(bytes)?;
        header.check()?;
        let denied = rest.reasoned_list(header.denied, header.reasons.len())?;
        let permitted = rest.plain_list(header.permitted)?;
        rest.end()?;
        Ok(Self {
            terms: header.terms,
            reasons: header.reasons,
            denied,
            permitted,
        })
    }
}

impl Header {
    pub(super) fn check(&self) -> Result<(), SnapshotError> {
        let terms = &self.terms;
        let wrong = if self.format != FORMAT {
            "its format is not known; is this agent older than the gateway?"
        } else if !is_printed(&terms.environment, MAX_ENVIRONMENT) {
            "its environment is no name"
        } else if self.reasons.len() > MAX_REASONS || !self.reasons.iter().all(|it| is_code(it)) {
            "its reasons are too many, or no codes"
        } else if !self.reasons.is_sorted_by(|one, other| one < other) {
            "its reasons are not in order"
        } else {
            return Ok(());
        };
        Err(SnapshotError::Unreadable(wrong))
    }

    /// Whether the counts are those of `snapshot`.
    pub(super) fn counts(&self, snapshot: &NodeSnapshot) -> bool {
        *self == snapshot.header()
    }
}

fn is_printed(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_code(text: &str) -> bool {
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_REASON).contains(&text.len()) && text.bytes().all(is_lower)
}
