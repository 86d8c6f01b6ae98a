//! Assembles a closure from bodies that the caller fetches.
//!
//! A state machine without I/O: it says what it needs next, receives bytes or their
//! absence, checks them, and in the end returns a closure. What is structurally wrong
//! with the root refuses the closure; what is wrong with a child refuses that child,
//! which is then never served.

use bytes::Bytes;

use super::classify::{ClassifiedManifest, Unclassified};
use super::{Child, ChildOutcome, Closure, Image, Shape};
use super::{Descriptor, Digest, JsonLimits, Manifest, MediaType, StructuralRefusal};

/// How many indexes may lie between the root and an image.
const MAX_DEPTH: usize = 2;

/// The most manifests below one root.
const MAX_MANIFESTS: usize = 128;

/// The most bytes of manifests and configs read for one root: 32 MiB.
const MAX_BYTES: usize = 32 << 20;

/// The most bytes of one manifest or config.
const MAX_DOCUMENT_BYTES: usize = JsonLimits::DOCUMENT.bytes;

/// What the assembly needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedContent {
    /// To be asked for as a manifest.
    Manifest(Descriptor),
    /// To be asked for as a blob.
    Config(Descriptor),
}

impl WantedContent {
    /// Its length in bytes, as its descriptor says: 4 MiB at most.
    pub fn size(&self) -> u64 {
        let (Self::Manifest(descriptor) | Self::Config(descriptor)) = self;
        descriptor.size
    }

    fn digest(&self) -> &Digest {
        let (Self::Manifest(descriptor) | Self::Config(descriptor)) = self;
        &descriptor.digest
    }
}

/// The caller's answer to [`WantedContent`].
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
    slots: Vec<PendingEntry>,
    nested: Vec<Descriptor>,
    bytes_read: usize,
    /// Set once the whole closure must be refused.
    failure: Option<StructuralRefusal>,
}

/// One place among the children of the root, or the root image's own.
#[derive(Debug)]
struct PendingEntry {
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
    Refused(StructuralRefusal),
    /// An index was read here: its entries take this place.
    Opened(Vec<Descriptor>),
}

impl ClosureAssembly {
    /// Begins at a root whose body is in hand.
    ///
    /// # Errors
    /// [`StructuralRefusal`] where the root cannot be a manifest.
    pub fn start(
        root: Digest,
        body: Bytes,
        content_type: &MediaType,
    ) -> Result<Self, StructuralRefusal> {
        if !root.matches(&body) {
            return Err(StructuralRefusal::WrongBytes);
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
        assembly.place(PendingEntry {
            state: State::of_manifest(&assembly.root, manifest)?,
            descriptor: assembly.root.clone(),
            depth: 0,
        });
        assembly.failure.map_or(Ok(assembly), Err)
    }

    /// What to fetch next, in the order of the entries, `limit` at most and no
    /// digest twice; nothing once the closure is known or refused. It may be
    /// supplied in any order.
    pub fn wanted(&self, limit: usize) -> Vec<WantedContent> {
        let mut wanted: Vec<WantedContent> = Vec::new();
        if self.failure.is_some() {
            return wanted;
        }
        for next in self.slots.iter().filter_map(PendingEntry::wanted) {
            if wanted.len() == limit {
                break;
            }
            if !wanted.iter().any(|it| it.digest() == next.digest()) {
                wanted.push(next);
            }
        }
        wanted
    }

    /// Supplies what was found at `digest`. Content that is not wanted is ignored.
    ///
    /// # Errors
    /// [`WrongBytes`] where the content is not that of the digest.
    pub fn supply(&mut self, digest: &Digest, supplied: Supplied) -> Result<(), WrongBytes> {
        if let Supplied::Body { bytes, .. } = &supplied
            && !digest.matches(bytes)
        {
            self.failure = Some(StructuralRefusal::WrongBytes);
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
    ///
    /// # Errors
    /// [`StructuralRefusal`] where what is reachable is not whole or not allowed.
    pub fn finish(self) -> Result<Closure, StructuralRefusal> {
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
        Ok(Closure::from_parts(
            digest,
            media_type,
            size,
            shape,
            self.nested,
        ))
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
        if self.bytes_read > MAX_BYTES {
            self.failure = Some(StructuralRefusal::Bytes(MAX_BYTES));
        }
        if self.slots.len() + self.nested.len() > MAX_MANIFESTS {
            self.failure = Some(StructuralRefusal::Manifests(MAX_MANIFESTS));
        }
    }

    /// Puts a slot where it belongs: an index gives way to its entries.
    fn place(&mut self, slot: PendingEntry) {
        let State::Opened(entries) = slot.state else {
            return self.slots.push(slot);
        };
        if slot.descriptor.digest != self.root.digest {
            self.nested.push(slot.descriptor);
        }
        let depth = slot.depth + 1;
        let below = entries.into_iter();
        self.slots
            .extend(below.map(|entry| PendingEntry::entry(entry, depth)));
        self.check_bounds();
    }
}

fn outcomes(slots: Vec<PendingEntry>) -> Result<Vec<Child>, StructuralRefusal> {
    slots.into_iter().map(PendingEntry::into_child).collect()
}

/// The one slot of a root that is an image.
fn root_image(slots: Vec<PendingEntry>) -> Result<Box<Image>, StructuralRefusal> {
    match slots.into_iter().next().map(|slot| slot.state) {
        Some(State::Image(image)) => Ok(image),
        Some(State::Refused(refusal)) => Err(refusal),
        Some(State::Absent) => Err(StructuralRefusal::ConfigAbsent),
        Some(State::WantsManifest | State::WantsConfig(_) | State::Opened(_)) | None => {
            Err(StructuralRefusal::Incomplete)
        }
    }
}

impl PendingEntry {
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

    fn wanted(&self) -> Option<WantedContent> {
        match &self.state {
            State::WantsManifest => Some(WantedContent::Manifest(self.descriptor.clone())),
            State::WantsConfig(image) => Some(WantedContent::Config(image.config().clone())),
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

    fn into_child(self) -> Result<Child, StructuralRefusal> {
        let outcome = match self.state {
            State::Image(image) => ChildOutcome::Image(image),
            State::Absent => ChildOutcome::Absent,
            State::Refused(refusal) => ChildOutcome::Refused(refusal.to_string()),
            State::WantsManifest | State::WantsConfig(_) | State::Opened(_) => {
                return Err(StructuralRefusal::Incomplete);
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
    fn of_manifest(descriptor: &Descriptor, manifest: Manifest) -> Result<Self, StructuralRefusal> {
        match ClassifiedManifest::of(descriptor, manifest) {
            ClassifiedManifest::Index(entries) => Ok(Self::Opened(entries)),
            ClassifiedManifest::Image(image) if image.needs_config() => {
                check_length(image.config().size)?;
                Ok(Self::WantsConfig(image))
            }
            ClassifiedManifest::Image(image) => image.without_config().map(Self::Image),
        }
    }
}

fn read_manifest(
    descriptor: &Descriptor,
    bytes: &Bytes,
    content_type: Option<&MediaType>,
) -> Result<State, StructuralRefusal> {
    if content_type.is_some_and(|sent| *sent != descriptor.media_type) {
        return Err(StructuralRefusal::MediaTypeDisagrees);
    }
    if bytes.len() as u64 != descriptor.size {
        return Err(StructuralRefusal::SizeDisagrees);
    }
    let manifest = Manifest::parse(bytes.clone(), &descriptor.media_type)?;
    State::of_manifest(descriptor, manifest)
}

/// Whether an entry is worth fetching.
fn check_entry(entry: &Descriptor, depth: usize) -> Result<(), StructuralRefusal> {
    if entry.media_type.is_schema1() {
        return Err(StructuralRefusal::Schema1);
    }
    if entry.media_type.is_index() && depth > MAX_DEPTH {
        return Err(StructuralRefusal::Depth(MAX_DEPTH));
    }
    if !entry.media_type.is_manifest() && !entry.media_type.is_index() {
        return Err(StructuralRefusal::EntryType);
    }
    check_length(entry.size)
}

fn check_length(size: u64) -> Result<(), StructuralRefusal> {
    if size > MAX_DOCUMENT_BYTES as u64 {
        return Err(StructuralRefusal::DocumentSize(MAX_DOCUMENT_BYTES));
    }
    Ok(())
}

#[cfg(test)]
mod bypass_tests;
#[cfg(test)]
mod test_registry;
#[cfg(test)]
mod tests;
