use serde_json::json;

use super::test_registry::*;
use super::*;
use crate::oci::{ImageContent, JsonError, Platform};

#[test]
fn assembles_an_image() {
    let mut registry = TestRegistry::default();
    let root = registry.image("linux/arm64/v8", LAYER);
    let closure = registry.assemble(&root).unwrap();
    let image = closure.image(&digest_of(&root)).unwrap();
    assert_eq!(
        image.platform(),
        Some(&Platform::new("linux", "arm64", None))
    );
    assert!(image.has_runnable_layers());
    assert_eq!(closure.digests().count(), 3);
    assert!(closure.contains_blob(&Digest::sha256(b"linux/arm64/v8")));
    assert!(closure.children().is_empty());
}

#[test]
fn assembles_an_index_as_buildkit_writes_it() {
    let mut registry = TestRegistry::default();
    let amd64 = registry.image("linux/amd64", LAYER);
    let arm = registry.image("linux/arm/v7", LAYER);
    let in_toto = MediaType::IN_TOTO;
    let statement = registry.image("unknown/unknown", in_toto.as_str());
    let entries = [
        labelled(amd64.clone(), "linux/amd64"),
        labelled(arm.clone(), "linux/arm/v7"),
        labelled(statement.clone(), "unknown/unknown"),
    ];
    let root = registry.index(&entries);
    let closure = registry.assemble(&root).unwrap();
    assert_eq!(closure.images().count(), 3);
    assert_eq!(content(&closure, &statement), &ImageContent::Attestation);
    assert!(
        !closure
            .image(&digest_of(&statement))
            .unwrap()
            .has_runnable_layers()
    );
    let children: Vec<&Digest> = closure
        .children()
        .iter()
        .map(|child| &child.descriptor.digest)
        .collect();
    assert_eq!(
        children,
        [&digest_of(&amd64), &digest_of(&arm), &digest_of(&statement)]
    );
}

#[test]
fn stores_and_reads_back_a_closure() {
    let mut registry = TestRegistry::default();
    let child = registry.image("linux/amd64", LAYER);
    let inner = registry.index(std::slice::from_ref(&child));
    let root = registry.index(&[inner]);
    let closure = registry.assemble(&root).unwrap();
    let stored = serde_json::to_string(&closure).unwrap();
    assert!(!stored.contains("lookup"));
    assert_eq!(serde_json::from_str::<Closure>(&stored).unwrap(), closure);
}

#[test]
fn flattens_nested_indexes_in_order() {
    let mut registry = TestRegistry::default();
    let first = registry.image("linux/amd64", LAYER);
    let second = registry.image("linux/arm64", LAYER);
    let third = registry.image("linux/s390x", LAYER);
    let inner = registry.index(&[first.clone(), second.clone()]);
    let root = registry.index(&[inner.clone(), third.clone()]);
    let closure = registry.assemble(&root).unwrap();
    let children: Vec<&Digest> = closure
        .children()
        .iter()
        .map(|child| &child.descriptor.digest)
        .collect();
    assert_eq!(
        children,
        [&digest_of(&first), &digest_of(&second), &digest_of(&third)]
    );
    assert_eq!(closure.nested()[0].digest, digest_of(&inner));
    assert!(closure.digests().any(|digest| *digest == digest_of(&inner)));
}

#[test]
fn refuses_indexes_nested_too_deep() {
    let mut registry = TestRegistry::default();
    let mut root = registry.image("linux/amd64", LAYER);
    for _ in 0..=MAX_DEPTH {
        root = registry.index(&[root]);
    }
    assert_eq!(registry.assemble(&root).unwrap().images().count(), 1);
    let deeper = root.clone();
    root = registry.index(&[deeper]);
    let closure = registry.assemble(&root).unwrap();
    assert_eq!(closure.images().count(), 0);
    assert_eq!(
        closure.children()[0].outcome,
        refused(StructuralRefusal::Depth(MAX_DEPTH))
    );
}

#[test]
fn an_absent_or_refused_child_leaves_the_others() {
    let mut registry = TestRegistry::default();
    let good = registry.image("linux/amd64", LAYER);
    let absent =
        json!({"mediaType": MediaType::OCI_MANIFEST, "digest": Digest::sha256(b"gone"), "size": 4});
    let bad = registry.put(MediaType::OCI_MANIFEST.as_str(), "{}");
    let other = registry.put("application/vnd.example", "x");
    let root = registry.index(&[good.clone(), absent.clone(), bad.clone(), other.clone()]);
    let closure = registry.assemble(&root).unwrap();
    assert!(matches!(outcome(&closure, &good), ChildOutcome::Image(_)));
    assert_eq!(outcome(&closure, &absent), &ChildOutcome::Absent);
    assert_eq!(
        outcome(&closure, &bad),
        &refused(StructuralRefusal::SchemaVersion)
    );
    assert_eq!(
        outcome(&closure, &other),
        &refused(StructuralRefusal::EntryType)
    );
    assert!(!registry.asked.contains(&digest_of(&other)));
}

#[test]
fn refuses_a_root_without_its_config() {
    let mut registry = TestRegistry::default();
    let root = registry.image("linux/amd64", LAYER);
    let config = registry.config("linux/amd64", 1);
    registry.bodies.remove(&digest_of(&config));
    assert_eq!(
        registry.assemble(&root),
        Err(StructuralRefusal::ConfigAbsent)
    );
}

#[test]
fn refuses_a_root_of_other_bytes() {
    let refused = ClosureAssembly::start(
        Digest::sha256(b"x"),
        Bytes::from_static(b"{}"),
        &MediaType::OCI_MANIFEST,
    );
    assert_eq!(refused.err(), Some(StructuralRefusal::WrongBytes));
}

#[test]
fn takes_only_the_bytes_of_the_digest() {
    let mut registry = TestRegistry::default();
    let root = registry.image("linux/amd64", LAYER);
    let mut assembly = registry.start(&root).unwrap();
    let [WantedContent::Config(config)] = &assembly.wanted(8)[..] else {
        panic!("the config is wanted");
    };
    let wrong = assembly.supply(&config.digest, body(Bytes::from_static(b"{}")));
    assert_eq!(wrong, Err(WrongBytes));
    assert!(assembly.wanted(8).is_empty());
    assert_eq!(assembly.finish(), Err(StructuralRefusal::WrongBytes));
}

#[test]
fn wants_several_at_once_and_none_twice() {
    let mut registry = TestRegistry::default();
    let amd64 = registry.image("linux/amd64", LAYER);
    let arm64 = registry.image("linux/arm64", LAYER);
    let root = registry.index(&[amd64.clone(), arm64.clone(), amd64.clone()]);
    let mut assembly = registry.start(&root).unwrap();
    let digests = |wanted: Vec<WantedContent>| -> Vec<Digest> {
        wanted.iter().map(|it| it.digest().clone()).collect()
    };
    assert_eq!(digests(assembly.wanted(1)), [digest_of(&amd64)]);
    let both = digests(assembly.wanted(8));
    assert_eq!(both, [digest_of(&amd64), digest_of(&arm64)]);
    // The last one first.
    let mut wanted = both;
    while let Some(digest) = wanted.pop() {
        let bytes = registry.bodies[&digest].clone();
        assembly.supply(&digest, body(bytes)).unwrap();
        wanted = digests(assembly.wanted(8));
    }
    let closure = assembly.finish().unwrap();
    assert_eq!(Ok(closure), registry.assemble(&root));
}

#[test]
fn gives_no_closure_while_something_is_wanted() {
    let mut registry = TestRegistry::default();
    let child = registry.image("linux/amd64", LAYER);
    let root = registry.index(std::slice::from_ref(&child));
    for root in [child, root] {
        let assembly = registry.start(&root).unwrap();
        assert_eq!(assembly.finish(), Err(StructuralRefusal::Incomplete));
    }
}

#[test]
fn refuses_sizes_and_types_that_are_not_those_of_the_content() {
    let mut registry = TestRegistry::default();
    let mut longer = registry.image("linux/amd64", LAYER);
    longer["size"] = json!(7);
    let mut docker = registry.image("linux/arm64", LAYER);
    docker["mediaType"] = json!(MediaType::DOCKER_MANIFEST);
    let mut huge = registry.image("linux/s390x", LAYER);
    huge["size"] = json!(5 << 20);
    let root = registry.index(&[longer.clone(), docker.clone(), huge.clone()]);
    let closure = registry.assemble(&root).unwrap();
    assert_eq!(
        outcome(&closure, &longer),
        &refused(StructuralRefusal::SizeDisagrees)
    );
    assert_eq!(
        outcome(&closure, &docker),
        &refused(StructuralRefusal::MediaTypeDisagrees)
    );
    assert_eq!(
        outcome(&closure, &huge),
        &refused(StructuralRefusal::DocumentSize(4 << 20))
    );
    assert!(!registry.asked.contains(&digest_of(&huge)));
}

#[test]
fn refuses_a_config_of_another_or_too_great_a_length() {
    let mut registry = TestRegistry::default();
    for (size, refusal) in [
        (json!(7), StructuralRefusal::SizeDisagrees),
        (json!(5 << 20), StructuralRefusal::DocumentSize(4 << 20)),
    ] {
        let mut manifest = registry.image_body("linux/amd64", LAYER);
        manifest["config"]["size"] = size;
        let root = registry.manifest(&manifest);
        assert_eq!(registry.assemble(&root), Err(refusal));
    }
}

#[test]
fn refuses_a_child_that_the_upstream_sends_as_another_type() {
    let mut registry = TestRegistry::default();
    let child = registry.image("linux/amd64", LAYER);
    let root = registry.index(std::slice::from_ref(&child));
    let mut assembly = registry.start(&root).unwrap();
    let supplied = Supplied::Body {
        bytes: registry.bodies[&digest_of(&child)].clone(),
        content_type: Some(MediaType::DOCKER_MANIFEST),
    };
    assembly.supply(&digest_of(&child), supplied).unwrap();
    let closure = assembly.finish().unwrap();
    assert_eq!(
        outcome(&closure, &child),
        &refused(StructuralRefusal::MediaTypeDisagrees)
    );
}

#[test]
fn finds_the_readable_one_of_two_entries_for_a_manifest() {
    let mut registry = TestRegistry::default();
    let image = registry.image("linux/arm/v6", LAYER);
    let root = registry.index(&[
        labelled(image.clone(), "linux/arm/v7"),
        labelled(image.clone(), "linux/arm/v6"),
    ]);
    let closure = registry.assemble(&root).unwrap();
    assert_eq!(closure.children().len(), 2);
    assert!(closure.image(&digest_of(&image)).is_some());
    assert_eq!(registry.asked.len(), 2);
}

#[test]
fn bounds_what_is_reachable_and_read() {
    let mut registry = TestRegistry::default();
    let image = registry.image("linux/amd64", LAYER);
    let entries = vec![image; MAX_MANIFESTS + 1];
    let root = registry.index(&entries);
    assert_eq!(
        registry.assemble(&root),
        Err(StructuralRefusal::Manifests(MAX_MANIFESTS))
    );

    let mut padded = registry.image_body("linux/arm64", LAYER);
    padded["padding"] = json!("x".repeat(1 << 20));
    let padded = registry.manifest(&padded);
    let root = registry.index(&vec![padded; 40]);
    assert_eq!(
        registry.assemble(&root),
        Err(StructuralRefusal::Bytes(MAX_BYTES))
    );
}

#[test]
fn refusals_fit_into_a_denial() {
    for refusal in [
        StructuralRefusal::Json(JsonError::RepeatedKey { line: 4 << 20 }),
        StructuralRefusal::Json(JsonError::KeyCase("schemaVersion")),
        StructuralRefusal::Json(JsonError::Syntax {
            line: 4 << 20,
            column: 4 << 20,
        }),
        StructuralRefusal::Platform(crate::oci::PlatformError),
        StructuralRefusal::Missing("a descriptor's mediaType"),
        StructuralRefusal::Data,
        StructuralRefusal::UnknownPlatform,
        StructuralRefusal::Bytes(MAX_BYTES),
    ] {
        let text = refusal.to_string();
        assert!(text.len() < 120 && text.is_ascii(), "{text}");
    }
}
