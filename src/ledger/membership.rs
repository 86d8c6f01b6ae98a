//! Membership: closures, the parent indexes of an image, the images that hold a blob.
//! Derived from recorded closures, separately for each repository, since content is never
//! shared across repositories.

use std::collections::HashSet;
use std::sync::Arc;

use dashmap::DashMap;

use super::alias::Alias;
use crate::oci::{Closure, Digest, Image, Repository};

/// All digests that the ledger knows anything of.
#[derive(Default)]
pub(super) struct Membership {
    nodes: DashMap<Digest, DigestNode>,
}

/// One digest.
#[derive(Default)]
struct DigestNode {
    /// Sorted by repository: a base layer lies in very many.
    repositories: Vec<(Repository, RepositoryEntry)>,
    /// The same bytes under the other algorithm.
    alias: Option<Digest>,
}

/// One digest in one repository.
#[derive(Default)]
struct RepositoryEntry {
    /// Recorded for it, or made for a child of a recorded index.
    closure: Option<Arc<Closure>>,
    /// Whether its blobs list this image as a holder.
    linked: bool,
    /// Recorded indexes that name it.
    parents: Vec<Digest>,
    /// Image manifests that name it as config or layer.
    images: Vec<Digest>,
    /// Manifests whose subject it is.
    referrers: Vec<Digest>,
    /// The image that last permitted this blob.
    hint: Option<Digest>,
}

impl DigestNode {
    fn entry(&self, repository: &Repository) -> Option<&RepositoryEntry> {
        let at = self
            .repositories
            .binary_search_by(|(r, _)| r.cmp(repository));
        self.repositories.get(at.ok()?).map(|(_, place)| place)
    }

    fn entry_mut(&mut self, repository: &Repository) -> Option<&mut RepositoryEntry> {
        let at = self
            .repositories
            .binary_search_by(|(r, _)| r.cmp(repository));
        self.repositories.get_mut(at.ok()?).map(|(_, place)| place)
    }

    fn entry_or_new(&mut self, repository: &Repository) -> &mut RepositoryEntry {
        let at = match self
            .repositories
            .binary_search_by(|(r, _)| r.cmp(repository))
        {
            Ok(at) => at,
            Err(at) => {
                shrink(&mut self.repositories);
                self.repositories
                    .insert(at, (repository.clone(), RepositoryEntry::default()));
                at
            }
        };
        &mut self.repositories[at].1
    }
}

impl Membership {
    /// Adds a closure, or replaces one in which children were absent. The closure itself
    /// is added last, so that its members are linked when it is visible.
    pub fn insert(&self, repository: &Repository, closure: Arc<Closure>) {
        let root = closure.root();
        for entry in entries(&closure) {
            self.at(repository, entry, |place| add(&mut place.parents, root));
        }
        for image in closure.images() {
            self.link(repository, image);
        }
        self.at(repository, root, |place| {
            place.closure = Some(Arc::clone(&closure));
        });
    }

    /// An image's digest fixes its blobs, so once is enough for those. What it refers to
    /// may be learnt later, from a tag.
    fn link(&self, repository: &Repository, image: &Image) {
        let manifest = &image.manifest;
        if let Some(subject) = &image.subject {
            self.at(repository, subject, |place| {
                add(&mut place.referrers, manifest);
            });
        }
        let linked = |place: &mut RepositoryEntry| std::mem::replace(&mut place.linked, true);
        if self.at(repository, manifest, linked) {
            return;
        }
        for blob in image.blobs() {
            self.at(repository, &blob.digest, |place| {
                if place.images.last() != Some(manifest) {
                    shrink(&mut place.images);
                    place.images.push(manifest.clone());
                }
            });
        }
    }

    fn at<T>(
        &self,
        repository: &Repository,
        digest: &Digest,
        change: impl FnOnce(&mut RepositoryEntry) -> T,
    ) -> T {
        let mut node = self.nodes.entry(digest.clone()).or_default();
        change(node.entry_or_new(repository))
    }

    /// Notes that there is evidence on `digest`.
    pub fn note(&self, digest: &Digest) {
        self.nodes.entry(digest.clone()).or_default();
    }

    /// Notes that both are digests of the same bytes.
    pub fn set_alias(&self, one: &Digest, other: &Digest) {
        for (of, alias) in [(one, other), (other, one)] {
            self.nodes.entry(of.clone()).or_default().alias = Some(alias.clone());
        }
    }

    pub fn knows(&self, digest: &Digest) -> bool {
        self.nodes.contains_key(digest)
    }

    pub fn alias(&self, digest: &Digest) -> Option<Digest> {
        self.nodes.get(digest)?.alias.clone()
    }

    /// Whether `digest` is a recorded manifest in `repository`.
    pub fn is_recorded(&self, repository: &Repository, digest: &Digest) -> bool {
        self.nodes.get(digest).is_some_and(|node| {
            node.entry(repository)
                .is_some_and(|place| place.closure.is_some() || !place.parents.is_empty())
        })
    }

    /// The closure recorded for `digest`, or the part of a recorded index that
    /// lies at or below it.
    pub fn closure(&self, repository: &Repository, digest: &Digest) -> Option<Arc<Closure>> {
        if let Some(closure) = self.recorded(repository, digest) {
            return Some(closure);
        }
        let parents = self.parents(repository, digest);
        let mut indexes = parents
            .iter()
            .filter_map(|index| self.recorded(repository, index));
        let child = indexes.find_map(|index| index.image(digest).map(Closure::of_image))?;
        let child = Arc::new(child);
        self.at(repository, digest, |place| {
            place.closure.get_or_insert(Arc::clone(&child));
        });
        Some(child)
    }

    fn recorded(&self, repository: &Repository, digest: &Digest) -> Option<Arc<Closure>> {
        let node = self.nodes.get(digest)?;
        node.entry(repository)?.closure.clone()
    }

    /// Recorded indexes in `repository` that name `digest`.
    pub fn parents(&self, repository: &Repository, digest: &Digest) -> Vec<Digest> {
        let node = self.nodes.get(digest);
        node.and_then(|node| node.entry(repository).map(|place| place.parents.clone()))
            .unwrap_or_default()
    }

    /// The same in any repository.
    pub fn parents_anywhere(&self, digest: &Digest) -> Vec<Digest> {
        self.gather(digest, |place| &place.parents)
    }

    /// The newest `limit` images in `repository` that hold `blob`.
    pub fn images_holding(
        &self,
        repository: &Repository,
        blob: &Digest,
        limit: usize,
    ) -> Vec<Digest> {
        let newest =
            |place: &RepositoryEntry| place.images.iter().rev().take(limit).cloned().collect();
        let node = self.nodes.get(blob);
        node.and_then(|node| node.entry(repository).map(newest))
            .unwrap_or_default()
    }

    /// The repositories in which `digest` is known to lie.
    pub fn repositories(&self, digest: &Digest) -> Vec<Repository> {
        self.nodes.get(digest).map_or_else(Vec::new, |node| {
            let places = node.repositories.iter();
            places.map(|(repository, _)| repository.clone()).collect()
        })
    }

    /// Images that hold `blob` in repositories that `wanted` names, the newest of
    /// each first, `limit` at most.
    pub fn holders_in(
        &self,
        blob: &Digest,
        wanted: impl Fn(&Repository) -> bool,
        limit: usize,
    ) -> Vec<(Repository, Digest)> {
        self.nodes.get(blob).map_or_else(Vec::new, |node| {
            let places = node.repositories.iter().filter(|(it, _)| wanted(it));
            let images = places.flat_map(|(repository, place)| {
                let newest = place.images.iter().rev();
                newest.map(|image| (repository.clone(), image.clone()))
            });
            images.take(limit).collect()
        })
    }

    pub fn hint(&self, repository: &Repository, blob: &Digest) -> Option<Digest> {
        self.nodes.get(blob)?.entry(repository)?.hint.clone()
    }

    /// Sets the hint for a known digest and repository; adds no entry.
    pub fn set_hint(&self, repository: &Repository, blob: &Digest, image: &Digest) {
        if let Some(mut node) = self.nodes.get_mut(blob)
            && let Some(place) = node.entry_mut(repository)
        {
            place.hint = Some(image.clone());
        }
    }

    fn gather(
        &self,
        digest: &Digest,
        which: impl Fn(&RepositoryEntry) -> &Vec<Digest>,
    ) -> Vec<Digest> {
        self.nodes.get(digest).map_or_else(Vec::new, |node| {
            let places = node.repositories.iter();
            places
                .flat_map(|(_, place)| which(place))
                .cloned()
                .collect()
        })
    }

    /// What recorded closures of `index` name, in any repository.
    fn members(&self, index: &Digest) -> Vec<Digest> {
        let closures = self.closures(index);
        closures.iter().flat_map(|c| entries(c)).cloned().collect()
    }

    /// Indexes below `index` whose children stand flattened among its own. Which
    /// are whose is not known, so a revocation of one is taken to reach them all.
    pub fn nested(&self, index: &Digest) -> Vec<Digest> {
        let closures = self.closures(index);
        let nested = closures.iter().flat_map(|closure| closure.nested());
        nested.map(|index| index.digest.clone()).collect()
    }

    /// What is recorded of a root, in any repository.
    pub fn closures(&self, root: &Digest) -> Vec<Arc<Closure>> {
        self.nodes.get(root).map_or_else(Vec::new, |node| {
            let places = node.repositories.iter();
            places.filter_map(|(_, p)| p.closure.clone()).collect()
        })
    }

    /// The digests that go the way of a closure's root: what is said against any of
    /// them concerns it. All in its closure, the indexes above it in any repository
    /// with those between, each under either algorithm. `aliases`: what the caller
    /// knows of the closure and nobody recorded yet.
    pub fn related(&self, closure: &Closure, aliases: &[Alias]) -> HashSet<Digest> {
        let mut related: HashSet<Digest> = closure.digests().cloned().collect();
        related.extend(aliases.iter().flat_map(Alias::digests).cloned());
        let mut root = vec![closure.root().clone()];
        root.extend(aliases.iter().filter_map(|it| it.other(closure.root())));
        for parent in each(&self.under_both(root), |it| self.parents_anywhere(it)) {
            related.extend(self.nested(&parent));
            related.insert(parent);
        }
        self.under_both(related.into_iter().collect())
            .into_iter()
            .collect()
    }

    /// Every digest whose verdict may rest on evidence on `digest`: itself, the
    /// images and indexes that hold it, the children of those indexes, and what
    /// refers to any of them; each under either algorithm. The reverse of
    /// [`Self::related`].
    pub fn affected_by(&self, digest: &Digest) -> HashSet<Digest> {
        let mut found = self.under_both(vec![digest.clone()]);
        let images = each(&found, |blob| self.gather(blob, |place| &place.images));
        found.extend(self.under_both(images));
        let parents = each(&found, |manifest| self.parents_anywhere(manifest));
        found.extend(self.under_both(parents));
        let children = each(&found, |index| self.members(index));
        found.extend(self.under_both(children));
        let mut reached = HashSet::new();
        while let Some(next) = found.pop() {
            if reached.insert(next.clone()) {
                let referrers = self.gather(&next, |place| &place.referrers);
                found.extend(self.under_both(referrers));
            }
        }
        reached
    }

    /// The same digests, and those of the same bytes under the other algorithm.
    fn under_both(&self, mut digests: Vec<Digest>) -> Vec<Digest> {
        let others: Vec<Digest> = digests.iter().filter_map(|it| self.alias(it)).collect();
        digests.extend(others);
        digests
    }
}

fn each(found: &[Digest], step: impl Fn(&Digest) -> Vec<Digest>) -> Vec<Digest> {
    found.iter().flat_map(step).collect()
}

/// Manifests below the root of an index, those that could not be read too.
fn entries(closure: &Closure) -> impl Iterator<Item = &Digest> {
    let nested = closure.nested().iter();
    let children = closure.children().iter().map(|child| &child.descriptor);
    nested.chain(children).map(|descriptor| &descriptor.digest)
}

/// Shrinks the capacity: most lists hold one element for ever, and the default capacity
/// is four.
fn shrink<T>(list: &mut Vec<T>) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
}

fn add(list: &mut Vec<Digest>, digest: &Digest) {
    if !list.contains(digest) {
        shrink(list);
        list.push(digest.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

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

    fn closure(root: &str, shape: Value) -> Arc<Closure> {
        let root = json!({ "root": digest(root), "media_type": "a/b", "size": 1, "shape": shape });
        Arc::new(serde_json::from_value(root).unwrap())
    }

    fn index(root: &str, children: &[(&str, &str)]) -> Arc<Closure> {
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
        members.insert(
            &repository,
            index("index", &[("amd", "base"), ("arm", "own")]),
        );
        let signature = image("signature", "bundle", Some("index"));
        members.insert(
            &repository,
            closure("signature", json!({ "image": signature })),
        );
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
        members.insert(&other, index("elsewhere", &[("riscv", "alien")]));
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
        members.insert(&repository, again);
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
}
