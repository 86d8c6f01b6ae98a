//! What the cluster tells of ways from outside, and what comes of it for Pods.

use std::time::Duration;

use serde_json::json;

use super::guarded::{ENFORCED, Guarded, HUB, pod};
use crate::lab::kubernetes::{Kubectl, Version};
use crate::lab::{eventually, or_skip, trivy_with};

const KNOWN_WITHIN: Duration = Duration::from_secs(30);
const RAISED: &str = "sekisho_pods_raised_total";

fn labelled(name: &str, app: &str) -> String {
    let labels = format!("metadata: {{labels: {{app: {app}}}, ");
    pod(ENFORCED, name, "team/app:1").replace("metadata: {", &labels)
}

fn service(app: &str, kind: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": app, "namespace": ENFORCED },
        "spec": { "type": kind, "selector": { "app": app }, "ports": [{ "port": 80 }] },
    })
    .to_string()
}

fn ingress(app: &str) -> String {
    let backend = json!({ "service": { "name": app, "port": { "number": 80 } } });
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": { "name": app, "namespace": ENFORCED },
        "spec": { "defaultBackend": backend },
    })
    .to_string()
}

/// As its kubelet would say.
fn runs(kubectl: &Kubectl, name: &str) {
    let status = json!({ "status": { "phase": "Running" } }).to_string();
    let patch = ["patch", "pod", name, "-n", ENFORCED, "--subresource=status"];
    kubectl
        .run(&[&patch[..], &["-p", &status]].concat())
        .expect_ok();
}

/// Admitted where only the inside reaches it.
fn admit_with_a_medium_finding(cluster: &Guarded) {
    let image = cluster.site.image("team/app");
    let gateway = &cluster.site.gateway;
    let repository = format!("{HUB}/team/app");
    let report = trivy_with(&repository, &image, &[("CVE-2026-0001", "MEDIUM")]);
    let name = format!("{repository}@{}", image.amd64);
    gateway.submit(&name, &report).expect_ok();
    let promote = ["promote", &name, "--to", "production", "--force"];
    gateway.command(&promote).expect_ok();
}

#[test]
fn a_pod_is_denied_once_requests_from_outside_reach_it_and_running_ones_are_reported() {
    let cluster = or_skip!(Guarded::with_webhooks(Version::V1_37));
    admit_with_a_medium_finding(&cluster);
    let kubectl = cluster.kubectl();
    let open = vec![service("open", "LoadBalancer")];
    let routed = vec![service("routed", "ClusterIP"), ingress("routed")];
    for (at, (app, objects, way)) in [
        ("open", open, "Service enforced/open (LoadBalancer) -> Pod"),
        (
            "routed",
            routed,
            "Ingress enforced/routed -> Service enforced/routed -> Pod",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        kubectl.applied(&labelled(&format!("running-{app}"), app));
        runs(&kubectl, &format!("running-{app}"));
        for object in objects {
            kubectl.applied(&object);
        }
        let new = labelled(&format!("new-{app}"), app);
        let told = eventually("a denial", KNOWN_WITHIN, || {
            let tried = kubectl.tried(&new);
            (!tried.ok()).then(|| tried.text())
        });
        assert!(
            told.contains(": too-severe: CVE-2026-0001 MEDIUM"),
            "{told}"
        );
        kubectl.apply(&new).expect_failure();
        let denied = cluster.denial(ENFORCED, &format!("Pod/new-{app}"));
        let wanted = json!({ "value": "external", "source": "cluster", "reason": way });
        assert_eq!(denied["exposure"], wanted);
        eventually("a risen Pod", KNOWN_WITHIN, || {
            let raised = cluster.site.gateway.metric(RAISED, "verdict=\"denied\"");
            (raised >= (at + 1) as f64).then_some(())
        });
    }
    assert_eq!(cluster.site.gateway.metric(RAISED, ""), 2.0);
    // A Pod that runs is found by the digest that the webhook bound it to.
    let search = ["images", "--cve", "CVE-2026-0001", "--output", "json"];
    let found = cluster.site.gateway.command(&search);
    let text = found.text();
    found.expect_ok();
    for part in [
        "\"pod\":\"running-open\"",
        "\"pod\":\"running-routed\"",
        "\"pods\":\"followed\"",
        "\"reached_by\":\"Service enforced/open (LoadBalancer) -> Pod\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    kubectl.applied(&labelled("inside", "inside"));
    tells_what_is_reached_and_could_not_start_again(&cluster);
}

/// Both Pods run what is denied by now; the one inside could start again.
fn tells_what_is_reached_and_could_not_start_again(cluster: &Guarded) {
    let exposed = ["images", "--cve", "CVE-2026-0001", "--exposed"];
    let exposed = cluster.site.gateway.command(&exposed);
    let text = exposed.text();
    exposed.expect_ok();
    assert!(text.contains("team/app@sha256:"), "{text}");
    let foreseen = ["forecast", "--running", "--output", "json"];
    let foreseen = cluster.site.gateway.command(&foreseen).text();
    for part in [
        "\"cause\":\"denied-now\"",
        "\"reason\":\"too-severe\"",
        "\"pod\":\"running-open\"",
        "\"pod\":\"running-routed\"",
    ] {
        assert!(foreseen.contains(part), "{part}: {foreseen}");
    }
}
