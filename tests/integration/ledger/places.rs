//! Which content lies where.

use sekisho::oci::{Digest, Repository};

use super::place;
use super::records::*;
use crate::lab::or_skip;

#[tokio::test]
async fn blob_membership_is_per_repository() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let other = Repository::parse("registry.corp/other").unwrap();
    let mine = image("mine", &["base", "own"]);
    let theirs = image("theirs", &["base"]);
    ledger.record_closure(&app(), &mine).await.unwrap();
    ledger.record_closure(&other, &theirs).await.unwrap();
    let index = ledger.index();
    let holding =
        |repository: &Repository, blob| index.images_holding(repository, &digest(blob), 16);
    assert_eq!(holding(&app(), "base"), [digest("mine")]);
    assert_eq!(holding(&other, "base"), [digest("theirs")]);
    assert_eq!(holding(&other, "own"), []);
    assert_eq!(holding(&app(), "mine"), [], "a manifest is no blob");
    assert!(index.closure(&other, &digest("mine")).is_none());
}

#[tokio::test]
async fn no_more_images_than_asked_and_the_newest_first() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let names: Vec<String> = (0..20).map(|n| format!("img {n}")).collect();
    for name in &names {
        let closure = image(name, &["base"]);
        ledger.record_closure(&app(), &closure).await.unwrap();
    }
    let holding = ledger.index().images_holding(&app(), &digest("base"), 16);
    let newest: Vec<Digest> = names.iter().rev().take(16).map(|n| digest(n)).collect();
    assert_eq!(holding, newest);
}

#[tokio::test]
async fn a_blob_remembers_who_permitted_it() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    for name in ["img", "other"] {
        let closure = image(name, &["base"]);
        ledger.record_closure(&app(), &closure).await.unwrap();
    }
    let index = ledger.index();
    // Before anybody asked: the first that came to hold it.
    assert_eq!(index.hint(&app(), &digest("base")), Some(digest("img")));
    index.set_hint(&app(), &digest("base"), &digest("other"));
    index.set_hint(&app(), &digest("stranger"), &digest("img"));
    assert_eq!(index.hint(&app(), &digest("base")), Some(digest("other")));
    assert_eq!(index.hint(&app(), &digest("stranger")), None);
}

#[tokio::test]
async fn children_of_a_recorded_index_are_known() {
    let place = or_skip!(place());
    let ledger = place.serve().await;
    let both = index("idx", &[("amd", "l1"), ("arm", "l2")]);
    ledger.record_closure(&app(), &both).await.unwrap();
    drop(ledger);
    let ledger = place.serve().await;
    let index = ledger.index();
    assert_eq!(
        index.indexes_holding(&app(), &digest("arm")),
        [digest("idx")]
    );
    let child = index.closure(&app(), &digest("arm")).unwrap();
    assert_eq!(child, image("arm", &["l2"]));
    assert_eq!(
        index.images_holding(&app(), &digest("l2"), 16),
        [digest("arm")]
    );
}
