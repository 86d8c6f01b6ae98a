//! What is in use: the images of running Pods, and judging them again in the background.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Components;
use super::config::ClusterConfig;
use super::exposures::exposures_of_pulls;
use super::on_nodes::images_on_nodes;
use super::webhook;
use crate::gate::{ExposureInput, ImageInUse, ImageUsage, RejudgeRound};
use crate::kubernetes::exposure::RunningPod;
use crate::ledger::LedgerError;
use crate::metrics::{DeniedInUseLabels, ImageUse, SharedWork};
use crate::oci::{Digest, Repository};
use crate::trust::{EnvironmentName, ImageNames, Subject};

/// Judges what is in use again, as far as something has changed; a bounded part of it.
pub(super) async fn rejudge_once(parts: Arc<Components>, now: Timestamp) {
    if !parts.ledger.index().is_complete() {
        return;
    }
    let rulebook = parts.gate.rulebook();
    let exposures = exposures_of_pulls(&parts);
    let pulled = |subject: &Subject| {
        let exposure = exposures.get(&subject.environment).copied();
        ExposureInput::Listener(exposure.unwrap_or_default())
    };
    let round = RejudgeRound {
        rulebook: &rulebook,
        running: &|| running_images(&parts),
        pulled: &pulled,
        is_written: parts.leases.held(SharedWork::Rejudging),
        now,
    };
    if let Err(error) = parts.gate.rejudger().once(&round).await {
        tracing::error!(%error, "what is in use is not judged again");
    }
}

/// Shows what of all that is in use would be denied.
pub(super) async fn show_once(parts: &Components) -> Result<(), LedgerError> {
    let denied = parts.ledger.denied_in_use(0, None).await?;
    parts.running_denied.replace(&denied);
    let mut counts: BTreeMap<_, i64> = BTreeMap::new();
    for found in &denied {
        let it = &found.denied;
        let of = (&it.subject.environment, it.denial.reason, it.is_running);
        *counts.entry(of).or_default() += 1;
    }
    let counts = counts.into_iter();
    let labelled = counts.map(|((environment, reason, is_running), count)| {
        let usage = match is_running {
            true => ImageUse::Running,
            false => ImageUse::Pulled,
        };
        let labels = DeniedInUseLabels {
            environment: environment.as_str().into(),
            reason,
            usage,
        };
        (labels, count)
    });
    parts.metrics.watch.denied_in_use.replace(labelled);
    Ok(())
}

/// The images that Pods run, once for each Pod: of the clusters that are followed, without
/// the namespaces that are exempt there. And those that agents on nodes tell of.
pub(super) fn running_images(parts: &Components) -> Vec<ImageInUse> {
    let names = webhook::image_names(&parts.config, Vec::new());
    let mut images = Vec::new();
    for cluster in &parts.config.clusters {
        let Some(live) = parts.clusters.0.get(&cluster.name) else {
            continue;
        };
        let names = ImageNames {
            gateways: vec![cluster.gateway.clone()],
            ..names.clone()
        };
        for ((namespace, _), pod) in live.knowledge.running_pods() {
            if is_exempt(parts, cluster, &namespace) {
                continue;
            }
            let exposure = match live.knowledge.reaches(&namespace, &pod.pod) {
                true => ExposureInput::Reached,
                false => ExposureInput::Listener(cluster.exposure),
            };
            let subjects = subjects_of(&pod, &names, &cluster.environment);
            images.extend(subjects.into_iter().map(|subject| ImageInUse {
                subject,
                exposure,
                usage: ImageUsage::Running,
            }));
        }
    }
    images.extend(images_on_nodes(parts));
    images
}

fn is_exempt(parts: &Components, cluster: &ClusterConfig, namespace: &str) -> bool {
    let mut exempt = cluster.exempt_namespaces.iter();
    parts.clusters.own_namespace(cluster) == Some(namespace) || exempt.any(|it| it == namespace)
}

/// What the runtime says that it runs, and what the Pod names by digest.
fn subjects_of(
    pod: &RunningPod,
    names: &ImageNames,
    environment: &EnvironmentName,
) -> Vec<Subject> {
    let said = pod.image_ids.iter().chain(&pod.images);
    let mut subjects: Vec<Subject> = Vec::new();
    for text in said {
        // `docker-pullable://name@sha256:…`
        let name = text.rsplit("://").next().unwrap_or(text);
        let Some((repository, digest)) = named_by_digest(name, names) else {
            continue;
        };
        let subject = Subject {
            environment: environment.clone(),
            repository,
            digest,
        };
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    subjects
}

fn named_by_digest(name: &str, names: &ImageNames) -> Option<(Repository, Digest)> {
    let named = names.read_by_node(name).ok()?;
    Some((named.repository, named.digest?))
}
