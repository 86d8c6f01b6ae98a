use serde_json::json;

use super::shelf::*;
use super::*;
use crate::oci::{Content, JsonError, Platform};

#[test]
fn assembles_an_image() {
    let mut shelf = Shelf::default();
    let root = shelf.image("linux/arm64/v8", LAYER);
    let closure = shelf.assemble(&root).unwrap();
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
    let mut shelf = Shelf::default();
    let amd64 = shelf.image("linux/amd64", LAYER);
    let arm = shelf.image("linux/arm/v7", LAYER);
    let in_toto = MediaType::IN_TOTO;
    let statement = shelf.image("unknown/unknown", in_toto.as_str());
    let entries = [
        labelled(amd64.clone(), "linux/amd64"),
        labelled(arm.clone(), "linux/arm/v7"),
        labelled(statement.clone(), "unknown/unknown"),
    ];
    let root = shelf.index(&entries);
    let closure = shelf.assemble(&root).unwrap();
    assert_eq!(closure.images().count(), 3);
    assert_eq!(content(&closure, &statement), &Content::Attestation);
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
    let mut shelf = Shelf::default();
    let child = shelf.image("linux/amd64", LAYER);
    let inner = shelf.index(std::slice::from_ref(&child));
    let root = shelf.index(&[inner]);
    let closure = shelf.assemble(&root).unwrap();
    let stored = serde_json::to_string(&closure).unwrap();
    assert!(!stored.contains("lookup"));
    assert_eq!(serde_json::from_str::<Closure>(&stored).unwrap(), closure);
}

#[test]
fn flattens_nested_indexes_in_order() {
    let mut shelf = Shelf::default();
    let first = shelf.image("linux/amd64", LAYER);
    let second = shelf.image("linux/arm64", LAYER);
    let third = shelf.image("linux/s390x", LAYER);
    let inner = shelf.index(&[first.clone(), second.clone()]);
    let root = shelf.index(&[inner.clone(), third.clone()]);
    let closure = shelf.assemble(&root).unwrap();
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
    let mut shelf = Shelf::default();
    let mut root = shelf.image("linux/amd64", LAYER);
    for _ in 0..=DEPTH_LIMIT {
        root = shelf.index(&[root]);
    }
    assert_eq!(shelf.assemble(&root).unwrap().images().count(), 1);
    let deeper = root.clone();
    root = shelf.index(&[deeper]);
    let closure = shelf.assemble(&root).unwrap();
    assert_eq!(closure.images().count(), 0);
    assert_eq!(
        closure.children()[0].outcome,
        refused(Refusal::Depth(DEPTH_LIMIT))
    );
}

#[test]
fn an_absent_or_refused_child_leaves_the_others() {
    let mut shelf = Shelf::default();
    let good = shelf.image("linux/amd64", LAYER);
    let absent =
        json!({"mediaType": MediaType::OCI_MANIFEST, "digest": Digest::sha256(b"gone"), "size": 4});
    let bad = shelf.put(MediaType::OCI_MANIFEST.as_str(), "{}");
    let other = shelf.put("application/vnd.example", "x");
    let root = shelf.index(&[good.clone(), absent.clone(), bad.clone(), other.clone()]);
    let closure = shelf.assemble(&root).unwrap();
    assert!(matches!(outcome(&closure, &good), ChildOutcome::Image(_)));
    assert_eq!(outcome(&closure, &absent), &ChildOutcome::Absent);
    assert_eq!(outcome(&closure, &bad), &refused(Refusal::SchemaVersion));
    assert_eq!(outcome(&closure, &other), &refused(Refusal::EntryType));
    assert!(!shelf.asked.contains(&digest_of(&other)));
}

#[test]
fn refuses_a_root_without_its_config() {
    let mut shelf = Shelf::default();
    let root = shelf.image("linux/amd64", LAYER);
    let config = shelf.config("linux/amd64", 1);
    shelf.bodies.remove(&digest_of(&config));
    assert_eq!(shelf.assemble(&root), Err(Refusal::ConfigAbsent));
}

#[test]
fn refuses_a_root_of_other_bytes() {
    let refused = ClosureAssembly::start(
        Digest::sha256(b"x"),
        Bytes::from_static(b"{}"),
        &MediaType::OCI_MANIFEST,
    );
    assert_eq!(refused.err(), Some(Refusal::WrongBytes));
}

#[test]
fn takes_only_the_bytes_of_the_digest() {
    let mut shelf = Shelf::default();
    let root = shelf.image("linux/amd64", LAYER);
    let mut assembly = shelf.start(&root).unwrap();
    let [Wanted::Config(config)] = &assembly.wanted(8)[..] else {
        panic!("the config is wanted");
    };
    let wrong = assembly.supply(&config.digest, body(Bytes::from_static(b"{}")));
    assert_eq!(wrong, Err(WrongBytes));
    assert!(assembly.wanted(8).is_empty());
    assert_eq!(assembly.finish(), Err(Refusal::WrongBytes));
}

#[test]
fn wants_several_at_once_and_none_twice() {
    let mut shelf = Shelf::default();
    let amd64 = shelf.image("linux/amd64", LAYER);
    let arm64 = shelf.image("linux/arm64", LAYER);
    let root = shelf.index(&[amd64.clone(), arm64.clone(), amd64.clone()]);
    let mut assembly = shelf.start(&root).unwrap();
    let digests = |wanted: Vec<Wanted>| -> Vec<Digest> {
        wanted.iter().map(|it| it.digest().clone()).collect()
    };
    assert_eq!(digests(assembly.wanted(1)), [digest_of(&amd64)]);
    let both = digests(assembly.wanted(8));
    assert_eq!(both, [digest_of(&amd64), digest_of(&arm64)]);
    // The last one first.
    let mut wanted = both;
    while let Some(digest) = wanted.pop() {
        let bytes = shelf.bodies[&digest].clone();
        assembly.supply(&digest, body(bytes)).unwrap();
        wanted = digests(assembly.wanted(8));
    }
    let closure = assembly.finish().unwrap();
    assert_eq!(Ok(closure), shelf.assemble(&root));
}

#[test]
fn gives_no_closure_while_something_is_wanted() {
    let mut shelf = Shelf::default();
    let child = shelf.image("linux/amd64", LAYER);
    let root = shelf.index(std::slice::from_ref(&child));
    for root in [child, root] {
        let assembly = shelf.start(&root).unwrap();
        assert_eq!(assembly.finish(), Err(Refusal::Incomplete));
    }
}

#[test]
fn refuses_sizes_and_types_that_are_not_those_of_the_content() {
    let mut shelf = Shelf::default();
    let mut longer = shelf.image("linux/amd64", LAYER);
    longer["size"] = json!(7);
    let mut docker = shelf.image("linux/arm64", LAYER);
    docker["mediaType"] = json!(MediaType::DOCKER_MANIFEST);
    let mut huge = shelf.image("linux/s390x", LAYER);
    huge["size"] = json!(5 << 20);
    let root = shelf.index(&[longer.clone(), docker.clone(), huge.clone()]);
    let closure = shelf.assemble(&root).unwrap();
    assert_eq!(outcome(&closure, &longer), &refused(Refusal::SizeDisagrees));
    assert_eq!(
        outcome(&closure, &docker),
        &refused(Refusal::MediaTypeDisagrees)
    );
    assert_eq!(
        outcome(&closure, &huge),
        &refused(Refusal::DocumentSize(4 << 20))
    );
    assert!(!shelf.asked.contains(&digest_of(&huge)));
}

#[test]
fn refuses_a_config_of_another_or_too_great_a_length() {
    let mut shelf = Shelf::default();
    for (size, refusal) in [
        (json!(7), Refusal::SizeDisagrees),
        (json!(5 << 20), Refusal::DocumentSize(4 << 20)),
    ] {
        let mut manifest = shelf.image_body("linux/amd64", LAYER);
        manifest["config"]["size"] = size;
        let root = shelf.manifest(&manifest);
        assert_eq!(shelf.assemble(&root), Err(refusal));
    }
}

#[test]
fn refuses_a_child_that_the_upstream_sends_as_another_type() {
    let mut shelf = Shelf::default();
    let child = shelf.image("linux/amd64", LAYER);
    let root = shelf.index(std::slice::from_ref(&child));
    let mut assembly = shelf.start(&root).unwrap();
    let supplied = Supplied::Body {
        bytes: shelf.bodies[&digest_of(&child)].clone(),
        content_type: Some(MediaType::DOCKER_MANIFEST),
    };
    assembly.supply(&digest_of(&child), supplied).unwrap();
    let closure = assembly.finish().unwrap();
    assert_eq!(
        outcome(&closure, &child),
        &refused(Refusal::MediaTypeDisagrees)
    );
}

#[test]
fn finds_the_readable_one_of_two_entries_for_a_manifest() {
    let mut shelf = Shelf::default();
    let image = shelf.image("linux/arm/v6", LAYER);
    let root = shelf.index(&[
        labelled(image.clone(), "linux/arm/v7"),
        labelled(image.clone(), "linux/arm/v6"),
    ]);
    let closure = shelf.assemble(&root).unwrap();
    assert_eq!(closure.children().len(), 2);
    assert!(closure.image(&digest_of(&image)).is_some());
    assert_eq!(shelf.asked.len(), 2);
}

#[test]
fn bounds_what_is_reachable_and_read() {
    let mut shelf = Shelf::default();
    let image = shelf.image("linux/amd64", LAYER);
    let entries = vec![image; MANIFESTS_LIMIT + 1];
    let root = shelf.index(&entries);
    assert_eq!(
        shelf.assemble(&root),
        Err(Refusal::Manifests(MANIFESTS_LIMIT))
    );

    let mut padded = shelf.image_body("linux/arm64", LAYER);
    padded["padding"] = json!("x".repeat(1 << 20));
    let padded = shelf.manifest(&padded);
    let root = shelf.index(&vec![padded; 40]);
    assert_eq!(shelf.assemble(&root), Err(Refusal::Bytes(BYTES_LIMIT)));
}

#[test]
fn refusals_fit_into_a_denial() {
    for refusal in [
        Refusal::Json(JsonError::RepeatedKey { line: 4 << 20 }),
        Refusal::Json(JsonError::KeyCase("schemaVersion")),
        Refusal::Json(JsonError::Syntax {
            line: 4 << 20,
            column: 4 << 20,
        }),
        Refusal::Platform(crate::oci::PlatformError),
        Refusal::Missing("a descriptor's mediaType"),
        Refusal::Data,
        Refusal::UnknownPlatform,
        Refusal::Bytes(BYTES_LIMIT),
    ] {
        let text = refusal.to_string();
        assert!(text.len() < 120 && text.is_ascii(), "{text}");
    }
}
