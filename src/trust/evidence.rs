//! All the ledger holds on a subject: the input of judgement.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EnvironmentName;
use crate::access::Scope;
use crate::oci::{Closure, Digest, Repository, Tag};
use crate::report::{Finding, Format, Incomplete, Tool};

/// A scan that was handed in, bound to one image manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scan {
    pub id: i64,
    /// The image manifest that was scanned; never an index.
    pub manifest: Digest,
    pub format: Format,
    pub tool: Tool,
    /// Name of the token it was submitted with.
    pub submitter: String,
    /// What that token reached when it submitted.
    pub scope: Scope,
    pub scanned_at: Timestamp,
    pub received_at: Timestamp,
    pub database_at: Option<Timestamp>,
    pub incomplete: Vec<Incomplete>,
    pub end_of_life: bool,
    pub findings: Vec<Finding>,
}

/// An image was let into an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    pub id: i64,
    pub environment: EnvironmentName,
    pub repository: Repository,
    pub digest: Digest,
    /// The tag it was promoted under, if any.
    pub tag: Option<Tag>,
    pub promoter: String,
    pub promoted_at: Timestamp,
    pub reason: Option<String>,
    pub link: Option<String>,
    /// Judgement denied it, and the promoter insisted.
    pub forced: bool,
}

/// Trust was taken back, for a digest wherever it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    pub id: i64,
    pub digest: Digest,
    /// Narrowed to one environment; `None`: all of them.
    pub environment: Option<EnvironmentName>,
    pub revoker: String,
    pub revoked_at: Timestamp,
    pub reason: String,
}

/// Everything known of one subject, read from the ledger and the closure.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub closure: Arc<Closure>,
    /// Indexes that hold the root, in the same repository.
    pub above: Vec<Digest>,
    /// Of any image manifest in the closure. Older ones of a tool and submitter may
    /// be among them: they tell since when a report was too bad.
    pub scans: Vec<Arc<Scan>>,
    /// Of the root, or of an index above it in the same repository.
    pub promotions: Vec<Promotion>,
    /// Of the root, of anything in its closure, or of an index above it, under
    /// either algorithm. Reinstated ones are not among them.
    pub revocations: Vec<Revocation>,
    /// When the root was first served in this environment.
    pub first_served: Option<Timestamp>,
    /// The upstream vouches for it, and was last seen to hold it, until then.
    pub vouched_until: Option<Timestamp>,
    /// What this manifest refers to is itself permitted until then: its `subject`,
    /// or an index that holds it when it is an attestation.
    pub subject_permitted_until: Option<Timestamp>,
    /// The ledger could be asked. Else only revocations that memory knows are
    /// here, and nothing can be decided that needs evidence.
    pub confirmed: bool,
}

impl Evidence {
    /// Nobody ever said anything about it.
    pub fn none(closure: Arc<Closure>) -> Self {
        Self {
            closure,
            above: Vec::new(),
            scans: Vec::new(),
            promotions: Vec::new(),
            revocations: Vec::new(),
            first_served: None,
            vouched_until: None,
            subject_permitted_until: None,
            confirmed: true,
        }
    }
}
