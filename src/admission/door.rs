//! The door: what its connections share, its two webhooks, and what is known of a review
//! at first.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::cluster::ClusterPolicy;
use super::deadline::Deadline;
use crate::gate::Gate;
use crate::http::{BodyBudget, Stack, StackLimits};
use crate::metrics::{Metrics, WebhookName};
use crate::tasks::HeavyWork;

/// Bodies held in memory at once, in bytes; read, each takes some times its length.
const MAX_BODIES_BYTES: usize = 128 << 20;
/// As much of that as one client takes: some thousand reviews of usual size.
const MAX_BODIES_BYTES_PER_CLIENT: usize = 32 << 20;
/// Images judged at once; further ones wait until their deadline. Far more than are
/// worked on: most of them would wait for an upstream that hangs.
const MAX_CONCURRENT_IMAGES: usize = 8192;

/// The door of all clusters' webhooks, shared by its connections.
pub struct Webhook {
    pub(super) gate: Arc<Gate>,
    pub(super) clusters: BTreeMap<Arc<str>, ClusterPolicy>,
    /// One for each image that is being judged.
    pub(super) image_permits: Semaphore,
    /// For the bodies that are held.
    pub(super) body_memory: BodyBudget,
    pub(super) heavy: HeavyWork,
    pub(super) metrics: Metrics,
    pub(super) stack: Stack,
    /// Only who showed a certificate is answered.
    pub(super) asks_certificates: bool,
}

/// The two webhooks of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WebhookKind {
    Mutate,
    Validate,
}

impl WebhookKind {
    /// The cluster's name and the webhook that `/clusters/<name>/mutate` or
    /// `/clusters/<name>/validate` means.
    pub(super) fn of_path(path: &str) -> Option<(&str, Self)> {
        let (name, kind) = path.strip_prefix("/clusters/")?.split_once('/')?;
        match kind {
            "mutate" => Some((name, Self::Mutate)),
            "validate" => Some((name, Self::Validate)),
            _ => None,
        }
    }

    /// As metrics call it.
    pub(super) const fn name(self) -> WebhookName {
        match self {
            Self::Mutate => WebhookName::Mutate,
            Self::Validate => WebhookName::Validate,
        }
    }
}

/// What is known of a review before its body is read.
pub(super) struct ReviewHead<'a> {
    pub(super) cluster: &'a ClusterPolicy,
    pub(super) kind: WebhookKind,
    pub(super) deadline: Deadline,
    pub(super) client: Option<IpAddr>,
    /// The client showed a certificate, which TLS checked.
    pub(super) is_known: bool,
    pub(super) now: Timestamp,
    pub(super) started: Instant,
}

impl Webhook {
    pub fn new(
        gate: Arc<Gate>,
        clusters: Vec<ClusterPolicy>,
        metrics: Metrics,
        limits: StackLimits,
    ) -> Self {
        Self {
            gate,
            clusters: clusters
                .into_iter()
                .map(|cluster| (cluster.name.clone(), cluster))
                .collect(),
            image_permits: Semaphore::new(MAX_CONCURRENT_IMAGES),
            body_memory: BodyBudget::new(MAX_BODIES_BYTES, MAX_BODIES_BYTES_PER_CLIENT),
            heavy: HeavyWork::new(),
            metrics,
            stack: Stack::new("webhook", limits),
            asks_certificates: false,
        }
    }

    /// Answers API servers that showed a certificate; others may only try, by a dry
    /// run, of which nothing is recorded.
    pub fn asking_certificates(self) -> Self {
        Self {
            asks_certificates: true,
            ..self
        }
    }
}
