//! The ways round the gate that lead through what a closure is.

use serde_json::json;

use super::shelf::*;
use super::*;
use crate::oci::{Algorithm, Content};

#[test]
fn bypass_05_an_image_with_a_marker_layer_is_still_runnable() {
    let mut shelf = Shelf::default();
    for marker in [
        MediaType::IN_TOTO.as_str(),
        COSIGN,
        "application/vnd.wasm.content.layer.v1+wasm",
    ] {
        let mut manifest = shelf.image_body("linux/amd64", LAYER);
        manifest["config"] = shelf.config("linux/amd64", 2);
        manifest["layers"] = json!([layer(marker, "m"), layer(LAYER, "l")]);
        let root = shelf.manifest(&manifest);
        let closure = shelf.assemble(&root).unwrap();
        assert!(
            matches!(content(&closure, &root), Content::Runnable { .. }),
            "{marker}"
        );
    }
}

#[test]
fn bypass_07_a_label_that_differs_from_the_config_refuses_the_child() {
    let mut shelf = Shelf::default();
    let image = shelf.image("linux/amd64", LAYER);
    for (label, refusal) in [
        ("linux/s390x", Refusal::PlatformDisagrees),
        ("windows/amd64", Refusal::PlatformDisagrees),
        ("linux/amd64/v3", Refusal::PlatformDisagrees),
        ("unknown/unknown", Refusal::UnknownPlatform),
    ] {
        let root = shelf.index(&[labelled(image.clone(), label)]);
        let closure = shelf.assemble(&root).unwrap();
        assert_eq!(outcome(&closure, &image), &refused(refusal), "{label}");
        assert!(
            !closure.contains_blob(&Digest::sha256(b"linux/amd64")),
            "{label}"
        );
    }
    for label in ["linux/x86_64", "linux/amd64/v1", "Linux/AMD64", "/"] {
        let root = shelf.index(&[labelled(image.clone(), label)]);
        let closure = shelf.assemble(&root).unwrap();
        assert!(
            matches!(outcome(&closure, &image), ChildOutcome::Image(_)),
            "{label}"
        );
    }
}

#[test]
fn bypass_07_an_unknown_entry_must_be_attestations_throughout() {
    let mut shelf = Shelf::default();
    let mut mixed = shelf.image_body("unknown/unknown", LAYER);
    mixed["layers"] = json!([layer(MediaType::IN_TOTO.as_str(), "a"), layer(LAYER, "b")]);
    let mixed = shelf.manifest(&mixed);
    let mut empty = shelf.image_body("unknown/unknown", LAYER);
    empty["layers"] = json!([]);
    let empty = shelf.manifest(&empty);
    let linux = shelf.image("linux/amd64", MediaType::IN_TOTO.as_str());
    let root = shelf.index(&[
        labelled(mixed.clone(), "unknown/unknown"),
        labelled(empty.clone(), "unknown/unknown"),
        labelled(linux.clone(), "unknown/unknown"),
    ]);
    let closure = shelf.assemble(&root).unwrap();
    assert_eq!(
        outcome(&closure, &mixed),
        &refused(Refusal::PlatformMissing)
    );
    assert_eq!(
        outcome(&closure, &empty),
        &refused(Refusal::PlatformMissing)
    );
    assert_eq!(
        outcome(&closure, &linux),
        &refused(Refusal::UnknownPlatform)
    );
}

#[test]
fn bypass_08_subject_and_artifact_type_exempt_nothing_that_runs() {
    let mut shelf = Shelf::default();
    let mut manifest = shelf.image_body("linux/amd64", LAYER);
    manifest["artifactType"] = json!("application/vnd.dev.sigstore.bundle.v0.3+json");
    manifest["subject"] = layer(MediaType::OCI_MANIFEST.as_str(), "subject");
    let root = shelf.manifest(&manifest);
    let closure = shelf.assemble(&root).unwrap();
    assert!(matches!(content(&closure, &root), Content::Runnable { .. }));
    assert_eq!(
        closure.image(&digest_of(&root)).unwrap().subject,
        Some(Digest::sha256(b"subject"))
    );
}

#[test]
fn bypass_08_an_artifact_tells_that_its_layers_run() {
    let mut shelf = Shelf::default();
    for (layer_type, runs) in [(LAYER, true), ("application/x-tar", true), (COSIGN, false)] {
        let manifest = json!({
            "schemaVersion": 2,
            "artifactType": "application/vnd.example",
            "config": layer(MediaType::OCI_EMPTY.as_str(), "{}"),
            "layers": [layer("text/plain", "a"), layer(layer_type, "b")],
        });
        let root = shelf.manifest(&manifest);
        let closure = shelf.assemble(&root).unwrap();
        let image = closure.image(&digest_of(&root)).unwrap();
        let artifact_type = MediaType::new("application/vnd.example");
        assert_eq!(image.content, Content::Artifact { artifact_type });
        assert_eq!(image.has_runnable_layers(), runs, "{layer_type}");
    }
    assert!(
        shelf.asked.is_empty(),
        "the config of an artifact is not fetched"
    );
}

#[test]
fn bypass_08_a_signature_with_an_image_config_is_an_artifact_only_if_nothing_runs() {
    let mut shelf = Shelf::default();
    let signature = shelf.image("/", COSIGN);
    let closure = shelf.assemble(&signature).unwrap();
    let artifact_type = MediaType::new(COSIGN);
    assert_eq!(
        content(&closure, &signature),
        &Content::Artifact { artifact_type }
    );
    let image = shelf.image("/", LAYER);
    assert_eq!(shelf.assemble(&image), Err(Refusal::PlatformMissing));
}

#[test]
fn bypass_08_a_name_for_a_signature_is_taken_from_layers_of_one_type_only() {
    let mut shelf = Shelf::default();
    let mut manifest = shelf.image_body("/", COSIGN);
    manifest["layers"] = json!([layer(COSIGN, "a"), layer("text/plain", "b")]);
    let root = shelf.manifest(&manifest);
    let closure = shelf.assemble(&root).unwrap();
    let artifact_type = MediaType::OCI_CONFIG;
    assert_eq!(
        content(&closure, &root),
        &Content::Artifact { artifact_type }
    );
}

#[test]
fn bypass_08_attestations_are_taken_as_such_in_oci_manifests_only() {
    let mut shelf = Shelf::default();
    for (media_type, attests) in [
        (MediaType::OCI_MANIFEST, true),
        (MediaType::DOCKER_MANIFEST, false),
    ] {
        let mut manifest = shelf.image_body("unknown/unknown", MediaType::IN_TOTO.as_str());
        manifest["mediaType"] = json!(media_type);
        let root = shelf.put(media_type.as_str(), &manifest.to_string());
        let closure = shelf.assemble(&root).unwrap();
        let attestation = *content(&closure, &root) == Content::Attestation;
        assert_eq!(attestation, attests, "{media_type}");
    }
}

#[test]
fn bypass_16_another_algorithm_is_another_identity() {
    let mut shelf = Shelf::default();
    let manifest = shelf.image_body("linux/amd64", LAYER).to_string();
    let short = shelf.put(MediaType::OCI_MANIFEST.as_str(), &manifest);
    let long = shelf.put_under(
        Algorithm::Sha512,
        MediaType::OCI_MANIFEST.as_str(),
        &manifest,
    );
    let closure = shelf.assemble(&long).unwrap();
    assert_eq!(closure.root(), &digest_of(&long));
    assert!(closure.image(&digest_of(&short)).is_none());
    assert!(!closure.digests().any(|digest| *digest == digest_of(&short)));
    let layer = Digest::sha512(b"linux/amd64");
    assert!(!closure.contains_blob(&layer));
}

#[test]
fn bypass_17_a_child_with_urls_is_refused() {
    let mut shelf = Shelf::default();
    let mut manifest = shelf.image_body("linux/amd64", LAYER);
    manifest["layers"][0]["urls"] = json!(["https://elsewhere.example/layer"]);
    let child = shelf.manifest(&manifest);
    assert_eq!(shelf.assemble(&child), Err(Refusal::Urls));
    let root = shelf.index(std::slice::from_ref(&child));
    let closure = shelf.assemble(&root).unwrap();
    assert_eq!(outcome(&closure, &child), &refused(Refusal::Urls));
}

#[test]
fn bypass_26_refuses_a_config_of_other_layers() {
    let mut shelf = Shelf::default();
    let mut manifest = shelf.image_body("linux/amd64", LAYER);
    manifest["layers"] = json!([layer(LAYER, "a"), layer(LAYER, "b")]);
    let root = shelf.manifest(&manifest);
    assert_eq!(shelf.assemble(&root), Err(Refusal::DiffIds));
}

#[test]
fn bypass_04_a_manifest_is_no_blob() {
    let mut shelf = Shelf::default();
    let child = shelf.image("linux/amd64", LAYER);
    let root = shelf.index(std::slice::from_ref(&child));
    let closure = shelf.assemble(&root).unwrap();
    assert!(!closure.contains_blob(&digest_of(&child)));
    assert!(!closure.contains_blob(closure.root()));
}
