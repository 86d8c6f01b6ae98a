//! Running Pods, judged again when requests from outside can newly reach them.

use std::time::Instant;

use jiff::Timestamp;

use super::Webhook;
use super::cluster::ClusterPolicy;
use super::pod::workload;
use super::review_call::target;
use crate::access::{PROGRAM, Principal, Role, Scope};
use crate::gate::{AdmissionContext, AdmissionOutcome, Client};
use crate::kubernetes::exposure::NewlyExposedPod;
use crate::oci::printable;
use crate::trust::WorkloadLocation;

/// The verdict on a running Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunningPodVerdict {
    /// Its namespace is exempt.
    Exempt,
    Admitted,
    /// It would be denied now. It goes on running; the denial is recorded.
    WouldBeDenied,
}

impl Webhook {
    /// Judges a running Pod as external. A denial is recorded like any other; the Pod
    /// goes on running.
    pub async fn rejudge(
        &self,
        cluster: &str,
        newly_exposed: &NewlyExposedPod,
        now: Timestamp,
    ) -> RunningPodVerdict {
        let Some(cluster) = self.clusters.get(cluster) else {
            return RunningPodVerdict::Exempt;
        };
        if cluster.is_exempt(&newly_exposed.namespace) {
            return RunningPodVerdict::Exempt;
        }
        let (path, place) = (
            newly_exposed.path.to_string(),
            place_of(cluster, newly_exposed),
        );
        let client = Client {
            listener: cluster.listener.clone(),
            principal: Principal::new(PROGRAM, Role::Puller, Scope::everything()),
            address: None,
        };
        let rule = cluster.rule(&newly_exposed.namespace);
        let trial = AdmissionContext {
            client: &client,
            place: &place,
            mode: rule.and_then(|rule| rule.mode),
            reached_by: Some(&path),
            dry_run: true,
            now,
            started: Instant::now(),
        };
        let mut standing = RunningPodVerdict::Admitted;
        for image in &newly_exposed.images {
            if !self.is_admitted(cluster, trial, image).await {
                standing = RunningPodVerdict::WouldBeDenied;
            }
        }
        standing
    }

    /// Judges in a dry run first, since a pass is not recorded.
    async fn is_admitted(
        &self,
        cluster: &ClusterPolicy,
        trial: AdmissionContext<'_>,
        image: &str,
    ) -> bool {
        let is_allowed = self.ask(cluster, trial, image).await.is_allowed();
        if !is_allowed {
            let earnest = AdmissionContext {
                dry_run: false,
                ..trial
            };
            self.ask(cluster, earnest, image).await;
        }
        is_allowed
    }

    async fn ask(
        &self,
        cluster: &ClusterPolicy,
        admission: AdmissionContext<'_>,
        image: &str,
    ) -> AdmissionOutcome {
        match cluster.names.read_by_node(image) {
            Ok(named) => {
                let reference = named.reference();
                self.gate
                    .admit(admission, &target(&named), &reference)
                    .await
            }
            Err(denial) => self.gate.refuse_image(admission, image, denial).await,
        }
    }
}

fn place_of(cluster: &ClusterPolicy, newly_exposed: &NewlyExposedPod) -> WorkloadLocation {
    let runs = match &newly_exposed.owner {
        Some(owner) => workload(&owner.kind, &owner.name),
        None => workload("Pod", &newly_exposed.name),
    };
    WorkloadLocation {
        cluster: cluster.name.clone(),
        namespace: printable(&newly_exposed.namespace, 63).into(),
        workload: runs.into(),
        node: None,
        container: None,
    }
}
