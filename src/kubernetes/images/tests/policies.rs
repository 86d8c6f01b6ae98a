//! Policies, which hold patterns of images, and what of them runs all the same.

use super::reading::{images, read};
use crate::kubernetes::images::{KindImages, Manifests};

const PATTERN: &str = "{ spec: { containers: [{ image: '!*:latest' }, { image: 'a:1' }] } }";

fn policy(version: &str, kind: &str, spec: &str) -> String {
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{ name: p }}\nspec: {spec}\n")
}

/// The paths of what is told as not looked at.
fn overlooked(text: &str) -> Vec<String> {
    let manifests = read(text);
    let places = manifests.overlooked().iter();
    places.map(|place| place.path.clone()).collect()
}

#[test]
fn what_policies_compare_objects_with_is_no_image() {
    for (version, kind, spec) in [
        (
            "kyverno.io/v1",
            "ClusterPolicy",
            format!(
                "{{ rules: [{{ validate: {{ pattern: {PATTERN} }}, \
                 verifyImages: [{{ image: 'a/*' }}] }}] }}"
            ),
        ),
        (
            "kyverno.io/v1",
            "Policy",
            format!("{{ rules: [{{ exclude: {{}}, validate: {{ anyPattern: [{PATTERN}] }} }}] }}"),
        ),
        (
            "kyverno.io/v2",
            "ClusterCleanupPolicy",
            format!("{{ match: {PATTERN}, conditions: {{ any: [{{ image: a }}] }} }}"),
        ),
        (
            "policies.kyverno.io/v1alpha1",
            "ImageValidatingPolicy",
            "{ images: [{ name: a, expression: b }] }".to_owned(),
        ),
        (
            "constraints.gatekeeper.sh/v1beta1",
            "K8sAllowedRepos",
            format!("{{ parameters: {{ exemptImages: ['a/*'], like: {PATTERN} }} }}"),
        ),
        (
            "templates.gatekeeper.sh/v1",
            "ConstraintTemplate",
            "{ crd: { spec: { validation: { image: a } } } }".to_owned(),
        ),
    ] {
        let text = policy(version, kind, &spec);
        let manifests = read(&text);
        assert_eq!(manifests.images(), [], "{text}");
        assert_eq!(manifests.overlooked(), [], "{text}");
        let mut kinds = manifests.kinds();
        assert!(kinds.all(|kind| !kind.not_understood), "{text}");
    }
}

#[test]
fn what_a_policy_generates_or_changes_runs() {
    let text = policy(
        "kyverno.io/v1",
        "ClusterPolicy",
        &format!("{{ rules: [{{ mutate: {{ patchStrategicMerge: {PATTERN} }} }}] }}"),
    );
    let path = "spec.rules[0].mutate.patchStrategicMerge.spec.containers";
    assert_eq!(
        images(&text),
        [format!("a:1 ClusterPolicy/p {path}[1].image -")]
    );
    assert_eq!(overlooked(&text), [format!("{path}[0].image")]);
    let text = policy(
        "kyverno.io/v1",
        "ClusterPolicy",
        "{ rules: [{ generate: { apiVersion: apps/v1, kind: Deployment, name: d, data: \
         { spec: { template: { spec: { containers: [{ image: g:1 }] } } } } } }] }",
    );
    assert_eq!(images(&text).len(), 1);
}

#[test]
fn the_modules_of_kubewarden_are_told_and_its_server_is_judged() {
    let group = "policies.kubewarden.io/v1";
    let module = "module: registry://ghcr.io/kubewarden/policies/a:v1";
    let text = policy(
        group,
        "ClusterAdmissionPolicy",
        &format!("{{ {module}, settings: {{ images: {{ reject: ['a*'] }} }} }}"),
    );
    assert_eq!(overlooked(&text), ["spec.module"]);
    let text = policy(
        group,
        "AdmissionPolicyGroup",
        &format!("{{ policies: {{ one: {{ {module} }} }} }}"),
    );
    assert_eq!(overlooked(&text), ["spec.policies.one.module"]);
    let text = policy(group, "PolicyServer", "{ image: s:1 }");
    assert_eq!(images(&text), ["s:1 PolicyServer/p spec.image -"]);
}

#[test]
fn a_template_that_calls_itself_a_policy_hides_no_container() {
    for claim in [
        "apiVersion: kyverno.io/v1, kind: ClusterPolicy",
        "apiVersion: kyverno.io/v2, kind: CleanupPolicy",
        "apiVersion: constraints.gatekeeper.sh/v1, kind: Any",
    ] {
        let template = format!("{{ {claim}, spec: {{ containers: [{{ image: a:1 }}] }} }}");
        let spec = format!("{{ template: {template} }}");
        let text = policy("argoproj.io/v1alpha1", "Rollout", &spec);
        assert_eq!(images(&text).len(), 1, "{claim}");
    }
}

#[test]
fn a_text_that_nobody_reads_is_told_where_the_kind_is_not_known() {
    let spec = "{ containers: [{ image: '!*:latest' }, { image: '{{ it }}' }, { image: 'a:b:c' }, \
                { image: registry://a/b }, { image: No/Name }, { image: ' a:1 ' }], \
                volumes: [{ image: { reference: 'a/*' } }] }";
    let text = policy("example.com/v1", "Odd", spec);
    assert_eq!(
        overlooked(&text),
        [
            "spec.containers[0].image",
            "spec.containers[1].image",
            "spec.containers[2].image",
            "spec.containers[3].image",
            "spec.volumes[0].image.reference",
        ]
    );
    // Some parser reads these: they are judged by their names.
    assert_eq!(images(&text).len(), 2);
    for (version, kind) in [("apps/v1", "Deployment"), ("argoproj.io/v1", "Rollout")] {
        let text = policy(version, kind, "{ containers: [{ image: '!*:latest' }] }");
        assert_eq!(images(&text).len(), 1, "{kind}");
    }
    let named = vec![KindImages::parse("Odd", "spec.other").unwrap()];
    let mut manifests = Manifests::knowing(named);
    manifests.add("all.yaml", &text).unwrap();
    assert_eq!(manifests.images().len(), 7);
}
