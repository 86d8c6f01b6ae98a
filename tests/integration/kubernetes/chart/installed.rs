//! A release on real API servers: installed, upgraded and uninstalled, with nobody to run
//! its Pods.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::values::{POSTGRES, SAMPLE, by_hand, printed};
use crate::lab::kubernetes::{ControlPlane, Kubectl, Version};
use crate::lab::{Helm, or_skip, outcome};
use crate::readme::commands_of;

/// Nobody runs the check of the configuration here.
const NO_HOOKS: &str = "--no-hooks";
/// Kinds of the chart that no other program brings.
const KINDS: [&str; 9] = [
    "deployment",
    "service",
    "configmap",
    "serviceaccount",
    "role",
    "rolebinding",
    "poddisruptionbudget",
    "networkpolicy",
    "horizontalpodautoscaler",
];

fn of_ours(kubectl: &Kubectl, kind: &str) -> Vec<Value> {
    let label = ["-l", "app.kubernetes.io/name=sekisho", "-n", "sekisho"];
    let found = kubectl.get(&[&[kind][..], &label].concat());
    let mut found = found.unwrap_or_default();
    match found["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

#[test]
fn both_generations_take_the_chart_upgrade_it_and_are_rid_of_it() {
    for (version, asked) in [(Version::V1_34, "1.34"), (Version::V1_37, "1.37")] {
        let control = or_skip!(ControlPlane::start(version));
        let kubectl = control.kubectl();
        let helm = or_skip!(Helm::beside(&kubectl));
        let values = printed(SAMPLE, &["--kubernetes-version", asked]);
        helm.install(&values, &[NO_HOOKS]).expect_ok();
        assert_eq!(of_ours(&kubectl, "deployment").len(), 1);
        let policy = [
            "validatingadmissionpolicy",
            "sekisho-registries-production-a",
        ];
        assert!(kubectl.get(&policy).is_some());

        let more = ["--set", "networkPolicy.enabled=true", NO_HOOKS];
        helm.install(&values, &more).expect_ok();
        assert_eq!(of_ours(&kubectl, "networkpolicy").len(), 1);

        helm.uninstall().expect_ok();
        for kind in KINDS {
            assert_eq!(of_ours(&kubectl, kind), [0; 0], "{kind}");
        }
        assert!(kubectl.get(&policy).is_none());
        let kept = of_ours(&kubectl, "persistentvolumeclaim");
        assert_eq!(kept.len(), 1, "the ledger outlives the release");
    }
}

/// Word by word what the pages say, but for the check of the configuration.
#[test]
fn the_two_commands_of_the_pages_install_it() {
    let control = or_skip!(ControlPlane::start(Version::V1_37));
    let kubectl = control.kubectl();
    for page in ["README.md", "docs/kubernetes.md"] {
        let helm = or_skip!(Helm::beside(&kubectl));
        let ours = commands_of(page, "sekisho");
        let prints = ours
            .iter()
            .find(|words| words.contains(&"--helm-values".to_owned()));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sekisho.toml"), SAMPLE).unwrap();
        let values = program(&prints.unwrap()[1..], folder.path());
        fs::write(folder.path().join("values.yaml"), values).unwrap();
        symlink(
            concat!(env!("CARGO_MANIFEST_DIR"), "/config"),
            folder.path().join("config"),
        )
        .unwrap();
        let [install] = &commands_of(page, "helm")[..] else {
            panic!("{page}")
        };
        let install: Vec<&str> = install[1..].iter().map(String::as_str).collect();
        helm.run_in(folder.path(), &[&install[..], &[NO_HOOKS]].concat())
            .expect_ok();
        assert_eq!(of_ours(&kubectl, "deployment").len(), 1, "{page}");
        helm.uninstall().expect_ok();
    }
}

fn program(arguments: &[String], folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    outcome(command.args(arguments).current_dir(folder)).expect_ok()
}

#[test]
fn a_release_over_postgresql_is_taken_with_everything_switched_on() {
    let control = or_skip!(ControlPlane::start(Version::V1_37));
    let kubectl = control.kubectl();
    let helm = or_skip!(Helm::beside(&kubectl));
    let values = by_hand(&format!("{SAMPLE}{POSTGRES}"));
    let set = "networkPolicy.enabled=true,autoscaling.enabled=true,gateway.enabled=true";
    helm.install(&values, &["--set", set, NO_HOOKS]).expect_ok();
    for kind in KINDS {
        assert!(!of_ours(&kubectl, kind).is_empty(), "{kind}");
    }
}

/// What an API server that is asked twice has changed in between is a drift, which a
/// controller of GitOps would mend for ever.
#[test]
fn a_second_upgrade_with_the_same_values_changes_nothing() {
    let control = or_skip!(ControlPlane::start(Version::V1_37));
    let kubectl = control.kubectl();
    let helm = or_skip!(Helm::beside(&kubectl));
    let values = by_hand(&format!("{SAMPLE}{POSTGRES}"));
    let generations = || -> Vec<Value> {
        let all = KINDS.iter().flat_map(|kind| of_ours(&kubectl, kind));
        all.map(|object| object["metadata"]["resourceVersion"].clone())
            .collect()
    };
    helm.install(&values, &[NO_HOOKS]).expect_ok();
    let before = generations();
    helm.install(&values, &[NO_HOOKS]).expect_ok();
    assert_eq!(generations(), before);
}
