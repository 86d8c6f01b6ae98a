//! What verdicts and decisions take in memory, for what remembers them.

use super::{
    Check, Decision, DecisionId, Denial, DenialReason, EnvironmentName, Exposure, ExposureSource,
    Subject, Verdict, WorkloadLocation,
};
use crate::memory::HeapSize;

impl HeapSize for DenialReason {}
impl HeapSize for Exposure {}

impl HeapSize for EnvironmentName {
    fn heap_size(&self) -> usize {
        self.as_str().heap_size()
    }
}

impl HeapSize for Subject {
    fn heap_size(&self) -> usize {
        self.environment.heap_size() + self.repository.heap_size() + self.digest.heap_size()
    }
}

impl HeapSize for WorkloadLocation {
    fn heap_size(&self) -> usize {
        let on_node = self.node.heap_size() + self.container.heap_size();
        let run_by = self.namespace.heap_size() + self.workload.heap_size();
        self.cluster.heap_size() + run_by + on_node
    }
}

impl HeapSize for ExposureSource {
    fn heap_size(&self) -> usize {
        match self {
            Self::Rule(reason) => reason.heap_size(),
            Self::Cluster(path) => path.heap_size(),
            Self::Listener | Self::Asked => 0,
        }
    }
}

impl HeapSize for Denial {
    fn heap_size(&self) -> usize {
        self.detail.heap_size() + self.next_step.heap_size()
    }
}

impl HeapSize for Check {
    fn heap_size(&self) -> usize {
        self.requirement.heap_size() + self.text.heap_size() + self.platform.heap_size()
    }
}

impl HeapSize for DecisionId {
    fn heap_size(&self) -> usize {
        self.as_str().heap_size()
    }
}

impl HeapSize for Verdict {
    fn heap_size(&self) -> usize {
        self.subject.heap_size()
            + self.exposure_source.heap_size()
            + self.denials.heap_size()
            + self.checks.heap_size()
            + self.evidence.heap_size()
    }
}

impl HeapSize for Decision {
    fn heap_size(&self) -> usize {
        let texts = [&self.principal, &self.image, &self.message];
        let texts = texts.map(|text| text.heap_size()).iter().sum::<usize>();
        let judged = self.reasons.heap_size() + self.denials.heap_size() + self.checks.heap_size();
        let asked = self.client.heap_size() + self.upstream.heap_size() + self.digest.heap_size();
        let under = self.policy_revision.heap_size() + self.exposure_source.heap_size();
        let place = self.location.heap_size() + self.environment.heap_size() + self.id.heap_size();
        texts + judged + asked + under + place + self.evidence.heap_size()
    }
}
