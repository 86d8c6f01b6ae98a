//! Pods that requests from outside can reach, in a cluster that counts as internal.

use super::expected::ExpectedCluster;
use super::listed::some_of;
use super::snapshot::Snapshot;
use crate::diagnosis::Diagnosis;

pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Option<Diagnosis> {
    let reached: Vec<String> = snapshot
        .exposed_pods
        .iter()
        .filter(|reached| !expected.is_exempt(snapshot, &reached.namespace))
        .map(|reached| format!("{}/{} ({})", reached.namespace, reached.pod, reached.path))
        .collect();
    (expected.internal && !reached.is_empty()).then(|| {
        Diagnosis::note(format!(
            "can be reached from outside: {}",
            some_of(&reached)
        ))
        .why("their images are judged as external here; a pull is judged as its listener says")
        .next("see what leads there is meant to; denied ones are listed with their images")
    })
}
