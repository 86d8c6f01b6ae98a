//! All that was found, for people and for scripts.

use serde::Serialize;

use super::proof::Proof;
use crate::diagnosis::{Diagnosis, is_sound};
use crate::nodes::doctor::{OnNode, PullOutcome, openness, pull_cause};
use crate::nodes::{GatewayUrl, Runtime};

/// What `--output json` prints.
#[derive(Debug, Serialize)]
pub struct NodeReport {
    /// Every file and every pull leads to the gateway only.
    pub closed: bool,
    /// The first of them.
    pub gateway: String,
    pub gateways: Vec<String>,
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
    /// Why nothing is proven, where the runtime's words tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseView>,
    /// The runtime's own words.
    pub said: String,
}

#[derive(Debug, Serialize)]
pub struct CauseView {
    pub code: &'static str,
    pub meaning: &'static str,
    pub next_step: String,
}

impl NodeReport {
    pub fn new(
        gateways: &[GatewayUrl],
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
            gateway: gateways
                .first()
                .map(GatewayUrl::to_string)
                .unwrap_or_default(),
            gateways: gateways.iter().map(GatewayUrl::to_string).collect(),
            runtimes: runtimes.iter().map(|runtime| runtime.as_str()).collect(),
            findings: findings.into_iter().map(NodeFindingView::from).collect(),
            proofs: proofs
                .into_iter()
                .map(|proof| ProofView::new(proof, gateways))
                .collect(),
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

impl ProofView {
    fn new(proof: Proof, gateways: &[GatewayUrl]) -> Self {
        let unproven = proof.outcome == PullOutcome::Unproven;
        let cause = unproven
            .then(|| pull_cause(&proof.said, gateways))
            .flatten();
        Self {
            runtime: proof.runtime.as_str(),
            what: proof.what,
            image: proof.image,
            outcome: proof.outcome.as_str(),
            cause: cause.map(|(cause, gateway)| CauseView {
                code: cause.as_str(),
                meaning: cause.meaning(),
                next_step: cause.next_step(proof.runtime, gateway),
            }),
            said: proof.said,
        }
    }
}
