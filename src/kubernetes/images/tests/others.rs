//! Kinds of others, by the table and by named paths; and those that nobody knows.

use super::reading::{images, read};
use crate::kubernetes::images::{ImageProblem, KindImages, KindSeen, Manifests};

#[test]
fn finds_images_where_argo_and_tekton_have_them() {
    let workflow = "
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: { name: w }
spec:
  templates:
  - { name: a, container: { image: a:1 }, sidecars: [{ name: s, image: s:1 }] }
  - { name: b, script: { image: b:1 }, initContainers: [{ name: i, image: i:1 }] }
  - { name: c, containerSet: { containers: [{ name: c, image: c:1 }] } }
";
    let mut found = images(workflow);
    found.sort();
    assert_eq!(
        found,
        [
            "a:1 Workflow/w spec.templates[0].container.image -",
            "b:1 Workflow/w spec.templates[1].script.image -",
            "c:1 Workflow/w spec.templates[2].containerSet.containers[0].image c",
            "i:1 Workflow/w spec.templates[1].initContainers[0].image i",
            "s:1 Workflow/w spec.templates[0].sidecars[0].image s",
        ]
    );
    for (kind, spec, path) in [
        (
            "tekton.dev/v1 Task",
            "{ steps: [{ image: a:1 }] }",
            "steps[0]",
        ),
        (
            "tekton.dev/v1 TaskRun",
            "{ taskSpec: { sidecars: [{ image: a:1 }] } }",
            "taskSpec.sidecars[0]",
        ),
        (
            "tekton.dev/v1 Pipeline",
            "{ finally: [{ taskSpec: { steps: [{ image: a:1 }] } }] }",
            "finally[0].taskSpec.steps[0]",
        ),
        (
            "argoproj.io/v1alpha1 CronWorkflow",
            "{ workflowSpec: { templates: [{ script: { image: a:1 } }] } }",
            "workflowSpec.templates[0].script",
        ),
        (
            "argoproj.io/v1alpha1 Rollout",
            "{ template: { spec: { containers: [{ image: a:1 }] } } }",
            "template.spec.containers[0]",
        ),
    ] {
        let (version, kind) = kind.split_once(' ').unwrap();
        let text = object(version, kind, spec);
        assert_eq!(images(&text), [format!("a:1 {kind}/x spec.{path}.image -")]);
    }
}

fn object(version: &str, kind: &str, spec: &str) -> String {
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{ name: x }}\nspec: {spec}\n")
}

#[test]
fn finds_the_images_of_operators() {
    for (version, kind, spec, path) in [
        (
            "monitoring.coreos.com/v1",
            "Prometheus",
            "{ image: a:1 }",
            "image",
        ),
        (
            "postgresql.cnpg.io/v1",
            "Cluster",
            "{ imageName: a:1 }",
            "imageName",
        ),
        (
            "kafka.strimzi.io/v1beta2",
            "Kafka",
            "{ kafka: { image: a:1 } }",
            "kafka.image",
        ),
    ] {
        let found = images(&object(version, kind, spec));
        assert_eq!(found, [format!("a:1 {kind}/x spec.{path} -")]);
    }
    // The same kind of somebody else is another kind.
    assert_eq!(
        images(&object("example.com/v1", "Prometheus", "{ image: a:1 }")).len(),
        0
    );
}

#[test]
fn leaves_open_what_is_filled_in_when_it_runs() {
    for image in ["'{{inputs.parameters.image}}'", "'$(params.image)'"] {
        let text = object(
            "tekton.dev/v1",
            "Task",
            &format!("{{ steps: [{{ image: {image} }}] }}"),
        );
        let manifests = read(&text);
        assert_eq!(manifests.images(), []);
        let [unclear] = manifests.unclear() else {
            panic!("{:?}", manifests.unclear());
        };
        assert_eq!(
            (unclear.problem, unclear.is_final),
            (ImageProblem::FilledIn, false)
        );
    }
}

#[test]
fn tells_the_kinds_that_it_does_not_understand() {
    let text = [
        object("example.com/v1", "Database", "{ engine: { image: a:1 } }"),
        object(
            "example.com/v1",
            "Fleet",
            "{ template: { spec: { containers: [{ image: a:1 }] } } }",
        ),
        object("v1", "Service", "{ ports: [] }"),
        object("monitoring.coreos.com/v1", "Prometheus", "{ replicas: 2 }"),
    ]
    .join("---\n");
    let strange = |manifests: &Manifests| -> Vec<String> {
        let kinds = manifests.kinds().filter(|kind| kind.not_understood);
        kinds.map(|kind| kind.kind.clone()).collect()
    };
    let manifests = read(&text);
    assert_eq!(strange(&manifests), ["Database"]);
    assert_eq!(manifests.kinds().map(|kind| kind.objects).sum::<usize>(), 4);

    let named = KindImages::parse("Database", "spec.engine.image").unwrap();
    let mut manifests = Manifests::knowing(vec![named]);
    manifests.add("all.yaml", &text).unwrap();
    assert_eq!(strange(&manifests), [""; 0]);
    let database = manifests.kinds().find(|kind| kind.kind == "Database");
    let images = |kind: &KindSeen| kind.images;
    assert_eq!(database.map(images), Some(1));
}
