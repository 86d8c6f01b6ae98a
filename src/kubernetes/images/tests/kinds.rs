//! Every kind of object, and what only looks like one.

use super::reading::{images, read};

#[test]
fn finds_all_that_a_pod_runs() {
    let pod = "
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop }
spec:
  initContainers: [{ name: init, image: 'busybox:1' }, { name: sidecar, image: envoy:1, restartPolicy: Always }]
  containers:
  - name: app
    image: registry.corp/app@sha256:00
    env: [{ name: image, value: not/this:1 }]
  ephemeralContainers: [{ name: debug, image: tools:2, targetContainerName: app }]
  volumes:
  - { name: data, emptyDir: {} }
  - { name: old, rbd: { image: not-this } }
  - { name: model, image: { reference: 'registry.corp/model:3', pullPolicy: Always } }
";
    assert_eq!(
        images(pod),
        [
            "busybox:1 Pod/shop/web spec.initContainers[0].image init",
            "envoy:1 Pod/shop/web spec.initContainers[1].image sidecar",
            "registry.corp/app@sha256:00 Pod/shop/web spec.containers[0].image app",
            "tools:2 Pod/shop/web spec.ephemeralContainers[0].image debug",
            "registry.corp/model:3 Pod/shop/web spec.volumes[2].image.reference model",
        ]
    );
}

#[test]
fn finds_the_templates_of_every_workload() {
    let pod = "{ spec: { containers: [{ name: c, image: a:1 }] } }";
    for (kind, spec, path) in [
        ("Deployment", format!("template: {pod}"), "spec.template"),
        (
            "CronJob",
            format!("jobTemplate: {{ spec: {{ template: {pod} }} }}"),
            "spec.jobTemplate.spec.template",
        ),
        (
            "Rollout",
            format!("strategy: {{ canary: {{}} }}\n  template: {pod}"),
            "spec.template",
        ),
        (
            "JobSet",
            format!("replicatedJobs: [{{ template: {{ spec: {{ template: {pod} }} }} }}]"),
            "spec.replicatedJobs[0].template.spec.template",
        ),
    ] {
        let text = format!("kind: {kind}\nmetadata: {{ name: x }}\nspec:\n  {spec}\n");
        let expected = format!("a:1 {kind}/x {path}.spec.containers[0].image c");
        assert_eq!(images(&text), [expected], "{text}");
    }
}

#[test]
fn finds_the_containers_of_knative_and_of_a_template_at_the_root() {
    let text = "
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: hello }
spec: { template: { spec: { containers: [{ image: hello:1 }] } } }
---
apiVersion: v1
kind: PodTemplate
metadata: { generateName: tpl- }
template: { spec: { containers: [{ name: c, image: tpl:1 }] } }
";
    assert_eq!(
        images(text),
        [
            "hello:1 Service/hello spec.template.spec.containers[0].image -",
            "tpl:1 PodTemplate/tpl- template.spec.containers[0].image c",
        ]
    );
}

#[test]
fn looks_into_lists_of_lists() {
    let text = "
kind: List
items:
- kind: List
  items:
  - { kind: Pod, metadata: { name: a }, spec: { containers: [{ image: a:1 }] } }
- kind: PodList
  items:
  - { metadata: { name: b, namespace: ns }, spec: { containers: [{ image: b:1 }] } }
- just text
";
    assert_eq!(
        images(text),
        [
            "a:1 Pod/a items[0].items[0].spec.containers[0].image -",
            "b:1 Pod/ns/b items[1].items[0].spec.containers[0].image -",
        ]
    );
    let manifests = read(text);
    assert_eq!((manifests.objects(), manifests.non_objects()), (2, 1));
}

#[test]
fn places_name_document_and_line() {
    let text = "# rendered\n---\n---\nkind: Namespace\nmetadata: { name: shop }\n---\n\
                kind: Pod\nmetadata: { name: web }\nspec:\n  containers:\n  - image: a:1\n";
    let manifests = read(text);
    let place = &manifests.images()[0].place;
    assert_eq!((place.document, place.line), (2, 7));
    assert_eq!(
        place.to_string(),
        "Pod/web spec.containers[0].image in all.yaml:7"
    );
    assert_eq!(manifests.objects(), 2);
}

#[test]
fn reads_json_and_anchors() {
    let json = r#"{"kind":"Pod","metadata":{"name":"j"},"spec":{"containers":[{"image":"j:1"}]}}"#;
    assert_eq!(images(json), ["j:1 Pod/j spec.containers[0].image -"]);
    let anchored = "
kind: Pod
metadata: { name: an }
x-image: &image y:1
spec:
  containers:
  - &base { name: one, image: *image }
  - { <<: *base, name: two }
  - *base
";
    assert_eq!(
        images(anchored),
        [
            "y:1 Pod/an spec.containers[0].image one",
            "y:1 Pod/an spec.containers[1].image two",
            "y:1 Pod/an spec.containers[2].image one",
        ]
    );
}

#[test]
fn text_schemas_and_values_run_nothing() {
    let text = r#"
kind: ConfigMap
metadata: { name: text }
data: { pod.yaml: "kind: Pod\nspec: { containers: [{ image: no:1 }] }" }
containers: [{ image: no:1 }]
---
apiVersion: v1
kind: Secret
metadata: { name: text }
spec: { template: { spec: { containers: [{ image: no:1 }] } } }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: things }
spec: { default: { containers: [{ image: no:1 }] } }
---
containers: [{ image: no:1 }]
---
- containers: [{ image: no:1 }]
---
just text
"#;
    let manifests = read(text);
    assert_eq!(manifests.images(), []);
    assert_eq!((manifests.objects(), manifests.non_objects()), (3, 3));
}

#[test]
fn kinds_of_others_run_what_they_hold_though_they_are_called_like_data() {
    for (version, kind) in [
        ("example.com/v1", "Secret"),
        ("example.com/v1", "ConfigMap"),
        ("v1", "CustomResourceDefinition"),
    ] {
        let text = format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata: {{ name: x }}\n\
             spec: {{ template: {{ spec: {{ containers: [{{ image: a:1 }}] }} }} }}\n"
        );
        let path = "spec.template.spec.containers[0].image";
        assert_eq!(images(&text), [format!("a:1 {kind}/x {path} -")]);
    }
}

#[test]
fn what_names_things_is_harmless() {
    let text = format!(
        "kind: \"Po\\x1b[2Jd\"\nmetadata: {{ name: '{}' }}\n'k{}': {{ containers: [{{ image: a:1 }}] }}\n",
        "n".repeat(900),
        "e".repeat(900)
    );
    let manifests = read(&text);
    let place = &manifests.images()[0].place;
    assert_eq!((place.kind.as_str(), place.name.len()), ("Po?[2Jd", 253));
    assert!(place.path.len() < 200, "{}", place.path);
}
