//! All that was found, for people and for scripts.

use serde::Serialize;

use super::agent_gate::AgentGate;
use super::proof::Proof;
use crate::diagnosis::{Diagnosis, is_sound};
use crate::node_agent::CanaryOutcome;
use crate::nodes::doctor::{OnNode, PullOutcome, openness, pull_cause};
use crate::nodes::{GatewayUrl, Runtime};

/// What `--output json` prints.
#[derive(Debug, Serialize)]
pub struct NodeReport {
    /// Every file and every pull leads to the gateway only; and an agent refuses, where one
    /// is wanted.
    pub closed: bool,
    /// The first of them; empty: only the agent was looked at.
    pub gateway: String,
    pub gateways: Vec<String>,
    pub runtimes: Vec<&'static str>,
    pub findings: Vec<NodeFindingView>,
    pub proofs: Vec<ProofView>,
    pub agents: Vec<AgentView>,
}

/// How a runtime asks an agent.
#[derive(Debug, Serialize)]
pub struct AgentView {
    pub runtime: &'static str,
    /// Empty: it is not known.
    pub version: String,
    /// `on`, `off`, `closed` to plugins from outside, `absent` or `unknown`.
    pub nri: &'static str,
    pub nri_socket: String,
    /// Left out where none was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryView>,
}

#[derive(Debug, Serialize)]
pub struct CanaryView {
    /// `closed`: it was refused. `open`: it was created. `unproven`: it could not be sent.
    pub outcome: &'static str,
    /// The runtime's own words.
    pub said: String,
}

/// What was found on a node.
#[derive(Debug)]
pub struct Found {
    pub findings: Vec<Diagnosis<OnNode>>,
    pub proofs: Vec<Proof>,
    pub agents: Vec<AgentGate>,
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
    pub fn new(gateways: &[GatewayUrl], runtimes: &[Runtime], found: Found) -> Self {
        let Found {
            mut findings,
            proofs,
            agents,
        } = found;
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
            agents: agents.into_iter().map(AgentView::from).collect(),
        }
    }
}

impl From<AgentGate> for AgentView {
    fn from(gate: AgentGate) -> Self {
        Self {
            runtime: gate.runtime.as_str(),
            nri: gate.state.as_str(),
            nri_socket: gate.nri_socket.display().to_string(),
            canary: gate.canary.map(CanaryView::from),
            version: gate.version,
        }
    }
}

impl From<CanaryOutcome> for CanaryView {
    fn from(sent: CanaryOutcome) -> Self {
        let (outcome, said) = match sent {
            CanaryOutcome::Refused(said) => (PullOutcome::Closed, said),
            CanaryOutcome::LetStart => (PullOutcome::Open, String::new()),
            CanaryOutcome::Failed(why) => (PullOutcome::Unproven, why.to_string()),
        };
        let outcome = outcome.as_str();
        Self { outcome, said }
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
