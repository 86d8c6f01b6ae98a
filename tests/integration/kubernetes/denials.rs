//! What kubectl shows of images that are denied.

use super::guarded::{ENFORCED, Guarded, pod};
use crate::lab::kubernetes::Version;
use crate::lab::or_skip;

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: enforced}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: main, image: \"team/other:1\"}]}
";

#[test]
fn the_reason_stands_in_the_error_of_kubectl() {
    for version in Version::ALL {
        let cluster = or_skip!(Guarded::shared(version));
        for (image, reason) in [
            ("team/other:1", "not-scanned"),
            ("quay.example/x:1", "unknown-upstream"),
            ("registry-1.docker.io/library/x", "ambiguous-reference"),
        ] {
            let told = cluster.kubectl().apply(&pod(ENFORCED, "denied", image));
            let told = told.expect_failure();
            assert!(told.contains(&format!(": {reason}: ")), "{image}: {told}");
            assert!(told.contains("container \"main\""), "{image}: {told}");
        }
        assert_eq!(
            cluster.kubectl().get(&["pods", "-n", ENFORCED, "denied"]),
            None
        );
    }
}

#[test]
fn a_deployment_is_taken_with_a_warning_and_never_drifts() {
    for version in Version::ALL {
        let cluster = or_skip!(Guarded::shared(version));
        let kubectl = cluster.kubectl();
        let applied = kubectl.apply(DEPLOYMENT);
        let warning = "Warning: sekisho: container \"main\" team/other:1: not-scanned: ";
        assert!(
            applied.ok() && applied.stderr.contains(warning),
            "{applied:?}"
        );
        kubectl.with_file("diff", DEPLOYMENT).expect_ok();
        let again = kubectl.apply(DEPLOYMENT).expect_ok();
        assert!(again.contains("deployment.apps/shop unchanged"), "{again}");
    }
}

#[test]
fn a_trial_leaves_no_decision() {
    let cluster = or_skip!(Guarded::shared(Version::V1_37));
    let kubectl = cluster.kubectl();
    kubectl.create_namespace("trials");
    let trial = kubectl.tried(&pod("trials", "trial", "team/other:1"));
    let told = trial.expect_failure();
    assert!(told.contains("not-scanned"), "{told}");
    kubectl
        .apply(&pod("trials", "earnest", "team/other:1"))
        .expect_failure();
    let recorded = cluster.denial("trials", "Pod/earnest");
    assert_eq!(recorded["principal"], "admin");
    // Decisions are written in the order in which they are made.
    assert_eq!(cluster.denials("trials"), [recorded]);
}

#[test]
fn a_mirror_annotation_of_a_user_exempts_nothing() {
    let cluster = or_skip!(Guarded::shared(Version::V1_37));
    let claimed = "metadata: {annotations: {kubernetes.io/config.mirror: x}, ";
    let denied = pod(ENFORCED, "mirror", "team/other:1")
        .replace("metadata: {", claimed)
        .replace("spec:\n", "spec:\n  nodeName: node1\n");
    let told = cluster.kubectl().apply(&denied).expect_failure();
    assert!(told.contains("not-scanned"), "{told}");
}
