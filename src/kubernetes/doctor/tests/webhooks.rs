//! Our own webhooks, their endpoints, the policies, and the trial.

use serde_json::json;

use super::super::DryRun;
use super::cluster::{binding, expected, healthy, items, slice, webhook_mut};
use super::whole::{assert_told, found, of, wrong};
use crate::diagnosis::Gravity;

const MUTATE: &str = "pods.mutate.sekisho.internal";
const VALIDATE: &str = "pods.validate.sekisho.internal";

#[test]
fn a_webhook_that_is_not_there_is_reported() {
    let mut snapshot = healthy();
    snapshot.mutating = items(Vec::new());
    let wrong = wrong(&snapshot, &expected());
    assert_eq!(
        wrong,
        [format!("the webhook zz-sekisho-prod/{MUTATE} is not there")]
    );
}

#[test]
fn a_webhook_that_takes_in_what_must_start_first_is_reported() {
    let mut snapshot = healthy();
    webhook_mut(&mut snapshot, VALIDATE)["namespaceSelector"] = json!({});
    let wrong = wrong(&snapshot, &expected());
    assert_told(&wrong, "takes in the namespace sekisho");
    assert_told(&wrong, "takes in the namespace kube-system");
}

#[test]
fn long_timeouts_of_a_webhook_are_reported() {
    let mut snapshot = healthy();
    let webhook = webhook_mut(&mut snapshot, MUTATE);
    webhook["failurePolicy"] = json!("Fail");
    webhook["timeoutSeconds"] = json!(30);
    webhook["sideEffects"] = json!("Unknown");
    webhook["rules"][1]["resources"] = json!(["pods/status"]);
    let wrong = wrong(&snapshot, &expected());
    for words in [
        "refuses requests while it cannot be asked",
        "may keep a request waiting for 30 s",
        "declares side effects",
        "is not asked about ephemeral containers",
    ] {
        assert_told(&wrong, words);
    }
}

#[test]
fn a_service_without_ready_pods_is_reported() {
    for (ready, fatal, told) in [
        (0, false, Some("no Pod is ready behind sekisho/sekisho")),
        (0, true, Some("no Pod is ready behind sekisho/sekisho")),
        (
            1,
            true,
            Some("only one Pod is ready behind sekisho/sekisho"),
        ),
        (1, false, None),
        (2, true, None),
    ] {
        let mut snapshot = healthy();
        snapshot.slices = items(vec![slice(ready)]);
        if fatal {
            webhook_mut(&mut snapshot, VALIDATE)["failurePolicy"] = json!("Fail");
        }
        let told: Vec<String> = told.map(str::to_owned).into_iter().collect();
        assert_eq!(wrong(&snapshot, &expected()), told, "{ready} {fatal}");
    }
}

#[test]
fn a_missing_policy_is_reported_and_a_lenient_one_noted() {
    let mut snapshot = healthy();
    snapshot.policies = items(Vec::new());
    assert_told(
        &wrong(&snapshot, &expected()),
        "sekisho-registries-prod is not there",
    );
    let mut snapshot = healthy();
    snapshot.policy_bindings = items(vec![binding(&["Warn"])]);
    let notes = of(&found(&snapshot, &expected()), Gravity::Note);
    assert_eq!(notes, ["the policy sekisho-registries-prod only warns"]);
}

#[test]
fn the_trial_shows_whether_a_new_pod_is_rewritten() {
    let admitted = |image: &str| DryRun::Admitted {
        asked: "docker.io/library/nginx".to_owned(),
        image: image.to_owned(),
    };
    let refused = |words: &str| DryRun::Refused(words.to_owned());
    for (trial, told) in [
        (admitted("gate.example:5080/docker.io/library/nginx"), None),
        (
            refused("admission webhook \"pods.validate.sekisho.internal\" denied the request: x"),
            None,
        ),
        (
            admitted("docker.io/library/nginx"),
            Some("stays docker.io/library/nginx"),
        ),
        (
            refused("failed calling webhook \"pods.validate.sekisho.internal\": x509: expired"),
            Some("a new Pod is refused, and not by a verdict"),
        ),
    ] {
        let mut snapshot = healthy();
        snapshot.dry_run = trial;
        let wrong = wrong(&snapshot, &expected());
        match told {
            Some(words) => assert_told(&wrong, words),
            None => assert_eq!(wrong, [""; 0]),
        }
    }
    let mut snapshot = healthy();
    for (trial, told) in [
        (
            DryRun::NotTried("forbidden".to_owned()),
            "no Pod was tried in a dry run",
        ),
        (
            refused("pods \"sekisho-doctor-x\" is forbidden: exceeded quota"),
            "the Pod of the dry run was refused by others than Sekisho",
        ),
    ] {
        snapshot.dry_run = trial;
        let unknown = of(&found(&snapshot, &expected()), Gravity::Unknown);
        assert_eq!(unknown, [told]);
    }
}
