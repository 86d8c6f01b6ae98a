//! Pods that run already, looked at again when outside requests come to reach them.

use std::time::Instant;

use jiff::Timestamp;

use super::Webhook;
use super::cluster::Cluster;
use super::pod::workload;
use super::review_call::target;
use crate::access::{Principal, Role, Scope};
use crate::gate::{Admission, Admitted, Asker};
use crate::kubernetes::exposure::Raised;
use crate::oci::printable;
use crate::trust::Place;

/// In whose name they are looked at.
const PRINCIPAL: &str = "sekisho";

/// What a Pod that runs would be told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody is asked about its namespace.
    Exempt,
    Admitted,
    /// It runs on, and its denial stands in the record.
    WouldBeDenied,
}

impl Webhook {
    /// Judges a Pod of the cluster under its risen exposure. A denial is recorded
    /// like any other; nothing is done to the Pod.
    pub async fn look_again(&self, cluster: &str, raised: &Raised, now: Timestamp) -> Standing {
        let Some(cluster) = self.clusters.get(cluster) else {
            return Standing::Exempt;
        };
        if cluster.is_exempt(&raised.namespace) {
            return Standing::Exempt;
        }
        let (way, place) = (raised.way.to_string(), place_of(cluster, raised));
        let asker = Asker {
            listener: cluster.listener.clone(),
            principal: Principal::new(PRINCIPAL, Role::Puller, Scope::everything()),
            client: None,
        };
        let rule = cluster.rule(&raised.namespace);
        let trial = Admission {
            asker: &asker,
            place: &place,
            mode: rule.and_then(|rule| rule.mode),
            reached_by: Some(&way),
            dry_run: true,
            now,
            started: Instant::now(),
        };
        let mut standing = Standing::Admitted;
        for image in &raised.images {
            if !self.stands(cluster, trial, image).await {
                standing = Standing::WouldBeDenied;
            }
        }
        standing
    }

    /// Tries first, since a pass is nothing new and is not recorded.
    async fn stands(&self, cluster: &Cluster, trial: Admission<'_>, image: &str) -> bool {
        let is_allowed = self.ask(cluster, trial, image).await.is_allowed();
        if !is_allowed {
            let earnest = Admission {
                dry_run: false,
                ..trial
            };
            self.ask(cluster, earnest, image).await;
        }
        is_allowed
    }

    async fn ask(&self, cluster: &Cluster, admission: Admission<'_>, image: &str) -> Admitted {
        match cluster.names.read(image) {
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

fn place_of(cluster: &Cluster, raised: &Raised) -> Place {
    let runs = match &raised.owner {
        Some(owner) => workload(&owner.kind, &owner.name),
        None => workload("Pod", &raised.name),
    };
    Place {
        cluster: cluster.name.clone(),
        namespace: printable(&raised.namespace, 63).into(),
        workload: runs.into(),
    }
}
