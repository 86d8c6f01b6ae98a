//! What holds of all closures: the compact form loses nothing, and the order in which they
//! come makes no difference.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::Membership;
use crate::oci::{
    ChainId, Child, ChildOutcome, Closure, Descriptor, Digest, Image, ImageContent, MediaType,
    Platform, Repository, Shape,
};

/// So few that closures share most of what they name.
const DIGESTS: u8 = 24;

fn digest(number: u8, is_sha512: bool) -> Digest {
    match is_sha512 {
        true => Digest::sha512(&[number]),
        false => Digest::sha256(&[number]),
    }
}

fn any_digest() -> impl Strategy<Value = Digest> {
    (0..DIGESTS, prop::bool::weighted(0.2)).prop_map(|(number, long)| digest(number, long))
}

fn media_type() -> impl Strategy<Value = MediaType> {
    "[a-c]/[a-z]{1,3}".prop_map(|text| MediaType::parse(&text).unwrap())
}

fn platform() -> impl Strategy<Value = Platform> {
    let variant = option::of("[a-z]{1,2}");
    ("[a-z]{2}", "[a-z]{2}", variant).prop_map(|(os, architecture, variant)| {
        Platform::new(&os, &architecture, variant.as_deref())
    })
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    let fields = (
        media_type(),
        any_digest(),
        any::<u64>(),
        option::of(platform()),
        option::of(media_type()),
    );
    fields.prop_map(
        |(media_type, digest, size, platform, artifact_type)| Descriptor {
            media_type,
            digest,
            size,
            platform,
            artifact_type,
        },
    )
}

fn content() -> impl Strategy<Value = ImageContent> {
    prop_oneof![
        (
            platform(),
            option::of(any_digest().prop_map(ChainId::known))
        )
            .prop_map(|(platform, chain_id)| ImageContent::Runnable { platform, chain_id }),
        Just(ImageContent::Attestation),
        media_type().prop_map(|artifact_type| ImageContent::Artifact { artifact_type }),
    ]
}

fn image() -> impl Strategy<Value = Image> {
    let fields = (
        any_digest(),
        media_type(),
        any::<u64>(),
        content(),
        descriptor(),
        vec(descriptor(), 0..4),
        option::of(any_digest()),
    );
    fields.prop_map(
        |(manifest, media_type, size, content, config, layers, subject)| Image {
            manifest,
            media_type,
            size,
            content,
            config,
            layers,
            subject,
        },
    )
}

fn child() -> impl Strategy<Value = Child> {
    let outcome = prop_oneof![
        3 => image().prop_map(|image| ChildOutcome::Image(Box::new(image))),
        1 => Just(ChildOutcome::Absent),
        1 => ".{0,6}".prop_map(ChildOutcome::Refused),
    ];
    (descriptor(), outcome).prop_map(|(mut descriptor, outcome)| {
        if let ChildOutcome::Image(image) = &outcome {
            descriptor.digest = image.manifest.clone();
        }
        Child {
            descriptor,
            outcome,
        }
    })
}

fn closure() -> impl Strategy<Value = Closure> {
    let shape = prop_oneof![
        image().prop_map(|image| (Shape::Image(Box::new(image)), Vec::new())),
        (vec(child(), 0..4), vec(descriptor(), 0..2))
            .prop_map(|(children, nested)| (Shape::Index(children), nested)),
    ];
    (any_digest(), media_type(), any::<u64>(), shape).prop_map(
        |(root, media_type, size, (shape, nested))| {
            let root = match &shape {
                Shape::Image(image) => image.manifest.clone(),
                Shape::Index(_) => root,
            };
            Closure::from_parts(root, media_type, size, shape, nested)
        },
    )
}

fn repository(number: u8) -> Repository {
    Repository::parse(&format!("registry.corp/team/app{number}")).unwrap()
}

/// Closures of different roots, each in one of three repositories. A digest is one thing
/// alone, as real ones are: what a manifest names depends on nothing but its digest.
fn recorded() -> impl Strategy<Value = Vec<(Repository, Closure)>> {
    vec((0..3_u8, closure()), 1..12).prop_map(|closures| {
        let mut seen = HashSet::new();
        let manifests = |closure: &Closure| -> Vec<Digest> {
            let images = closure.images().map(|image| image.manifest.clone());
            images.chain([closure.root().clone()]).collect()
        };
        let fresh = closures.into_iter().filter(|(_, closure)| {
            let manifests: HashSet<Digest> = manifests(closure).into_iter().collect();
            let is_new = seen.is_disjoint(&manifests);
            seen.extend(manifests);
            is_new
        });
        fresh
            .map(|(number, closure)| (repository(number), closure))
            .collect()
    })
}

fn filled<'a>(closures: impl Iterator<Item = &'a (Repository, Closure)>) -> Membership {
    let members = Membership::default();
    for (repository, closure) in closures {
        members.insert(repository, closure);
    }
    members
}

fn set<T: Eq + std::hash::Hash>(items: Vec<T>) -> HashSet<T> {
    items.into_iter().collect()
}

/// Everything that can be asked of a digest gets the same answer.
fn answers_alike(one: &Membership, other: &Membership) -> Result<(), TestCaseError> {
    for number in 0..DIGESTS {
        for digest in [digest(number, false), digest(number, true)] {
            prop_assert_eq!(one.knows(&digest), other.knows(&digest));
            prop_assert_eq!(one.repositories(&digest), other.repositories(&digest));
            prop_assert_eq!(one.affected_by(&digest), other.affected_by(&digest));
            let all = |members: &Membership| set(members.holders_in(&digest, |_| true, 1000));
            prop_assert_eq!(all(one), all(other));
            for repository in (0..3).map(repository) {
                let asked = (&repository, &digest);
                prop_assert_eq!(
                    one.is_recorded(asked.0, asked.1),
                    other.is_recorded(asked.0, asked.1)
                );
                let parents = |members: &Membership| set(members.parents(asked.0, asked.1));
                prop_assert_eq!(parents(one), parents(other));
                let closure = one.closure(asked.0, asked.1);
                prop_assert_eq!(&closure, &other.closure(asked.0, asked.1));
                if let Some(closure) = closure {
                    prop_assert_eq!(one.related(&closure, &[]), other.related(&closure, &[]));
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_recorded_closure_is_read_as_it_was_written(closure in closure()) {
        let members = Membership::default();
        members.insert(&repository(0), &closure);
        let read = members.closure(&repository(0), closure.root());
        prop_assert_eq!(read.as_deref(), Some(&closure));
    }

    #[test]
    fn the_order_of_records_makes_no_difference(closures in recorded()) {
        let (forth, back) = (filled(closures.iter()), filled(closures.iter().rev()));
        answers_alike(&forth, &back)?;
    }

    /// As when a start loads what requests have asked for already.
    #[test]
    fn what_is_there_already_is_kept(closures in recorded(), early in 0..12_usize) {
        let whole = filled(closures.iter());
        let begun = filled(closures.iter().skip(early));
        for (repository, closure) in &closures {
            begun.insert_missing(repository, closure);
        }
        answers_alike(&begun, &whole)?;
    }
}
