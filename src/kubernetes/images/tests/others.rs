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
        (
            "kafka.strimzi.io/v1beta2",
            "Kafka",
            "{ kafka: { brokerRackInitImage: a:1 } }",
            "kafka.brokerRackInitImage",
        ),
        (
            "kafka.strimzi.io/v1beta2",
            "Kafka",
            "{ entityOperator: { tlsSidecar: { image: a:1 } } }",
            "entityOperator.tlsSidecar.image",
        ),
        (
            "jaegertracing.io/v1",
            "Jaeger",
            "{ agent: { image: a:1 } }",
            "agent.image",
        ),
        (
            "jaegertracing.io/v1",
            "Jaeger",
            "{ storage: { esIndexCleaner: { image: a:1 } } }",
            "storage.esIndexCleaner.image",
        ),
        (
            "postgresql.cnpg.io/v1",
            "Cluster",
            "{ postgresql: { extensions: [{ image: { reference: a:1 } }] } }",
            "postgresql.extensions[0].image.reference",
        ),
        (
            "acid.zalan.do/v1",
            "postgresql",
            "{ connectionPooler: { dockerImage: a:1 } }",
            "connectionPooler.dockerImage",
        ),
        (
            "minio.min.io/v2",
            "Tenant",
            "{ kes: { image: a:1 } }",
            "kes.image",
        ),
        (
            "opentelemetry.io/v1beta1",
            "OpenTelemetryCollector",
            "{ additionalContainers: [{ image: a:1 }] }",
            "additionalContainers[0].image",
        ),
        (
            "argoproj.io/v1alpha1",
            "Workflow",
            "{ templates: [{ steps: [[{ inline: { container: { image: a:1 } } }]] }] }",
            "templates[0].steps[0][0].inline.container.image",
        ),
        (
            "argoproj.io/v1alpha1",
            "WorkflowTemplate",
            "{ templates: [{ dag: { tasks: [{ inline: { script: { image: a:1 } } }] } }] }",
            "templates[0].dag.tasks[0].inline.script.image",
        ),
        (
            "argoproj.io/v1alpha1",
            "CronWorkflow",
            "{ workflowSpec: { templateDefaults: { sidecars: [{ image: a:1 }] } } }",
            "workflowSpec.templateDefaults.sidecars[0].image",
        ),
        (
            "tekton.dev/v1",
            "Pipeline",
            "{ tasks: [{ pipelineSpec: { tasks: [{ taskSpec: { steps: [{ image: a:1 }] } }] } }] }",
            "tasks[0].pipelineSpec.tasks[0].taskSpec.steps[0].image",
        ),
    ] {
        let text = object(version, kind, spec);
        assert_eq!(images(&text), [format!("a:1 {kind}/x spec.{path} -")]);
        assert_eq!(overlooked(&text), [""; 0], "{text}");
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

/// The paths of what looks like an image and was not read.
fn overlooked(text: &str) -> Vec<String> {
    let manifests = read(text);
    let places = manifests.overlooked().iter();
    places.map(|place| place.path.clone()).collect()
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
    assert_eq!(strange(&manifests), ["Database", "Fleet"]);
    assert_eq!(manifests.kinds().map(|kind| kind.objects).sum::<usize>(), 4);
    assert_eq!(overlooked(&text), ["spec.engine.image"]);

    let named = KindImages::parse("Database", "spec.engine.image").unwrap();
    let mut manifests = Manifests::knowing(vec![named]);
    manifests.add("all.yaml", &text).unwrap();
    assert_eq!(strange(&manifests), ["Fleet"]);
    assert_eq!(manifests.overlooked(), []);
    let database = manifests.kinds().find(|kind| kind.kind == "Database");
    let images = |kind: &KindSeen| kind.images;
    assert_eq!(database.map(images), Some(1));
}

#[test]
fn tells_what_looks_like_an_image_where_none_is_known() {
    for (version, kind, spec, paths) in [
        (
            "jaegertracing.io/v1",
            "Jaeger",
            "{ ingress: { oauthProxyImage: a:1 }, query: { image: b:1 } }",
            &["spec.ingress.oauthProxyImage"][..],
        ),
        (
            "argoproj.io/v1alpha1",
            "Application",
            "{ sources: [{ kustomize: { images: ['a=b:1', c:2] } }] }",
            &[
                "spec.sources[0].kustomize.images[0]",
                "spec.sources[0].kustomize.images[1]",
            ],
        ),
        (
            "helm.toolkit.fluxcd.io/v2",
            "HelmRelease",
            "{ values: { image: { repository: a, tag: '1' }, web: { image: b:1 } },
               postRenderers: [{ kustomize: { images: [{ name: a, newTag: '2' }] } }] }",
            &[
                "spec.values.image",
                "spec.values.web.image",
                "spec.postRenderers[0].kustomize.images[0]",
            ],
        ),
        (
            "sparkoperator.k8s.io/v1alpha1",
            "SparkConnect",
            "{ image: a:1, images: { b: b:1, image: c:1 }, pullImage: true, imagePullPolicy: Always }",
            &["spec.image", "spec.images.b", "spec.images.image"],
        ),
        (
            "argoproj.io/v1alpha1",
            "Workflow",
            "{ templates: [{ resource: { manifest: 'kind: Pod' } }] }",
            &["spec.templates[0].resource.manifest"],
        ),
        (
            "postgresql.cnpg.io/v1",
            "Cluster",
            "{ template: { volumes: [{ rbd: { image: a } }, { image: { reference: b:1 } }],
               containers: [{ image: c:1 }] } }",
            &[],
        ),
        (
            "v1",
            "Node",
            "{ images: [{ names: [a:1] }], image: a:1 }",
            &[],
        ),
    ] {
        let text = object(version, kind, spec);
        assert_eq!(overlooked(&text), paths, "{text}");
    }
    let kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
                         images: [{ name: a, newTag: '2' }]\nmetadata: { image: a:1 }\n";
    assert_eq!(overlooked(kustomization), ["images[0]"]);
}

#[test]
fn tells_the_kinds_that_stand_for_objects_elsewhere() {
    let text = [
        object("argoproj.io/v1alpha1", "Application", "{ source: {} }"),
        object("helm.toolkit.fluxcd.io/v2", "HelmRelease", "{ chart: {} }"),
        object("argoproj.io/v1alpha1", "AppProject", "{ roles: [] }"),
    ]
    .join("---\n");
    let manifests = read(&text);
    let kinds = manifests.kinds().filter(|kind| kind.renders_elsewhere);
    let kinds: Vec<&str> = kinds.map(|kind| kind.kind.as_str()).collect();
    assert_eq!(kinds, ["Application", "HelmRelease"]);
}

#[test]
fn keys_that_are_cut_alike_hide_no_image() {
    let key = "k".repeat(200);
    let text = object(
        "example.com/v1",
        "Fleet",
        &format!(
            "{{ {key}1: {{ containers: [{{ image: a:1 }}] }}, {key}2: {{ containers: [{{ image: b:1 }}] }} }}"
        ),
    );
    assert_eq!(images(&text).len(), 2);
}
