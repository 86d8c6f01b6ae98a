//! Decisions, from the ledger's prunable index of the audit log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{CheckView, DenialView, ExposureView, VerdictQuery};
use crate::oci::{Digest, ImageRef, RegistryHost, distinct};
use crate::trust::{Decision, DecisionId, DenialReason, Door, EnvironmentName, Mode, Outcome};

/// Where decisions are listed: `GET` with a [`DecisionQuery`]. One of them lies
/// below, at its id.
pub const DECISIONS: &str = "/api/v1/decisions";

/// The most decisions that one answer lists.
pub const MAX_DECISIONS: usize = 1000;

/// Which decisions. Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DecisionQuery {
    /// Given at that time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// `denied`, `would-deny`, `break-glass` or `allowed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub verdict: Option<Outcome>,
    /// Given before that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// A part of the image's name, as it was asked for; a name, as at the gateway too; a
    /// digest; or a glob over `host/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// One of the reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub reason: Option<DenialReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Of each kind (environment, principal, client, first reason) the newest in turns,
    /// so that many of one kind push out no other. Such an answer has no next page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spread: bool,
    /// The `next` of an answer: what follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Whose id begins so, with at least 6 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// 100 when absent, 1000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Some decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionList {
    pub decisions: Vec<DecisionRecord>,
    /// Where older ones follow; absent behind the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionRecord {
    #[schema(value_type = String)]
    pub id: DecisionId,
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// How often the same was decided within its minute.
    pub count: u64,
    #[schema(value_type = String)]
    pub door: Door,
    /// The cluster, where the webhook asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What would run it, as `Kind/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The node whose agent tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Likewise: the container of the Pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    pub principal: String,
    /// The principal is only claimed: who asked the webhook showed no certificate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unauthenticated: bool,
    /// Address of the client.
    pub client: Option<String>,
    /// As it was asked for.
    pub image: String,
    #[schema(value_type = Option<String>)]
    pub upstream: Option<RegistryHost>,
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// `denied`, `would-deny`, `break-glass` or `allowed`.
    #[schema(value_type = String)]
    pub verdict: Outcome,
    #[schema(value_type = Vec<String>)]
    pub reasons: Vec<DenialReason>,
    /// The same in words, as they were then; not in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<DenialView>,
    /// The chain of checks, as it was then; not in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckView>,
    /// The line that the client was shown; empty for a pass.
    pub message: String,
    #[schema(value_type = String)]
    pub mode: Mode,
    pub exposure: ExposureView,
    pub policy_revision: String,
    pub evidence: Vec<String>,
    /// Age of the oldest evidence, in seconds.
    pub evidence_age_s: Option<i64>,
    /// Age of what was known of the ledger, in seconds, when it was not fresh.
    pub ledger_age_s: Option<i64>,
    pub duration_us: u64,
}

impl From<Decision> for DecisionRecord {
    fn from(decision: Decision) -> Self {
        let exposure = ExposureView::new(decision.exposure, &decision.exposure_source);
        let denials = denials(&decision);
        let place = decision.location.as_ref();
        Self {
            cluster: place
                .map(|place| place.cluster.to_string())
                .filter(|cluster| !cluster.is_empty()),
            namespace: place.map(|place| place.namespace.to_string()),
            workload: place.map(|place| place.workload.to_string()),
            node: place.and_then(|place| place.node.as_ref().map(ToString::to_string)),
            container: place.and_then(|place| place.container.as_ref().map(ToString::to_string)),
            id: decision.id,
            time: decision.time,
            count: decision.count,
            door: decision.door,
            environment: decision.environment,
            principal: decision.principal,
            unauthenticated: decision.unauthenticated,
            client: decision.client,
            image: decision.image,
            upstream: decision.upstream,
            digest: decision.digest,
            verdict: decision.verdict,
            denials,
            checks: decision.checks.iter().map(Into::into).collect(),
            reasons: decision.reasons,
            message: decision.message,
            mode: decision.mode,
            exposure,
            policy_revision: decision.policy_revision,
            evidence: decision.evidence,
            evidence_age_s: decision.evidence_age_s,
            ledger_age_s: decision.ledger_age_s,
            duration_us: decision.duration_us,
        }
    }
}

impl DecisionRecord {
    /// Where a Pod would have run it: `cluster/namespace Kind/name`, and whether that
    /// is only claimed. On a node `node/namespace Kind/name, container`.
    pub fn place(&self) -> Option<String> {
        let cluster = self.cluster.as_ref().or(self.node.as_ref())?;
        let namespace = self.namespace.as_ref()?;
        let mut workload = self.workload.clone().unwrap_or_default();
        if let Some(container) = &self.container {
            workload += &format!(", {container}");
        }
        Some(format!("{cluster}/{namespace} {workload}{}", self.doubt()))
    }

    /// What asks for the verdict on the same digest now, with every finding. `None`: it was
    /// about no digest of an upstream.
    pub fn asked_again(&self) -> Option<VerdictQuery> {
        let image = ImageRef::parse(&self.image, self.upstream.as_ref()?).ok()?;
        Some(VerdictQuery {
            image: format!("{}@{}", image.repository(), self.digest.as_ref()?),
            environment: Some(self.environment.clone()),
            exposure: Some(self.exposure.value),
            findings: true,
            any_gateway: false,
        })
    }

    /// The code of each reason once: an index has one for each of its platforms.
    pub fn reason_codes(&self) -> Vec<&'static str> {
        distinct(self.reasons.iter().map(|it| it.code()))
    }

    /// ` (unauthenticated)` behind what is only claimed, else nothing.
    pub fn doubt(&self) -> &'static str {
        match self.unauthenticated {
            true => " (unauthenticated)",
            false => "",
        }
    }

    /// As it is told to who may not read what people wrote and granted.
    #[must_use]
    pub fn nameless(mut self) -> Self {
        self.checks.iter_mut().for_each(CheckView::forget_names);
        self
    }

    /// Without the chain, as lists show it.
    pub fn in_brief(self) -> Self {
        Self {
            denials: Vec::new(),
            checks: Vec::new(),
            ..self
        }
    }
}

fn denials(decision: &Decision) -> Vec<DenialView> {
    let lifter = match decision.verdict {
        Outcome::WouldDeny => Some("mode"),
        Outcome::BreakGlass => Some("break-glass"),
        Outcome::Allowed | Outcome::Denied => None,
    };
    let denials = decision.denials.iter();
    denials
        .map(|denial| DenialView::new(denial, lifter))
        .collect()
}
