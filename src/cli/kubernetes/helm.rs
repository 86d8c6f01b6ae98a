//! The values of the chart, which makes of them what `manifests` prints.

use serde_json::{Value, json};

use crate::kubernetes::objects::{Installation, Replicas, Workload};

/// The comment above the values.
pub(super) fn preface(installation: &Installation) -> String {
    let Installation {
        cluster, namespace, ..
    } = installation;
    format!(
        "Values of config/helm/sekisho for the cluster {cluster}:\n\
         helm upgrade --install sekisho config/helm/sekisho --namespace {namespace} \
         --create-namespace --values FILE"
    )
}

/// The chart reads in the configuration what it needs besides.
pub(super) fn values(program: &Workload, policies: Vec<Value>) -> Value {
    let mut values = json!({
        "image": program.image,
        "config": program.config,
        "policies": policies,
    });
    if let Replicas::Shared(count) = program.replicas {
        values["replicas"] = json!(count);
    }
    values
}
