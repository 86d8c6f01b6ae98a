//! Pods as rows: what runs where, and what leads to it from outside.

use super::short_name::short_name;
use crate::api::{ExposureWatchState, PodWatchView, RunningPodView};
use crate::oci::readable;

/// One Pod that runs an image.
pub(super) struct PodRow {
    pub image: String,
    pub short: String,
    pub digest: String,
    pub place: String,
    pub workload: String,
    /// The way from outside.
    pub way: Option<String>,
    pub by_name: bool,
}

impl PodRow {
    pub fn new(image: &str, digest: &str, pod: &RunningPodView) -> Self {
        let workload = pod.workload.as_ref().unwrap_or(&pod.pod);
        Self {
            image: image.to_owned(),
            short: short_name(image),
            digest: digest.to_owned(),
            place: format!("{}/{}", pod.cluster, readable(&pod.namespace, 100)),
            workload: readable(workload, 200),
            way: pod.reached_by.as_deref().map(|way| readable(way, 300)),
            by_name: pod.by_name,
        }
    }
}

/// Pods in few words: how many, of which workload, and whether outsiders reach some.
pub(super) struct PodsInBrief {
    pub told: String,
    pub exposed: bool,
    /// It is not known whether any runs.
    pub unknown: bool,
}

impl PodsInBrief {
    pub fn new(pods: Option<&[RunningPodView]>) -> Self {
        let exposed = |pods: &[RunningPodView]| pods.iter().any(|it| it.reached_by.is_some());
        Self {
            told: match pods {
                None => "unknown".to_owned(),
                Some([]) => "none".to_owned(),
                Some([first, rest @ ..]) => {
                    let workload = first.workload.as_ref().unwrap_or(&first.pod);
                    let more = match rest.len() {
                        0 => String::new(),
                        more => format!(" and {more} more"),
                    };
                    format!(
                        "{}/{}{more}",
                        readable(&first.namespace, 80),
                        readable(workload, 120)
                    )
                }
            },
            exposed: pods.is_some_and(exposed),
            unknown: pods.is_none(),
        }
    }
}

/// Whether Pods of all clusters are known.
pub(super) fn knows_pods(clusters: &[PodWatchView]) -> bool {
    let followed = |it: &PodWatchView| it.pods == ExposureWatchState::Followed;
    !clusters.is_empty() && clusters.iter().all(followed)
}
