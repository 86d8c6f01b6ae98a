//! All by which a runtime may name an image.

use std::collections::HashSet;

use crate::ledger::Index;
use crate::oci::{Digest, Repository};

/// `digest` with the manifests and configs below it, as they are known in `repository`,
/// under either algorithm.
pub(super) fn names_of_image(
    index: &Index,
    repository: &Repository,
    digest: &Digest,
) -> HashSet<Digest> {
    let mut names = HashSet::from([digest.clone()]);
    if let Some(closure) = index.closure(repository, digest) {
        names.extend(closure.nested().iter().map(|it| it.digest.clone()));
        // What an index refused goes its own way.
        for image in closure.images() {
            names.extend([image.manifest.clone(), image.config.digest.clone()]);
        }
    }
    let aliases: Vec<Digest> = names.iter().filter_map(|it| index.alias(it)).collect();
    names.extend(aliases);
    names
}

/// The same in whatever repository it is known.
pub(super) fn names_anywhere(index: &Index, digest: &Digest) -> HashSet<Digest> {
    let mut names = HashSet::from([digest.clone()]);
    names.extend(index.alias(digest));
    for repository in index.repositories(digest) {
        names.extend(names_of_image(index, &repository, digest));
    }
    names
}
