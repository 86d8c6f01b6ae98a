//! Objects that lie in other objects.

use super::reading::{images, read};
use crate::kubernetes::images::Manifests;

const POD: &str = "spec: { template: { spec: { containers: [{ name: c, image: a:1 }] } } }";
const WORKFLOW: &str = "{ apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: { generateName: w- }, \
                        spec: { templates: [{ container: { image: w:1 } }] } }";

fn kinds(manifests: &Manifests) -> Vec<&str> {
    manifests.kinds().map(|kind| kind.kind.as_str()).collect()
}

#[test]
fn reads_an_object_in_an_object_as_what_it_is() {
    let sensor = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Sensor\nmetadata: {{ name: s }}\nspec:\n  triggers:\n  \
         - template: {{ k8s: {{ source: {{ resource: {WORKFLOW} }} }} }}\n"
    );
    assert_eq!(
        images(&sensor),
        ["w:1 Workflow/w- \
          spec.triggers[0].template.k8s.source.resource.spec.templates[0].container.image -"]
    );
    let template = format!(
        "apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: {{ name: t }}\nobjects:\n\
         - {{ apiVersion: apps/v1, kind: Deployment, metadata: {{ name: d, namespace: shop }}, {POD} }}\n\
         - {WORKFLOW}\n\
         - {{ apiVersion: v1, kind: ConfigMap, metadata: {{ name: c }}, data: {{ image: 'no:1' }} }}\n"
    );
    assert_eq!(
        images(&template),
        [
            "a:1 Deployment/shop/d objects[0].spec.template.spec.containers[0].image c",
            "w:1 Workflow/w- objects[1].spec.templates[0].container.image -",
        ]
    );
    let manifests = read(&template);
    assert_eq!(
        kinds(&manifests),
        ["Deployment", "Workflow", "Template", "ConfigMap"]
    );
    assert_eq!((manifests.objects(), manifests.overlooked()), (4, &[][..]));
    let work = format!(
        "apiVersion: work.open-cluster-management.io/v1\nkind: ManifestWork\nmetadata: {{ name: m }}\n\
         spec: {{ workload: {{ manifests: [{{ apiVersion: example.com/v1, kind: Odd, {POD} }}] }} }}\n"
    );
    let manifests = read(&work);
    assert_eq!(manifests.images().len(), 1);
    let odd = manifests.kinds().find(|kind| kind.kind == "Odd");
    assert!(odd.is_some_and(|kind| kind.not_understood), "{odd:?}");
}

#[test]
fn a_reference_to_an_object_is_none() {
    let text = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: r }\n\
                spec: { workloadRef: { apiVersion: apps/v1, kind: Deployment, name: d } }\n";
    let manifests = read(text);
    assert_eq!(
        (kinds(&manifests), manifests.objects()),
        (vec!["Rollout"], 1)
    );
}

#[test]
fn an_operator_may_fill_in_a_pod_that_lies_in_its_kind() {
    let text = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: { name: f }\n\
                spec: { image: a:1, podTemplate: { apiVersion: v1, kind: Pod, \
                spec: { containers: [{ name: main }] } } }\n";
    let manifests = read(text);
    assert_eq!(manifests.images().len(), 1);
    let [unclear] = manifests.unclear() else {
        panic!("{manifests:?}");
    };
    assert!(!unclear.is_final, "{unclear}");
}

#[test]
fn a_workload_of_kubernetes_hides_no_container_in_an_object_of_another_kind() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: d }\nspec: { template: \
                { apiVersion: v1, kind: ConfigMap, spec: { containers: [{ image: a:1 }] } } }\n";
    assert_eq!(images(text).len(), 1);
}

#[test]
fn a_template_that_calls_itself_data_hides_no_container() {
    for claim in [
        "apiVersion: v1, kind: ConfigMap",
        "apiVersion: v1, kind: Secret",
        "apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition",
    ] {
        let text = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {{ name: r }}\nspec:\n  \
             template: {{ {claim}, spec: {{ containers: [{{ image: a:1 }}] }} }}\n"
        );
        let path = "spec.template.spec.containers[0].image";
        assert_eq!(
            images(&text),
            [format!("a:1 Rollout/r {path} -")],
            "{claim}"
        );
    }
}

#[test]
fn no_list_in_an_object_hides_containers_in_items_that_call_themselves_data() {
    let item = "{ spec: { containers: [{ image: a:1 }] } }";
    for (list, item) in [
        ("ConfigMapList", item.to_owned()),
        (
            "List",
            item.replace("{ spec", "{ apiVersion: v1, kind: Secret, spec"),
        ),
    ] {
        let text = format!(
            "apiVersion: example.com/v1\nkind: Fleet\nmetadata: {{ name: f }}\nspec:\n  \
             pods: {{ apiVersion: v1, kind: {list}, items: [{item}] }}\n"
        );
        let path = "spec.pods.items[0].spec.containers[0].image";
        assert_eq!(images(&text), [format!("a:1 Fleet/f {path} -")], "{list}");
    }
}

#[test]
fn the_items_of_a_list_are_of_the_lists_group() {
    let text = "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowList\nitems:\n\
                - { metadata: { name: w }, spec: { templates: [{ container: { image: w:1 } }] } }\n";
    assert_eq!(
        images(text),
        ["w:1 Workflow/w items[0].spec.templates[0].container.image -"]
    );
}
