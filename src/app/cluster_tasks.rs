//! What the program does in its clusters unasked: it looks again at Pods that became
//! reachable, and keeps the webhooks in force.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::clusters::ConnectedCluster;
use super::config::TlsConfig;
use super::{Components, installation};
use crate::admission::{RunningPodVerdict, Webhook};
use crate::kubernetes::client::{ExposureWatcher, ReconcileOutcome, WebhookReconciler};
use crate::kubernetes::objects::webhook_configurations;
use crate::metrics::{PodVerdict, PodsRaisedLabels, SharedWork, WebhookArmedLabels};
use crate::tasks::Tasks;

/// How often newly exposed Pods are judged again.
const EXPOSURE_PERIOD: Duration = Duration::from_secs(1);
/// How often webhook configurations are reconciled.
const RECONCILE_PERIOD: Duration = Duration::from_secs(15);

/// Starts the background loops.
pub(super) fn spawn(parts: &Arc<Components>, door: &Arc<Webhook>, tasks: &Tasks) {
    for (name, live) in &parts.clusters.0 {
        let watching = Arc::new(ExposureTask {
            name: name.clone(),
            knowledge: live.knowledge.clone(),
            door: door.clone(),
            parts: parts.clone(),
        });
        tasks.every("exposure", EXPOSURE_PERIOD, move |now| {
            newly_exposed_once(watching.clone(), now)
        });
        if live.is_own && shows_own_certificate(parts) {
            spawn_reconciler(name, live, parts, tasks);
        }
    }
}

/// Whether the webhook's certificate is the program's own. With certificates from files,
/// their owner publishes the bundle.
fn shows_own_certificate(parts: &Components) -> bool {
    let webhook = parts.config.webhook.as_ref();
    webhook.is_some_and(|webhook| webhook.tls == TlsConfig::Auto)
}

struct ExposureTask {
    name: String,
    knowledge: Arc<ExposureWatcher>,
    door: Arc<Webhook>,
    parts: Arc<Components>,
}

/// Judges newly exposed Pods again.
async fn newly_exposed_once(watching: Arc<ExposureTask>, now: Timestamp) {
    for newly_exposed in watching.knowledge.newly_exposed_once() {
        // Each replica watches; one of them tells.
        if !watching.parts.leases.held(SharedWork::Rejudging) {
            continue;
        }
        let standing = watching
            .door
            .rejudge(&watching.name, &newly_exposed, now)
            .await;
        let is_denied = match standing {
            RunningPodVerdict::Exempt => continue,
            RunningPodVerdict::Admitted => false,
            RunningPodVerdict::WouldBeDenied => true,
        };
        let labels = PodsRaisedLabels {
            cluster: watching.name.as_str().into(),
            verdict: match is_denied {
                true => PodVerdict::Denied,
                false => PodVerdict::Allowed,
            },
        };
        watching
            .parts
            .metrics
            .pods_raised
            .get_or_create(&labels)
            .inc();
        if is_denied {
            tracing::warn!(
                cluster = watching.name,
                pod.namespace = %newly_exposed.namespace,
                pod.name = %newly_exposed.name,
                path = %newly_exposed.path,
                "a running Pod became reachable, and would be denied now"
            );
        }
    }
}

struct ReconcileTask {
    name: String,
    parts: Arc<Components>,
    reconciler: Mutex<WebhookReconciler>,
}

fn spawn_reconciler(name: &str, live: &ConnectedCluster, parts: &Arc<Components>, tasks: &Tasks) {
    let reconciled = Arc::new(ReconcileTask {
        name: name.to_owned(),
        parts: parts.clone(),
        reconciler: Mutex::new(WebhookReconciler::new(live.cluster.clone())),
    });
    tasks.every("webhooks", RECONCILE_PERIOD, move |now| {
        reconcile_once(reconciled.clone(), now)
    });
}

/// Creates or repairs the webhook configurations, with the current CA bundle.
async fn reconcile_once(reconciled: Arc<ReconcileTask>, now: Timestamp) {
    if !reconciled.parts.leases.held(SharedWork::Webhooks) {
        // The replica that looks after them tells how they do.
        reconciled.parts.metrics.webhook_armed.clear();
        return;
    }
    let config = &reconciled.parts.config;
    let found = config.clusters.iter().find(|it| it.name == reconciled.name);
    let (Some(cluster), Some(manager)) = (found, &reconciled.parts.authority) else {
        return;
    };
    let mut desired = match installation::installation(config, cluster) {
        Ok(desired) => desired,
        Err(error) => {
            tracing::error!(cluster = reconciled.name, %error, "webhooks not looked after");
            return;
        }
    };
    desired.ca_bundle = Some(manager.bundle().borrow().to_string());
    let desired = webhook_configurations(&desired);
    for armed_now in reconciled.reconciler.lock().await.once(&desired, now).await {
        let stands = matches!(
            armed_now.outcome,
            ReconcileOutcome::InForce | ReconcileOutcome::Created | ReconcileOutcome::Repaired(_)
        );
        let labels = WebhookArmedLabels {
            cluster: reconciled.name.as_str().into(),
            configuration: armed_now.configuration.into(),
        };
        let gauge = reconciled
            .parts
            .metrics
            .webhook_armed
            .get_or_create_owned(&labels);
        gauge.set(i64::from(stands));
    }
}
