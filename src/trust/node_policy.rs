//! What agents on the nodes of an environment do.

use jiff::SignedDuration;

use super::{DenialReason, ReasonClass};
use crate::node_snapshot::{AgentMode, OnRevoked};

/// What the agents of an environment are told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePolicy {
    pub mode: AgentMode,
    pub on_revoked: OnRevoked,
    /// Whether an image that is too severe must not start, too.
    pub too_severe: bool,
    /// In `strict`, an agent that heard nothing for so long refuses nothing for being
    /// unknown.
    pub max_silence: SignedDuration,
}

impl NodePolicy {
    /// Whether what is denied for `reason` must not start from a node's own copy: harm, and
    /// what was withdrawn. That evidence is missing or has become old stops pulls alone.
    pub fn denies(&self, reason: DenialReason) -> bool {
        match reason.class() {
            ReasonClass::Withdrawn => true,
            ReasonClass::Harm => reason != DenialReason::TooSevere || self.too_severe,
            ReasonClass::Evidence | ReasonClass::Structural | ReasonClass::OwnFailure => false,
        }
    }
}
