//! What is reached from where, and that the compact form holds all there is.

use serde_json::{Value, json};

use std::collections::HashSet;

use super::Membership;
use crate::ledger::alias::Alias;
use crate::oci::{Closure, Digest, Repository};

fn digest(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

fn set(texts: &[&str]) -> HashSet<Digest> {
    texts.iter().map(|text| digest(text)).collect()
}

fn image(manifest: &str, layer: &str, subject: Option<&str>) -> Value {
    let blob = |text: &str| json!({ "media_type": "a/b", "digest": digest(text), "size": 1 });
    json!({
        "manifest": digest(manifest), "media_type": "a/b", "size": 1, "content": "attestation",
        "config": blob(&format!("config of {manifest}")), "layers": [blob(layer)],
        "subject": subject.map(digest),
    })
}

fn closure(root: &str, shape: Value) -> Closure {
    let root = json!({ "root": digest(root), "media_type": "a/b", "size": 1, "shape": shape });
    serde_json::from_value(root).unwrap()
}

fn index(root: &str, children: &[(&str, &str)]) -> Closure {
    let child = |(manifest, layer): &(&str, &str)| {
        json!({
            "descriptor": { "media_type": "a/b", "digest": digest(manifest), "size": 1 },
            "outcome": { "image": image(manifest, layer, None) },
        })
    };
    let children: Vec<Value> = children.iter().map(child).collect();
    closure(root, json!({ "index": children }))
}

/// `index` holds `amd` and `arm` over `base`; `signature` refers to `index`.
fn members() -> Membership {
    let members = Membership::default();
    let repository = Repository::parse("registry.corp/app").unwrap();
    let both = index("index", &[("amd", "base"), ("arm", "own")]);
    members.insert(&repository, &both);
    let signature = image("signature", "bundle", Some("index"));
    let signature = closure("signature", json!({ "image": signature }));
    members.insert(&repository, &signature);
    members
}

#[test]
fn a_layer_reaches_its_image_its_index_and_related_indexes() {
    let reached = members().affected_by(&digest("base"));
    let expected = set(&["base", "amd", "index", "arm", "signature"]);
    assert_eq!(reached, expected);
}

#[test]
fn an_index_reaches_its_children() {
    let reached = members().affected_by(&digest("index"));
    assert_eq!(reached, set(&["index", "amd", "arm", "signature"]));
}

#[test]
fn the_other_algorithm_reaches_as_far() {
    let members = members();
    let alias = Digest::sha512(b"base");
    members.set_alias(&digest("base"), &alias);
    assert!(members.affected_by(&alias).contains(&digest("index")));
}

/// A child of an index under its other digest, and an index above it.
#[test]
fn parents_and_children_are_reached_under_either_digest() {
    let members = members();
    let (child, whole) = (Digest::sha512(b"amd"), Digest::sha512(b"index"));
    members.set_alias(&digest("amd"), &child);
    members.set_alias(&digest("index"), &whole);
    assert!(members.affected_by(&whole).contains(&child));
    assert!(members.affected_by(&child).contains(&whole));
    let repository = Repository::parse("registry.corp/app").unwrap();
    let under_256 = members.closure(&repository, &digest("amd")).unwrap();
    assert!(members.related(&under_256, &[]).contains(&whole));
    // Nobody recorded yet that it is the same.
    let stranger = closure(
        "stranger",
        json!({ "image": image("stranger", "own", None) }),
    );
    let alias = Alias {
        sha256: digest("stranger"),
        sha512: child,
    };
    let related = members.related(&stranger, &[alias]);
    assert!(related.contains(&digest("index")) && related.contains(&whole));
}

#[test]
fn what_stands_apart_is_not_reached() {
    let members = members();
    let other = Repository::parse("registry.corp/other").unwrap();
    members.insert(&other, &index("elsewhere", &[("riscv", "alien")]));
    assert!(
        !members
            .affected_by(&digest("base"))
            .contains(&digest("riscv"))
    );
}

#[test]
fn recording_again_adds_nothing_twice() {
    let members = members();
    let repository = Repository::parse("registry.corp/app").unwrap();
    let again = members.closure(&repository, &digest("index")).unwrap();
    members.insert(&repository, &again);
    let holding = members.images_holding(&repository, &digest("base"), 16);
    assert_eq!(holding, [digest("amd")]);
}

#[test]
fn a_child_has_a_closure_of_its_own() {
    let members = members();
    let repository = Repository::parse("registry.corp/app").unwrap();
    let child = members.closure(&repository, &digest("amd")).unwrap();
    assert_eq!(*child.root(), digest("amd"));
    assert_eq!(child.images().count(), 1);
    let other = Repository::parse("registry.corp/other").unwrap();
    assert!(members.closure(&other, &digest("amd")).is_none());
}

/// More digests than one step looks at, one under the other algorithm, one in two places.
#[test]
fn a_walk_over_all_closures_finds_each_in_each_of_its_repositories() {
    let members = members();
    let other = Repository::parse("registry.corp/other").unwrap();
    for at in 0..600 {
        let (root, layer) = (format!("root {at}"), format!("layer {at}"));
        let image = closure(&root, json!({ "image": image(&root, &layer, None) }));
        members.insert(&other, &image);
    }
    members.insert(&other, &index("index", &[("amd", "base"), ("arm", "own")]));
    let mut long = serde_json::to_value(index("long", &[])).unwrap();
    long["root"] = json!(Digest::sha512(b"long"));
    members.insert(&other, &serde_json::from_value(long).unwrap());
    let (mut found, mut from, mut steps) = (Vec::new(), 0, 0);
    while let Some((recorded, behind)) = members.recorded_from(from) {
        found.extend(recorded.into_iter().map(|(at, it)| (at, it.root().clone())));
        (from, steps) = (behind, steps + 1);
    }
    assert!(steps > 1);
    let count = found.len();
    let places: HashSet<_> = found.into_iter().collect();
    assert_eq!((count, places.len()), (604, 604));
    assert!(places.contains(&(other, Digest::sha512(b"long"))));
}
