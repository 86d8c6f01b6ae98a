//! A permit opens what it names and what that image holds, and nothing else.

use std::sync::Arc;

use proptest::prelude::*;

use super::golden::{good, now};
use super::images::{alone, child, digest, index, runnable};
use crate::oci::{Closure, Digest};
use crate::trust::Permit;

/// A permit for the root of `closure`.
fn permit(closure: &Arc<Closure>) -> Permit {
    let mut case = good();
    case.subject.digest = closure.root().clone();
    case.evidence.closure = closure.clone();
    case.settings().require.clear();
    case.verdict().permit(now()).unwrap()
}

fn app() -> Arc<Closure> {
    alone(runnable("app", "linux/amd64"))
}

#[test]
fn opens_the_config_and_layers_of_its_image() {
    for blob in ["config of app", "layer of app"] {
        let member = permit(&app()).member(&app(), &digest(blob)).unwrap();
        assert_eq!(member.digest(), &digest(blob));
        assert_eq!(member.subject().repository, super::golden::repository());
    }
}

/// Bypass 3: a blob is served by closure, never by not being on a list.
#[test]
fn opens_nothing_outside_of_its_image() {
    for blob in ["layer of other", "app", "unpacked layer of app"] {
        assert!(permit(&app()).member(&app(), &digest(blob)).is_none());
    }
}

/// Bypass 16: the same bytes under another algorithm are another digest.
#[test]
fn opens_no_blob_by_its_other_digest() {
    let alias = Digest::sha512(b"layer of app");
    assert!(permit(&app()).member(&app(), &alias).is_none());
}

/// Bypass 7: a permit for an index opens no blob; a child must be judged first.
#[test]
fn an_index_opens_no_blob() {
    let both = index("both", vec![child(runnable("app", "linux/amd64"))]);
    assert!(
        permit(&both)
            .member(&both, &digest("layer of app"))
            .is_none()
    );
    assert!(
        permit(&app())
            .member(&both, &digest("layer of app"))
            .is_none()
    );
}

#[test]
fn opens_nothing_through_another_images_closure() {
    let other = alone(runnable("other", "linux/amd64"));
    assert!(
        permit(&app())
            .member(&other, &digest("layer of other"))
            .is_none()
    );
}

/// Bypass 4: an image can name another manifest as its layer; the permit for
/// that blob is no permit for what the manifest holds.
#[test]
fn a_blobs_permit_opens_nothing_further() {
    let mut carrier = runnable("carrier", "linux/amd64");
    carrier.layers[0].digest = digest("app");
    let carrier = alone(carrier);
    let member = permit(&carrier).member(&carrier, &digest("app")).unwrap();
    assert!(member.member(&app(), &digest("layer of app")).is_none());
}

proptest! {
    #[test]
    fn opens_nothing_that_the_image_does_not_name(bytes: Vec<u8>) {
        let blob = Digest::sha256(&bytes);
        let named = app().contains_blob(&blob);
        prop_assert_eq!(permit(&app()).member(&app(), &blob).is_some(), named);
    }
}
