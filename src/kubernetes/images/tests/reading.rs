//! One text, read.

use crate::kubernetes::images::{FoundImage, ManifestError, Manifests};

pub fn read(text: &str) -> Manifests {
    let mut manifests = Manifests::default();
    manifests.add("all.yaml", text).unwrap();
    manifests
}

pub fn refused(text: &str) -> String {
    match Manifests::default().add("all.yaml", text) {
        Err(error @ ManifestError::Unreadable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Every image with its object, path and container.
pub fn images(text: &str) -> Vec<String> {
    let told = |found: &FoundImage| {
        let place = &found.place;
        let container = place.container.as_deref().unwrap_or("-");
        let (object, path) = (place.object(), &place.path);
        format!("{} {object} {path} {container}", found.image)
    };
    read(text).images().iter().map(told).collect()
}
