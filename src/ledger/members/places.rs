//! Where a digest lies, and what it is there.
//!
//! Most digests lie in one repository and are one thing there (a layer of one image, a
//! recorded image): those take twelve bytes. The others lie in lists of their own.

use std::sync::atomic::{AtomicU32, Ordering};

use super::compact_closure::CompactClosure;
use super::digest_table::DigestId;
use super::interner::Segments;
use super::vocabulary::RepositoryId;

/// No digest has this number.
const NO_HINT: u32 = u32::MAX;

/// One digest: where it lies.
#[derive(Clone, Copy)]
enum Node {
    /// Known, and in no closure.
    Nowhere,
    One(RepositoryId, Place),
    /// In these, by the repository's number: a base layer lies in very many.
    Several(u32),
}

/// One digest in one repository. What fits in no short form is `Full`.
#[derive(Clone, Copy)]
enum Place {
    /// A config or layer of this image alone.
    Blob(DigestId),
    /// A manifest below this index alone; whether its blobs list it.
    Child(DigestId, bool),
    /// A recorded root below no index, by its closure; whether its blobs list it.
    Root(u32, bool),
    Full(u32),
}

/// All that a digest can be in a repository.
pub(super) struct FullPlace {
    /// Recorded for it.
    pub closure: Option<u32>,
    /// Whether its blobs list this image as a holder.
    pub linked: bool,
    /// Recorded indexes that name it.
    pub parents: Vec<DigestId>,
    /// Image manifests that name it as config or layer, the oldest first.
    pub images: Vec<DigestId>,
    /// Manifests whose subject it is.
    pub referrers: Vec<DigestId>,
    /// The image that last permitted this blob. Set by who only reads.
    hint: AtomicU32,
}

/// The same, to be looked at.
pub(super) struct PlaceView<'a> {
    pub closure: Option<u32>,
    pub parents: &'a [DigestId],
    pub images: &'a [DigestId],
    pub referrers: &'a [DigestId],
}

/// Where every digest lies.
#[derive(Default)]
pub(super) struct Places {
    /// By the digest's algorithm and row.
    nodes: [Segments<Node>; 2],
    several: Segments<Vec<(RepositoryId, Place)>>,
    full: Segments<FullPlace>,
    closures: Segments<CompactClosure>,
}

impl FullPlace {
    fn of(place: Option<Place>) -> Self {
        let mut full = Self {
            closure: None,
            linked: false,
            parents: Vec::new(),
            images: Vec::new(),
            referrers: Vec::new(),
            hint: AtomicU32::new(NO_HINT),
        };
        match place {
            None | Some(Place::Full(_)) => {}
            Some(Place::Blob(image)) => {
                full.images = vec![image];
                full.hint = AtomicU32::new(image.0);
            }
            Some(Place::Child(index, linked)) => {
                full.parents = vec![index];
                full.linked = linked;
            }
            Some(Place::Root(closure, linked)) => {
                full.closure = Some(closure);
                full.linked = linked;
            }
        }
        full
    }
}

impl Places {
    fn node(&self, digest: DigestId) -> Option<&Node> {
        self.nodes[usize::from(digest.is_sha512())].get(digest.row())
    }

    /// Makes room for a digest that is new.
    pub fn add(&mut self, digest: DigestId) {
        let nodes = &mut self.nodes[usize::from(digest.is_sha512())];
        while nodes.len() <= digest.row() as usize {
            nodes.push(Node::Nowhere);
        }
    }

    fn place(&self, digest: DigestId, repository: RepositoryId) -> Option<&Place> {
        match self.node(digest)? {
            Node::Nowhere => None,
            Node::One(at, place) => (*at == repository).then_some(place),
            Node::Several(list) => {
                let list = self.several.get(*list)?;
                let at = list.binary_search_by_key(&repository, |(it, _)| *it);
                list.get(at.ok()?).map(|(_, place)| place)
            }
        }
    }

    fn view<'a>(&'a self, place: &'a Place) -> Option<PlaceView<'a>> {
        let mut view = PlaceView {
            closure: None,
            parents: &[],
            images: &[],
            referrers: &[],
        };
        match place {
            Place::Blob(image) => view.images = std::slice::from_ref(image),
            Place::Child(index, _) => view.parents = std::slice::from_ref(index),
            Place::Root(closure, _) => view.closure = Some(*closure),
            Place::Full(at) => {
                let full = self.full.get(*at)?;
                view.closure = full.closure;
                view.parents = &full.parents;
                view.images = &full.images;
                view.referrers = &full.referrers;
            }
        }
        Some(view)
    }

    /// Every digest's number is less.
    pub fn end(&self) -> u32 {
        let rows = self.nodes.iter().map(Segments::len).max();
        u32::try_from(rows.unwrap_or_default() * 2).unwrap_or(u32::MAX)
    }

    /// What `digest` is in `repository`.
    pub fn get(&self, digest: DigestId, repository: RepositoryId) -> Option<PlaceView<'_>> {
        self.view(self.place(digest, repository)?)
    }

    /// What it is anywhere.
    pub fn all(&self, digest: DigestId) -> impl Iterator<Item = (RepositoryId, PlaceView<'_>)> {
        let node = self.node(digest);
        let one = node.and_then(|node| match node {
            Node::One(repository, place) => Some((*repository, place)),
            Node::Nowhere | Node::Several(_) => None,
        });
        let several = node.and_then(|node| match node {
            Node::Several(list) => self.several.get(*list),
            Node::Nowhere | Node::One(..) => None,
        });
        let several = several
            .into_iter()
            .flatten()
            .map(|(it, place)| (*it, place));
        let places = one.into_iter().chain(several);
        places.filter_map(|(repository, place)| Some((repository, self.view(place)?)))
    }

    pub fn closure(&self, at: u32) -> Option<&CompactClosure> {
        self.closures.get(at)
    }

    /// The image that last permitted a blob.
    pub fn hint(&self, blob: DigestId, repository: RepositoryId) -> Option<DigestId> {
        match self.place(blob, repository)? {
            Place::Blob(image) => Some(*image),
            Place::Child(..) | Place::Root(..) => None,
            Place::Full(at) => {
                let hint = self.full.get(*at)?.hint.load(Ordering::Relaxed);
                (hint != NO_HINT).then_some(DigestId(hint))
            }
        }
    }

    /// Where a blob has one image alone, that is the hint.
    pub fn set_hint(&self, blob: DigestId, repository: RepositoryId, image: DigestId) {
        if let Some(Place::Full(at)) = self.place(blob, repository)
            && let Some(full) = self.full.get(*at)
        {
            full.hint.store(image.0, Ordering::Relaxed);
        }
    }

    /// Recorded for `root`, in the place of what was.
    pub fn set_closure(&mut self, root: DigestId, repository: RepositoryId, it: CompactClosure) {
        let recorded = self.get(root, repository).and_then(|place| place.closure);
        if let Some(closure) = recorded.and_then(|at| self.closures.get_mut(at)) {
            *closure = it;
            return;
        }
        let closure = self.closures.push(it);
        match self.place(root, repository) {
            None => self.put(root, repository, Place::Root(closure, false)),
            Some(_) => {
                let set = |place: &mut FullPlace| place.closure = Some(closure);
                self.change(root, repository, set);
            }
        }
    }

    /// `index` names `manifest`.
    pub fn add_parent(&mut self, manifest: DigestId, repository: RepositoryId, index: DigestId) {
        match self.place(manifest, repository) {
            None => self.put(manifest, repository, Place::Child(index, false)),
            Some(Place::Child(known, _)) if *known == index => {}
            Some(_) => self.change(manifest, repository, |place| {
                add_once(&mut place.parents, index);
            }),
        }
    }

    /// The subject of `referrer` is `manifest`.
    pub fn add_referrer(&mut self, manifest: DigestId, repository: RepositoryId, it: DigestId) {
        self.change(manifest, repository, |place| {
            add_once(&mut place.referrers, it);
        });
    }

    /// Notes that the blobs of an image list it: whether they did before.
    pub fn link(&mut self, image: DigestId, repository: RepositoryId) -> bool {
        match self.place(image, repository).copied() {
            Some(Place::Child(index, before)) => {
                self.put(image, repository, Place::Child(index, true));
                before
            }
            Some(Place::Root(closure, before)) => {
                self.put(image, repository, Place::Root(closure, true));
                before
            }
            Some(Place::Blob(_) | Place::Full(_)) | None => {
                self.change(image, repository, |place| {
                    std::mem::replace(&mut place.linked, true)
                })
            }
        }
    }

    /// `image` names `blob`. Of one image the same blob comes in a row.
    pub fn add_image(&mut self, blob: DigestId, repository: RepositoryId, image: DigestId) {
        match self.place(blob, repository) {
            None => self.put(blob, repository, Place::Blob(image)),
            Some(Place::Blob(known)) if *known == image => {}
            Some(_) => self.change(blob, repository, |place| {
                if place.images.last() != Some(&image) {
                    place.images.push(image);
                }
            }),
        }
    }

    /// Changes the full form, which it has from then on.
    fn change<T>(
        &mut self,
        digest: DigestId,
        repository: RepositoryId,
        change: impl FnOnce(&mut FullPlace) -> T,
    ) -> T {
        let known = self.place(digest, repository).copied();
        let at = match known {
            Some(Place::Full(at)) => at,
            _ => {
                let at = self.full.push(FullPlace::of(known));
                self.put(digest, repository, Place::Full(at));
                at
            }
        };
        match self.full.get_mut(at) {
            Some(full) => change(full),
            None => change(&mut FullPlace::of(None)),
        }
    }

    /// Sets what `digest` is in `repository`.
    fn put(&mut self, digest: DigestId, repository: RepositoryId, place: Place) {
        self.add(digest);
        let nodes = &mut self.nodes[usize::from(digest.is_sha512())];
        let Some(node) = nodes.get_mut(digest.row()) else {
            return;
        };
        match *node {
            Node::Nowhere => *node = Node::One(repository, place),
            Node::One(at, _) if at == repository => *node = Node::One(repository, place),
            Node::One(at, known) => {
                let mut both = vec![(at, known), (repository, place)];
                both.sort_by_key(|(repository, _)| *repository);
                *node = Node::Several(self.several.push(both));
            }
            Node::Several(list) => {
                let Some(list) = self.several.get_mut(list) else {
                    return;
                };
                match list.binary_search_by_key(&repository, |(it, _)| *it) {
                    Ok(at) => list[at].1 = place,
                    Err(at) => list.insert(at, (repository, place)),
                }
            }
        }
    }
}

fn add_once(list: &mut Vec<DigestId>, digest: DigestId) {
    if !list.contains(&digest) {
        list.push(digest);
    }
}
