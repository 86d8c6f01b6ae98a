//! Closures, the parent indexes of an image, the images that hold a blob, aliases and
//! promoted tags. Derived from recorded closures, separately for each repository, since
//! content is never shared across repositories.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::compact_closure::CompactClosure;
use super::digest_table::DigestId;
use super::places::{PlaceView, Places};
use super::vocabulary::{RepositoryId, Vocabulary};
use crate::ledger::alias::Alias;
use crate::ledger::change::PromotedTag;
use crate::memory::{BoundedMemory, HeapSize, Validity};
use crate::oci::{Closure, Digest, Image, Repository};

/// The most bytes of closures that are kept as they were read.
const MAX_READ_CLOSURE_BYTES: u64 = 16 << 20;
/// About what a descriptor takes in such a closure, in bytes.
const DESCRIPTOR_BYTES: usize = 256;
/// How many digests a walk over all looks at in one go: well below a millisecond.
const DIGESTS_AT_ONCE: u32 = 1024;

/// All digests that the ledger knows anything of.
///
/// One lock holds all: who reads holds it for a look-up, who writes for one closure, and
/// writes take turns anyway.
pub(in crate::ledger) struct Membership {
    relations: RwLock<Relations>,
    /// Closures that somebody asked for lately.
    read: BoundedMemory<ReadKey, ReadClosure>,
}

#[derive(Default)]
struct Relations {
    vocabulary: Vocabulary,
    places: Places,
    /// The same bytes under the other algorithm, in both directions.
    aliases: HashMap<DigestId, DigestId, ahash::RandomState>,
    promoted: HashMap<TagKey, DigestId, ahash::RandomState>,
}

/// An environment, a repository and a tag, by their numbers.
type TagKey = (u32, u32, u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct ReadKey(RepositoryId, DigestId);

#[derive(Clone)]
struct ReadClosure(Arc<Closure>);

impl HeapSize for ReadKey {}

impl HeapSize for ReadClosure {
    fn heap_size(&self) -> usize {
        self.0.digests().count() * DESCRIPTOR_BYTES
    }
}

impl Default for Membership {
    fn default() -> Self {
        Self {
            relations: RwLock::default(),
            read: BoundedMemory::new(MAX_READ_CLOSURE_BYTES),
        }
    }
}

impl Membership {
    fn relations(&self) -> RwLockReadGuard<'_, Relations> {
        self.relations
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn relations_mut(&self) -> RwLockWriteGuard<'_, Relations> {
        self.relations
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a closure, or replaces one in which children were absent.
    pub fn insert(&self, repository: &Repository, closure: &Closure) {
        let mut relations = self.relations_mut();
        let (repository, root) = relations.insert(repository, closure);
        self.read.remove(&ReadKey(repository, root));
    }

    /// Adds a closure unless one is there: that one is as new or newer.
    pub fn insert_missing(&self, repository: &Repository, closure: &Closure) {
        let mut relations = self.relations_mut();
        if !relations.is_root(repository, closure.root()) {
            relations.insert(repository, closure);
        }
    }

    /// Notes that there is evidence on `digest`.
    pub fn note(&self, digest: &Digest) {
        self.relations_mut().intern(digest);
    }

    /// Notes that both are digests of the same bytes.
    pub fn set_alias(&self, one: &Digest, other: &Digest) {
        let mut relations = self.relations_mut();
        let (one, other) = (relations.intern(one), relations.intern(other));
        relations.aliases.insert(one, other);
        relations.aliases.insert(other, one);
    }

    /// Which digest was last promoted under a tag; `None`: none is any more.
    pub fn set_promoted(&self, at: &PromotedTag, digest: Option<&Digest>) {
        let mut relations = self.relations_mut();
        let key = relations.intern_tag(at);
        match digest {
            Some(digest) => {
                let digest = relations.intern(digest);
                relations.promoted.insert(key, digest);
            }
            None => drop(relations.promoted.remove(&key)),
        }
    }

    /// The digest last promoted under a tag.
    pub fn promoted(&self, at: &PromotedTag) -> Option<Digest> {
        let relations = self.relations();
        let digest = relations.promoted.get(&relations.tag_key(at)?)?;
        relations.vocabulary.digest(*digest)
    }

    pub fn knows(&self, digest: &Digest) -> bool {
        self.relations().find(digest).is_some()
    }

    pub fn alias(&self, digest: &Digest) -> Option<Digest> {
        let relations = self.relations();
        let alias = relations.aliases.get(&relations.find(digest)?)?;
        relations.vocabulary.digest(*alias)
    }

    /// Whether `digest` is a recorded manifest in `repository`.
    pub fn is_recorded(&self, repository: &Repository, digest: &Digest) -> bool {
        let relations = self.relations();
        let place = relations.place(repository, digest);
        place.is_some_and(|place| place.closure.is_some() || !place.parents.is_empty())
    }

    /// The closure recorded for `digest`, or the part of a recorded index that
    /// lies at or below it.
    pub fn closure(&self, repository: &Repository, digest: &Digest) -> Option<Arc<Closure>> {
        let relations = self.relations();
        let repository = relations.vocabulary.repository_id(repository)?;
        self.closure_at(&relations, repository, relations.find(digest)?)
    }

    /// The caller holds the relations, so that no older closure is kept after a newer one
    /// was inserted.
    fn closure_at(
        &self,
        relations: &Relations,
        repository: RepositoryId,
        digest: DigestId,
    ) -> Option<Arc<Closure>> {
        let key = ReadKey(repository, digest);
        if let Some(ReadClosure(closure)) = self.read.last(&key) {
            return Some(closure);
        }
        let closure = Arc::new(relations.closure(repository, digest)?);
        let read = ReadClosure(Arc::clone(&closure));
        self.read.insert(key, read, Validity::ALWAYS);
        Some(closure)
    }

    /// The closures recorded for the next few digests, from the `from`th on, and which one
    /// comes behind them; `None` behind the last. So that a walk over all holds the lock
    /// for a moment at a time; and those that pulls ask for stay read.
    pub fn recorded_from(&self, from: u32) -> Option<(Vec<(Repository, Closure)>, u32)> {
        let relations = self.relations();
        if from >= relations.places.end() {
            return None;
        }
        let behind = from.saturating_add(DIGESTS_AT_ONCE);
        let recorded = (from..behind).map(DigestId).flat_map(|digest| {
            let places = relations.places.all(digest);
            let recorded = places.filter_map(|(at, place)| Some((at, place.closure?)));
            let read = recorded.filter_map(|(at, closure)| {
                let repository = relations.vocabulary.repository(at)?.clone();
                Some((repository, relations.read(digest, closure)?))
            });
            read.collect::<Vec<_>>()
        });
        Some((recorded.collect(), behind))
    }

    /// Recorded indexes in `repository` that name `digest`.
    pub fn parents(&self, repository: &Repository, digest: &Digest) -> Vec<Digest> {
        let relations = self.relations();
        let place = relations.place(repository, digest);
        place.map_or_else(Vec::new, |place| relations.digests(place.parents))
    }

    /// The newest `limit` images in `repository` that hold `blob`.
    pub fn images_holding(
        &self,
        repository: &Repository,
        blob: &Digest,
        limit: usize,
    ) -> Vec<Digest> {
        let relations = self.relations();
        let place = relations.place(repository, blob);
        let newest = place.map_or_else(Vec::new, |place| {
            place.images.iter().rev().take(limit).copied().collect()
        });
        relations.digests(&newest)
    }

    /// The repositories in which `digest` is known to lie, by name.
    pub fn repositories(&self, digest: &Digest) -> Vec<Repository> {
        let relations = self.relations();
        let places = relations.places_of(digest);
        places
            .into_iter()
            .map(|(repository, _)| repository.clone())
            .collect()
    }

    /// Images that hold `blob` in repositories that `wanted` names, the newest of
    /// each first, `limit` at most.
    pub fn holders_in(
        &self,
        blob: &Digest,
        wanted: impl Fn(&Repository) -> bool,
        limit: usize,
    ) -> Vec<(Repository, Digest)> {
        let relations = self.relations();
        let places = relations.places_of(blob).into_iter();
        let images = places.filter(|(it, _)| wanted(it)).flat_map(|(it, place)| {
            let newest = place.images.iter().rev();
            newest.map(move |image| (it, *image))
        });
        let images = images.take(limit);
        let named = images.filter_map(|(repository, image)| {
            Some((repository.clone(), relations.vocabulary.digest(image)?))
        });
        named.collect()
    }

    pub fn hint(&self, repository: &Repository, blob: &Digest) -> Option<Digest> {
        let relations = self.relations();
        let repository = relations.vocabulary.repository_id(repository)?;
        let hint = relations.places.hint(relations.find(blob)?, repository)?;
        relations.vocabulary.digest(hint)
    }

    /// Sets the hint for a known digest and repository; adds no entry.
    pub fn set_hint(&self, repository: &Repository, blob: &Digest, image: &Digest) {
        let relations = self.relations();
        let repository = relations.vocabulary.repository_id(repository);
        if let (Some(repository), Some(blob), Some(image)) =
            (repository, relations.find(blob), relations.find(image))
        {
            relations.places.set_hint(blob, repository, image);
        }
    }

    /// What is recorded of a root or a child, in any repository.
    pub fn closures(&self, root: &Digest) -> Vec<Arc<Closure>> {
        let relations = self.relations();
        let Some(root) = relations.find(root) else {
            return Vec::new();
        };
        let places = relations.places.all(root);
        let closures = places.filter_map(|(it, _)| self.closure_at(&relations, it, root));
        closures.collect()
    }

    /// The digests that go the way of a closure's root: what is said against any of
    /// them concerns it. All in its closure, the indexes above it in any repository
    /// with those between, each under either algorithm. `aliases`: what the caller
    /// knows of the closure and nobody recorded yet.
    pub fn related(&self, closure: &Closure, aliases: &[Alias]) -> HashSet<Digest> {
        let relations = self.relations();
        let mut related: HashSet<Digest> = closure.digests().cloned().collect();
        related.extend(aliases.iter().flat_map(Alias::digests).cloned());
        let mut root = vec![closure.root().clone()];
        root.extend(aliases.iter().filter_map(|it| it.other(closure.root())));
        let known = |digests: &mut dyn Iterator<Item = &Digest>| -> Vec<DigestId> {
            digests.filter_map(|it| relations.find(it)).collect()
        };
        let mut above = Vec::new();
        for root in relations.under_both(known(&mut root.iter())) {
            for parent in relations.parents_anywhere(root) {
                above.extend(relations.nested(parent));
                above.push(parent);
            }
        }
        let within = known(&mut related.iter());
        let all = relations.under_both(within).into_iter();
        let all = all.chain(relations.under_both(above));
        related.extend(all.filter_map(|it| relations.vocabulary.digest(it)));
        related
    }

    /// Every digest whose verdict may rest on evidence on `digest`: itself, the
    /// images and indexes that hold it, the children of those indexes, and what
    /// refers to any of them; each under either algorithm. The reverse of
    /// [`Self::related`].
    pub fn affected_by(&self, digest: &Digest) -> HashSet<Digest> {
        let relations = self.relations();
        let Some(known) = relations.find(digest) else {
            return HashSet::from([digest.clone()]);
        };
        let mut found = relations.under_both(vec![known]);
        let images = each(&found, |blob| relations.images_anywhere(blob));
        found.extend(relations.under_both(images));
        let parents = each(&found, |manifest| relations.parents_anywhere(manifest));
        found.extend(relations.under_both(parents));
        let children = each(&found, |index| relations.members(index));
        found.extend(relations.under_both(children));
        let mut reached = HashSet::with_hasher(ahash::RandomState::new());
        while let Some(next) = found.pop() {
            if reached.insert(next) {
                found.extend(relations.under_both(relations.referrers_anywhere(next)));
            }
        }
        let digests = reached.into_iter();
        digests
            .filter_map(|it| relations.vocabulary.digest(it))
            .collect()
    }
}

impl Relations {
    fn find(&self, digest: &Digest) -> Option<DigestId> {
        self.vocabulary.digests.find(digest)
    }

    /// Known from now on.
    fn intern(&mut self, digest: &Digest) -> DigestId {
        let id = self.vocabulary.digests.intern(digest);
        self.places.add(id);
        id
    }

    fn intern_tag(&mut self, at: &PromotedTag) -> TagKey {
        let words = &mut self.vocabulary;
        (
            words.environments.intern(&at.environment),
            words.repositories.intern(&at.repository),
            words.tags.intern(&at.tag),
        )
    }

    fn tag_key(&self, at: &PromotedTag) -> Option<TagKey> {
        let words = &self.vocabulary;
        Some((
            words.environments.find(&at.environment)?,
            words.repositories.find(&at.repository)?,
            words.tags.find(&at.tag)?,
        ))
    }

    fn insert(&mut self, repository: &Repository, closure: &Closure) -> (RepositoryId, DigestId) {
        let repository = RepositoryId(self.vocabulary.repositories.intern(repository));
        let root = self.intern(closure.root());
        for entry in entries(closure) {
            let entry = self.intern(entry);
            self.places.add_parent(entry, repository, root);
        }
        for image in closure.images() {
            self.link(repository, image);
        }
        let written = CompactClosure::write(closure, &mut self.vocabulary);
        self.places.set_closure(root, repository, written);
        (repository, root)
    }

    /// An image's digest fixes its blobs, so once is enough for those. What it refers to
    /// may be learnt later, from a tag.
    fn link(&mut self, repository: RepositoryId, image: &Image) {
        let manifest = self.intern(&image.manifest);
        if let Some(subject) = &image.subject {
            let subject = self.intern(subject);
            self.places.add_referrer(subject, repository, manifest);
        }
        if self.places.link(manifest, repository) {
            return;
        }
        for blob in image.blobs() {
            let blob = self.intern(&blob.digest);
            self.places.add_image(blob, repository, manifest);
        }
    }

    fn is_root(&self, repository: &Repository, digest: &Digest) -> bool {
        let place = self.place(repository, digest);
        place.is_some_and(|place| place.closure.is_some())
    }

    fn place(&self, repository: &Repository, digest: &Digest) -> Option<PlaceView<'_>> {
        let repository = self.vocabulary.repository_id(repository)?;
        self.places.get(self.find(digest)?, repository)
    }

    /// Where a digest lies, by the names of the repositories.
    fn places_of(&self, digest: &Digest) -> Vec<(&Repository, PlaceView<'_>)> {
        let Some(digest) = self.find(digest) else {
            return Vec::new();
        };
        let places = self.places.all(digest);
        let named = places.filter_map(|(it, place)| Some((self.vocabulary.repository(it)?, place)));
        let mut named: Vec<_> = named.collect();
        named.sort_by_key(|(repository, _)| *repository);
        named
    }

    fn closure(&self, repository: RepositoryId, digest: DigestId) -> Option<Closure> {
        let place = self.places.get(digest, repository)?;
        if let Some(closure) = place.closure {
            return self.read(digest, closure);
        }
        let name = self.vocabulary.digest(digest)?;
        place.parents.iter().find_map(|index| {
            let recorded = self.places.get(*index, repository)?.closure?;
            let index = self.read(*index, recorded)?;
            index.image(&name).map(Closure::of_image)
        })
    }

    fn read(&self, root: DigestId, closure: u32) -> Option<Closure> {
        let root = self.vocabulary.digest(root)?;
        self.places.closure(closure)?.read(root, &self.vocabulary)
    }

    fn digests(&self, ids: &[DigestId]) -> Vec<Digest> {
        let known = ids.iter().filter_map(|id| self.vocabulary.digest(*id));
        known.collect()
    }

    fn gather(
        &self,
        digest: DigestId,
        which: impl Fn(&PlaceView<'_>) -> Vec<DigestId>,
    ) -> Vec<DigestId> {
        let places = self.places.all(digest);
        places.flat_map(|(_, place)| which(&place)).collect()
    }

    /// Recorded indexes that name `digest`, in any repository.
    fn parents_anywhere(&self, digest: DigestId) -> Vec<DigestId> {
        self.gather(digest, |place| place.parents.to_vec())
    }

    fn images_anywhere(&self, blob: DigestId) -> Vec<DigestId> {
        self.gather(blob, |place| place.images.to_vec())
    }

    fn referrers_anywhere(&self, digest: DigestId) -> Vec<DigestId> {
        self.gather(digest, |place| place.referrers.to_vec())
    }

    /// What recorded closures of `index` name, in any repository.
    fn members(&self, index: DigestId) -> Vec<DigestId> {
        self.gather(index, |place| {
            let closure = place.closure.and_then(|at| self.places.closure(at));
            let entries = closure.and_then(|closure| closure.entries(&self.vocabulary));
            entries.map_or_else(Vec::new, |it| [it.nested, it.children].concat())
        })
    }

    /// Indexes below `index` whose children stand flattened among its own. Which
    /// are whose is not known, so a revocation of one is taken to reach them all.
    fn nested(&self, index: DigestId) -> Vec<DigestId> {
        self.gather(index, |place| {
            let closure = place.closure.and_then(|at| self.places.closure(at));
            let entries = closure.and_then(|closure| closure.entries(&self.vocabulary));
            entries.map_or_else(Vec::new, |it| it.nested)
        })
    }

    /// The same digests, and those of the same bytes under the other algorithm.
    fn under_both(&self, mut digests: Vec<DigestId>) -> Vec<DigestId> {
        let others = digests
            .iter()
            .filter_map(|it| self.aliases.get(it).copied());
        let others: Vec<DigestId> = others.collect();
        digests.extend(others);
        digests
    }
}

fn each(found: &[DigestId], step: impl Fn(DigestId) -> Vec<DigestId>) -> Vec<DigestId> {
    found.iter().flat_map(|it| step(*it)).collect()
}

/// Manifests below the root of an index, those that could not be read too.
fn entries(closure: &Closure) -> impl Iterator<Item = &Digest> {
    let nested = closure.nested().iter();
    let children = closure.children().iter().map(|child| &child.descriptor);
    nested.chain(children).map(|descriptor| &descriptor.digest)
}
