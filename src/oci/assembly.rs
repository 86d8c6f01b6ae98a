//! How a closure comes about from bodies that someone else fetches.
//!
//! A state machine without I/O: it says what it wants next, is handed bytes (or
//! told that there are none), checks them, and in the end holds a closure. What
//! is structurally wrong with the root refuses the closure; what is wrong with
//! a child refuses that child, which is then never served.

use bytes::Bytes;

use super::classify::{Read, Unclassified};
use super::{Child, ChildOutcome, Closure, Image, Shape};
use super::{Descriptor, Digest, Limits, Manifest, MediaType, Refusal};

/// How many indexes may lie between the root and an image.
const DEPTH_LIMIT: usize = 2;

/// The most manifests below one root.
const MANIFESTS_LIMIT: usize = 128;

/// The most bytes of manifests and configs read for one root: 32 MiB.
const BYTES_LIMIT: usize = 32 << 20;

/// The most bytes of one manifest or config.
const DOCUMENT_LIMIT: usize = Limits::DOCUMENT.bytes;

/// What the assembly needs to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// To be asked for as a manifest.
    Manifest(Descriptor),
    /// To be asked for as a blob.
    Config(Descriptor),
}

impl Wanted {
    fn digest(&self) -> &Digest {
        let (Self::Manifest(descriptor) | Self::Config(descriptor)) = self;
        &descriptor.digest
    }
}

/// What came of asking.
#[derive(Clone, Debug)]
pub enum Supplied {
    Body {
        bytes: Bytes,
        /// As the upstream sent it; for a config it does not matter.
        content_type: Option<MediaType>,
    },
    /// The upstream does not have it.
    Absent,
}

/// The bytes that were supplied are not those of the digest: a fault of the
/// transport, not of the content. The assembly is over; try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes supplied do not have the digest that was wanted")]
pub struct WrongBytes;

/// A closure that is being read.
#[derive(Debug)]
pub struct ClosureAssembly {
    root: Descriptor,
    slots: Vec<Slot>,
    nested: Vec<Descriptor>,
    bytes_read: usize,
    /// Set once the whole closure must be refused.
    failure: Option<Refusal>,
}

/// One place among the children of the root, or the root image's own.
#[derive(Debug)]
struct Slot {
    descriptor: Descriptor,
    /// How many indexes lie above this.
    depth: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    WantsManifest,
    WantsConfig(Box<Unclassified>),
    Image(Box<Image>),
    Absent,
    Refused(Refusal),
    /// An index was read here: its entries take this place.
    Opened(Vec<Descriptor>),
}

impl ClosureAssembly {
    /// Begins at a root whose body is in hand.
    pub fn start(root: Digest, body: Bytes, content_type: &MediaType) -> Result<Self, Refusal> {
        if !root.matches(&body) {
            return Err(Refusal::WrongBytes);
        }
        let mut assembly = Self {
            root: Descriptor {
                media_type: content_type.clone(),
                digest: root,
                size: body.len() as u64,
                platform: None,
                artifact_type: None,
            },
            slots: Vec::new(),
            nested: Vec::new(),
            bytes_read: body.len(),
            failure: None,
        };
        let manifest = Manifest::parse(body, content_type)?;
        assembly.place(Slot {
            state: State::of_manifest(&assembly.root, manifest)?,
            descriptor: assembly.root.clone(),
            depth: 0,
        });
        assembly.failure.map_or(Ok(assembly), Err)
    }

    /// What to fetch next, in the order of the entries, `limit` at most and no
    /// digest twice; nothing once the closure is known or refused. It may be
    /// supplied in any order.
    pub fn wanted(&self, limit: usize) -> Vec<Wanted> {
        let mut wanted: Vec<Wanted> = Vec::new();
        if self.failure.is_some() {
            return wanted;
        }
        for next in self.slots.iter().filter_map(Slot::wanted) {
            if wanted.len() == limit {
                break;
            }
            if !wanted.iter().any(|it| it.digest() == next.digest()) {
                wanted.push(next);
            }
        }
        wanted
    }

    /// Takes what was found at `digest`. Content that nobody wants is ignored.
    pub fn supply(&mut self, digest: &Digest, supplied: Supplied) -> Result<(), WrongBytes> {
        if let Supplied::Body { bytes, .. } = &supplied
            && !digest.matches(bytes)
        {
            self.failure = Some(Refusal::WrongBytes);
            return Err(WrongBytes);
        }
        for slot in std::mem::take(&mut self.slots) {
            match slot.wants(digest) && self.charge(&supplied) {
                true => self.place(slot.advance(&supplied)),
                false => self.slots.push(slot),
            }
        }
        self.check_bounds();
        Ok(())
    }

    /// The closure, once nothing is wanted any more.
    pub fn finish(self) -> Result<Closure, Refusal> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let shape = match self.root.media_type.is_index() {
            true => Shape::Index(outcomes(self.slots)?),
            false => Shape::Image(root_image(self.slots)?),
        };
        let Descriptor {
            digest,
            media_type,
            size,
            ..
        } = self.root;
        Ok(Closure::new(digest, media_type, size, shape, self.nested))
    }

    /// Counts every reading, so that one body named often is no way to much work.
    fn charge(&mut self, supplied: &Supplied) -> bool {
        if let Supplied::Body { bytes, .. } = supplied {
            self.bytes_read = self.bytes_read.saturating_add(bytes.len());
        }
        self.check_bounds();
        self.failure.is_none()
    }

    fn check_bounds(&mut self) {
        if self.bytes_read > BYTES_LIMIT {
            self.failure = Some(Refusal::Bytes(BYTES_LIMIT));
        }
        if self.slots.len() + self.nested.len() > MANIFESTS_LIMIT {
            self.failure = Some(Refusal::Manifests(MANIFESTS_LIMIT));
        }
    }

    /// Puts a slot where it belongs: an index gives way to its entries.
    fn place(&mut self, slot: Slot) {
        let State::Opened(entries) = slot.state else {
            return self.slots.push(slot);
        };
        if slot.descriptor.digest != self.root.digest {
            self.nested.push(slot.descriptor);
        }
        let depth = slot.depth + 1;
        let below = entries.into_iter();
        self.slots
            .extend(below.map(|entry| Slot::entry(entry, depth)));
        self.check_bounds();
    }
}

fn outcomes(slots: Vec<Slot>) -> Result<Vec<Child>, Refusal> {
    slots.into_iter().map(Slot::into_child).collect()
}

/// The one slot of a root that is an image.
fn root_image(slots: Vec<Slot>) -> Result<Box<Image>, Refusal> {
    match slots.into_iter().next().map(|slot| slot.state) {
        Some(State::Image(image)) => Ok(image),
        Some(State::Refused(refusal)) => Err(refusal),
        Some(State::Absent) => Err(Refusal::ConfigAbsent),
        Some(State::WantsManifest | State::WantsConfig(_) | State::Opened(_)) | None => {
            Err(Refusal::Incomplete)
        }
    }
}

impl Slot {
    fn entry(descriptor: Descriptor, depth: usize) -> Self {
        let state = match check_entry(&descriptor, depth) {
            Ok(()) => State::WantsManifest,
            Err(refusal) => State::Refused(refusal),
        };
        Self {
            descriptor,
            depth,
            state,
        }
    }

    fn wanted(&self) -> Option<Wanted> {
        match &self.state {
            State::WantsManifest => Some(Wanted::Manifest(self.descriptor.clone())),
            State::WantsConfig(image) => Some(Wanted::Config(image.config().clone())),
            State::Image(_) | State::Absent | State::Refused(_) | State::Opened(_) => None,
        }
    }

    fn wants(&self, digest: &Digest) -> bool {
        match &self.state {
            State::WantsManifest => self.descriptor.digest == *digest,
            State::WantsConfig(image) => image.config().digest == *digest,
            State::Image(_) | State::Absent | State::Refused(_) | State::Opened(_) => false,
        }
    }

    fn advance(self, supplied: &Supplied) -> Self {
        let Supplied::Body {
            bytes,
            content_type,
        } = supplied
        else {
            return Self {
                state: State::Absent,
                ..self
            };
        };
        let state = match self.state {
            State::WantsManifest => read_manifest(&self.descriptor, bytes, content_type.as_ref()),
            State::WantsConfig(image) => image.with_config(bytes).map(State::Image),
            settled => Ok(settled),
        };
        Self {
            state: state.unwrap_or_else(State::Refused),
            descriptor: self.descriptor,
            depth: self.depth,
        }
    }

    fn into_child(self) -> Result<Child, Refusal> {
        let outcome = match self.state {
            State::Image(image) => ChildOutcome::Image(image),
            State::Absent => ChildOutcome::Absent,
            State::Refused(refusal) => ChildOutcome::Refused(refusal.to_string()),
            State::WantsManifest | State::WantsConfig(_) | State::Opened(_) => {
                return Err(Refusal::Incomplete);
            }
        };
        Ok(Child {
            descriptor: self.descriptor,
            outcome,
        })
    }
}

impl State {
    /// What follows from a manifest. Only an image's config is wanted; those of
    /// artifacts mean nothing here.
    fn of_manifest(descriptor: &Descriptor, manifest: Manifest) -> Result<Self, Refusal> {
        match Read::of(descriptor, manifest) {
            Read::Index(entries) => Ok(Self::Opened(entries)),
            Read::Image(image) if image.needs_config() => {
                check_length(image.config().size)?;
                Ok(Self::WantsConfig(image))
            }
            Read::Image(image) => image.without_config().map(Self::Image),
        }
    }
}

fn read_manifest(
    descriptor: &Descriptor,
    bytes: &Bytes,
    content_type: Option<&MediaType>,
) -> Result<State, Refusal> {
    if content_type.is_some_and(|sent| *sent != descriptor.media_type) {
        return Err(Refusal::MediaTypeDisagrees);
    }
    if bytes.len() as u64 != descriptor.size {
        return Err(Refusal::SizeDisagrees);
    }
    let manifest = Manifest::parse(bytes.clone(), &descriptor.media_type)?;
    State::of_manifest(descriptor, manifest)
}

/// Whether an entry is worth fetching.
fn check_entry(entry: &Descriptor, depth: usize) -> Result<(), Refusal> {
    if entry.media_type.is_schema1() {
        return Err(Refusal::Schema1);
    }
    if entry.media_type.is_index() && depth > DEPTH_LIMIT {
        return Err(Refusal::Depth(DEPTH_LIMIT));
    }
    if !entry.media_type.is_manifest() && !entry.media_type.is_index() {
        return Err(Refusal::EntryType);
    }
    check_length(entry.size)
}

fn check_length(size: u64) -> Result<(), Refusal> {
    if size > DOCUMENT_LIMIT as u64 {
        return Err(Refusal::DocumentSize(DOCUMENT_LIMIT));
    }
    Ok(())
}

#[cfg(test)]
mod bypass_tests;
#[cfg(test)]
mod shelf;
#[cfg(test)]
mod tests;
