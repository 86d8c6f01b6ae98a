//! All that was found, for people and for scripts.

use serde::Serialize;

use super::proof::Proof;
use crate::diagnosis::{Diagnosis, is_sound};
use crate::nodes::Runtime;
use crate::nodes::doctor::{OnNode, PullOutcome, openness};

/// What `--output json` prints.
#[derive(Debug, Serialize)]
pub struct NodeReport {
    /// Every file and every pull leads to the gateway only.
    pub closed: bool,
    pub gateway: String,
    pub runtimes: Vec<&'static str>,
    pub findings: Vec<NodeFindingView>,
    pub proofs: Vec<ProofView>,
}

#[derive(Debug, Serialize)]
pub struct NodeFindingView {
    pub runtime: &'static str,
    pub severity: &'static str,
    pub place: String,
    pub what: String,
    pub why: String,
    pub next_step: String,
}

#[derive(Debug, Serialize)]
pub struct ProofView {
    pub runtime: &'static str,
    pub what: String,
    pub image: String,
    pub outcome: &'static str,
    /// The runtime's own words.
    pub said: String,
}

impl NodeReport {
    pub fn new(
        gateway: String,
        runtimes: &[Runtime],
        mut findings: Vec<Diagnosis<OnNode>>,
        proofs: Vec<Proof>,
    ) -> Self {
        findings.sort_by_key(|finding| (finding.about.runtime.as_str(), finding.gravity));
        let closed = is_sound(&findings)
            && proofs
                .iter()
                .all(|proof| proof.outcome == PullOutcome::Closed);
        Self {
            closed,
            gateway,
            runtimes: runtimes.iter().map(|runtime| runtime.as_str()).collect(),
            findings: findings.into_iter().map(NodeFindingView::from).collect(),
            proofs: proofs.into_iter().map(ProofView::from).collect(),
        }
    }
}

impl From<Diagnosis<OnNode>> for NodeFindingView {
    fn from(found: Diagnosis<OnNode>) -> Self {
        Self {
            runtime: found.about.runtime.as_str(),
            severity: openness(found.gravity),
            place: found.about.place,
            what: found.what,
            why: found.why,
            next_step: found.next_step,
        }
    }
}

impl From<Proof> for ProofView {
    fn from(proof: Proof) -> Self {
        Self {
            runtime: proof.runtime.as_str(),
            what: proof.what,
            image: proof.image,
            outcome: proof.outcome.as_str(),
            said: proof.said,
        }
    }
}
