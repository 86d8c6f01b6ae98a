//! The ways round the gate that lead through what a closure is.

use serde_json::json;

use super::test_registry::*;
use super::*;
use crate::oci::{Algorithm, ImageContent, Platform};

#[test]
fn bypass_05_an_image_with_a_marker_layer_is_still_runnable() {
    let mut registry = TestRegistry::default();
    for marker in [
        MediaType::IN_TOTO.as_str(),
        COSIGN,
        "application/vnd.wasm.content.layer.v1+wasm",
    ] {
        let mut manifest = registry.image_body("linux/amd64", LAYER);
        manifest["config"] = registry.config("linux/amd64", 2);
        manifest["layers"] = json!([layer(marker, "m"), layer(LAYER, "l")]);
        let root = registry.manifest(&manifest);
        let closure = registry.assemble(&root).unwrap();
        assert!(
            matches!(content(&closure, &root), ImageContent::Runnable { .. }),
            "{marker}"
        );
    }
}

#[test]
fn bypass_07_a_label_that_differs_from_the_config_refuses_the_child() {
    let mut registry = TestRegistry::default();
    let image = registry.image("linux/amd64", LAYER);
    for (label, refusal) in [
        ("linux/s390x", StructuralRefusal::PlatformDisagrees),
        ("windows/amd64", StructuralRefusal::PlatformDisagrees),
        ("unknown/unknown", StructuralRefusal::UnknownPlatform),
    ] {
        let root = registry.index(&[labelled(image.clone(), label)]);
        let closure = registry.assemble(&root).unwrap();
        assert_eq!(outcome(&closure, &image), &refused(refusal), "{label}");
        assert!(
            !closure.contains_blob(&Digest::sha256(b"linux/amd64")),
            "{label}"
        );
    }
    for label in ["linux/x86_64", "linux/amd64/v1", "Linux/AMD64", "/"] {
        let root = registry.index(&[labelled(image.clone(), label)]);
        let closure = registry.assemble(&root).unwrap();
        assert!(
            matches!(outcome(&closure, &image), ChildOutcome::Image(_)),
            "{label}"
        );
    }
}

#[test]
fn bypass_07_a_variant_that_the_config_states_is_no_other() {
    for (config, label) in [
        ("linux/amd64/v2", "linux/amd64/v3"),
        ("linux/arm/v7", "linux/arm/v6"),
        ("linux/arm/v6", "linux/arm"),
        ("linux/armhf", "linux/arm/v6"),
        ("linux/armel", "linux/arm/v7"),
    ] {
        let mut registry = TestRegistry::default();
        let image = registry.image(config, LAYER);
        let root = registry.index(&[labelled(image.clone(), label)]);
        let closure = registry.assemble(&root).unwrap();
        let differs = refused(StructuralRefusal::PlatformDisagrees);
        assert_eq!(outcome(&closure, &image), &differs, "{config} {label}");
    }
}

#[test]
fn a_variant_that_the_config_leaves_open_is_the_labels() {
    for (config, label) in [
        ("linux/arm", "linux/arm/v5"),
        ("linux/arm", "linux/arm/v6"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/amd64", "linux/amd64/v2"),
        ("linux/arm64", "linux/arm64/v9"),
    ] {
        let mut registry = TestRegistry::default();
        let image = registry.image(config, LAYER);
        let root = registry.index(&[labelled(image.clone(), label)]);
        let closure = registry.assemble(&root).unwrap();
        let found = closure.image(&digest_of(&image)).and_then(Image::platform);
        let labels = Platform::parse(label).unwrap();
        assert_eq!(found, Some(&labels), "{config} {label}");
        let alone = registry.assemble(&image).unwrap();
        let found = alone.image(&digest_of(&image)).and_then(Image::platform);
        let configs = Platform::parse(config).unwrap();
        assert_eq!(found, Some(&configs), "no index labels it");
    }
}

#[test]
fn bypass_07_an_unknown_entry_must_be_attestations_throughout() {
    let mut registry = TestRegistry::default();
    let mut mixed = registry.image_body("unknown/unknown", LAYER);
    mixed["layers"] = json!([layer(MediaType::IN_TOTO.as_str(), "a"), layer(LAYER, "b")]);
    let mixed = registry.manifest(&mixed);
    let mut empty = registry.image_body("unknown/unknown", LAYER);
    empty["layers"] = json!([]);
    let empty = registry.manifest(&empty);
    let linux = registry.image("linux/amd64", MediaType::IN_TOTO.as_str());
    let root = registry.index(&[
        labelled(mixed.clone(), "unknown/unknown"),
        labelled(empty.clone(), "unknown/unknown"),
        labelled(linux.clone(), "unknown/unknown"),
    ]);
    let closure = registry.assemble(&root).unwrap();
    assert_eq!(
        outcome(&closure, &mixed),
        &refused(StructuralRefusal::PlatformMissing)
    );
    assert_eq!(
        outcome(&closure, &empty),
        &refused(StructuralRefusal::PlatformMissing)
    );
    assert_eq!(
        outcome(&closure, &linux),
        &refused(StructuralRefusal::UnknownPlatform)
    );
}

#[test]
fn bypass_08_subject_and_artifact_type_exempt_nothing_that_runs() {
    let mut registry = TestRegistry::default();
    let mut manifest = registry.image_body("linux/amd64", LAYER);
    manifest["artifactType"] = json!("application/vnd.dev.sigstore.bundle.v0.3+json");
    manifest["subject"] = layer(MediaType::OCI_MANIFEST.as_str(), "subject");
    let root = registry.manifest(&manifest);
    let closure = registry.assemble(&root).unwrap();
    assert!(matches!(
        content(&closure, &root),
        ImageContent::Runnable { .. }
    ));
    assert_eq!(
        closure.image(&digest_of(&root)).unwrap().subject,
        Some(Digest::sha256(b"subject"))
    );
}

#[test]
fn bypass_08_an_artifact_tells_that_its_layers_run() {
    let mut registry = TestRegistry::default();
    for (layer_type, runs) in [(LAYER, true), ("application/x-tar", true), (COSIGN, false)] {
        let manifest = json!({
            "schemaVersion": 2,
            "artifactType": "application/vnd.example",
            "config": layer(MediaType::OCI_EMPTY.as_str(), "{}"),
            "layers": [layer("text/plain", "a"), layer(layer_type, "b")],
        });
        let root = registry.manifest(&manifest);
        let closure = registry.assemble(&root).unwrap();
        let image = closure.image(&digest_of(&root)).unwrap();
        let artifact_type = MediaType::new("application/vnd.example");
        assert_eq!(image.content, ImageContent::Artifact { artifact_type });
        assert_eq!(image.has_runnable_layers(), runs, "{layer_type}");
    }
    assert!(
        registry.asked.is_empty(),
        "the config of an artifact is not fetched"
    );
}

#[test]
fn bypass_08_a_signature_with_an_image_config_is_an_artifact_only_if_nothing_runs() {
    let mut registry = TestRegistry::default();
    let signature = registry.image("/", COSIGN);
    let closure = registry.assemble(&signature).unwrap();
    let artifact_type = MediaType::new(COSIGN);
    assert_eq!(
        content(&closure, &signature),
        &ImageContent::Artifact { artifact_type }
    );
    let image = registry.image("/", LAYER);
    assert_eq!(
        registry.assemble(&image),
        Err(StructuralRefusal::PlatformMissing)
    );
}

#[test]
fn bypass_08_a_name_for_a_signature_is_taken_from_layers_of_one_type_only() {
    let mut registry = TestRegistry::default();
    let mut manifest = registry.image_body("/", COSIGN);
    manifest["layers"] = json!([layer(COSIGN, "a"), layer("text/plain", "b")]);
    let root = registry.manifest(&manifest);
    let closure = registry.assemble(&root).unwrap();
    let artifact_type = MediaType::OCI_CONFIG;
    assert_eq!(
        content(&closure, &root),
        &ImageContent::Artifact { artifact_type }
    );
}

#[test]
fn bypass_08_attestations_are_taken_as_such_in_oci_manifests_only() {
    let mut registry = TestRegistry::default();
    for (media_type, attests) in [
        (MediaType::OCI_MANIFEST, true),
        (MediaType::DOCKER_MANIFEST, false),
    ] {
        let mut manifest = registry.image_body("unknown/unknown", MediaType::IN_TOTO.as_str());
        manifest["mediaType"] = json!(media_type);
        let root = registry.put(media_type.as_str(), &manifest.to_string());
        let closure = registry.assemble(&root).unwrap();
        let attestation = *content(&closure, &root) == ImageContent::Attestation;
        assert_eq!(attestation, attests, "{media_type}");
    }
}

#[test]
fn bypass_16_another_algorithm_is_another_identity() {
    let mut registry = TestRegistry::default();
    let manifest = registry.image_body("linux/amd64", LAYER).to_string();
    let short = registry.put(MediaType::OCI_MANIFEST.as_str(), &manifest);
    let long = registry.put_under(
        Algorithm::Sha512,
        MediaType::OCI_MANIFEST.as_str(),
        &manifest,
    );
    let closure = registry.assemble(&long).unwrap();
    assert_eq!(closure.root(), &digest_of(&long));
    assert!(closure.image(&digest_of(&short)).is_none());
    assert!(!closure.digests().any(|digest| *digest == digest_of(&short)));
    let layer = Digest::sha512(b"linux/amd64");
    assert!(!closure.contains_blob(&layer));
}

#[test]
fn bypass_17_a_child_with_urls_is_refused() {
    let mut registry = TestRegistry::default();
    let mut manifest = registry.image_body("linux/amd64", LAYER);
    manifest["layers"][0]["urls"] = json!(["https://elsewhere.example/layer"]);
    let child = registry.manifest(&manifest);
    assert_eq!(registry.assemble(&child), Err(StructuralRefusal::Urls));
    let root = registry.index(std::slice::from_ref(&child));
    let closure = registry.assemble(&root).unwrap();
    assert_eq!(outcome(&closure, &child), &refused(StructuralRefusal::Urls));
}

#[test]
fn bypass_26_refuses_a_config_of_other_layers() {
    let mut registry = TestRegistry::default();
    let mut manifest = registry.image_body("linux/amd64", LAYER);
    manifest["layers"] = json!([layer(LAYER, "a"), layer(LAYER, "b")]);
    let root = registry.manifest(&manifest);
    assert_eq!(registry.assemble(&root), Err(StructuralRefusal::DiffIds));
}

#[test]
fn bypass_04_a_manifest_is_no_blob() {
    let mut registry = TestRegistry::default();
    let child = registry.image("linux/amd64", LAYER);
    let root = registry.index(std::slice::from_ref(&child));
    let closure = registry.assemble(&root).unwrap();
    assert!(!closure.contains_blob(&digest_of(&child)));
    assert!(!closure.contains_blob(closure.root()));
}
