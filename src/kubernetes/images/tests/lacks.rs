//! Containers that name no image.

use super::reading::read;
use crate::kubernetes::images::ImageProblem;

/// What is told of one container of this kind.
fn told(head: &str, container: &str) -> Option<(ImageProblem, bool, String)> {
    let text = format!(
        "{head}\nmetadata: {{ name: x }}\nspec: {{ template: {{ containers: [{container}] }} }}\n"
    );
    let manifests = read(&text);
    assert_eq!(manifests.images(), [], "{text}");
    let unclear = manifests.unclear().first()?;
    Some((unclear.problem, unclear.is_final, unclear.to_string()))
}

#[test]
fn a_container_without_an_image_is_reported_with_its_place() {
    let long = format!("{{ image: '{}' }}", "a".repeat(3000));
    for (container, lack) in [
        ("{ name: c }", ImageProblem::Missing),
        ("{ image: }", ImageProblem::Missing),
        ("{ image: '' }", ImageProblem::Empty),
        ("{ image: ' ' }", ImageProblem::Empty),
        ("{ image: 1.27 }", ImageProblem::NotText),
        ("{ image: on }", ImageProblem::NotText),
        (
            "{ image: { repository: a, tag: b } }",
            ImageProblem::NotText,
        ),
        (&long, ImageProblem::TooLong),
        ("just-text", ImageProblem::NotAMap),
    ] {
        let head = "apiVersion: apps/v1\nkind: Deployment";
        let (found, is_final, text) = told(head, container).unwrap();
        assert_eq!((found, is_final), (lack, true), "{container}");
        assert!(
            text.starts_with("Deployment/x spec.template.containers[0]")
                && text.contains("in all.yaml:1"),
            "{text}"
        );
    }
}

#[test]
fn an_operator_may_fill_in_the_images_of_its_own_kinds() {
    for head in [
        "apiVersion: elasticsearch.k8s.elastic.co/v1\nkind: Elasticsearch",
        "apiVersion: batch.volcano.sh/v1alpha1\nkind: Job",
    ] {
        let (lack, is_final, _) = told(head, "{ name: c }").unwrap();
        assert_eq!((lack, is_final), (ImageProblem::Missing, false), "{head}");
    }
}

#[test]
fn an_image_volume_without_a_reference_is_reported() {
    let manifests = read(
        "{ apiVersion: v1, kind: Pod, metadata: { name: x }, spec: { containers: [{ image: a }],
           volumes: [{ name: m, image: { pullPolicy: Always } }, { name: n, image: text }] } }",
    );
    let [unclear] = manifests.unclear() else {
        panic!("{manifests:?}");
    };
    assert_eq!(
        unclear.to_string(),
        "Pod/x spec.volumes[0].image.reference (m) in all.yaml:1 names no image"
    );
}
