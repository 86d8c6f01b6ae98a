//! The door: what its connections share, its two webhooks, and what is known of a review
//! at first.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::cluster::ClusterPolicy;
use super::deadline::Deadline;
use super::room::ReviewRoom;
use crate::gate::Gate;
use crate::http::{Stack, StackLimits};
use crate::metrics::{Metrics, WebhookName};

/// The door of all clusters' webhooks, shared by its connections.
pub struct Webhook {
    pub(super) gate: Arc<Gate>,
    pub(super) clusters: BTreeMap<Arc<str>, ClusterPolicy>,
    /// Of clients that showed a certificate.
    known: ReviewRoom,
    /// Of all others.
    others: ReviewRoom,
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
    /// What its client's like share.
    pub(super) room: &'a ReviewRoom,
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
            known: ReviewRoom::of_known(),
            others: ReviewRoom::of_anybody(),
            metrics,
            stack: Stack::new("webhook", limits),
            asks_certificates: false,
        }
    }

    /// Answers API servers that showed a certificate; others may only try, by a dry
    /// run, of which nothing is recorded, and have little room and time for it.
    pub fn asking_certificates(self) -> Self {
        Self {
            others: ReviewRoom::of_strangers(),
            asks_certificates: true,
            ..self
        }
    }

    pub(super) fn room(&self, is_known: bool) -> &ReviewRoom {
        match is_known {
            true => &self.known,
            false => &self.others,
        }
    }
}
