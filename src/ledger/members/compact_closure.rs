//! A closure as one buffer: numbers of the vocabulary, as variable-length integers.
//!
//! In front stand the manifests that the root names, so that these are found without
//! reading the rest.

use super::digest_table::DigestId;
use super::vocabulary::Vocabulary;
use crate::oci::{
    ChainId, Child, ChildOutcome, Closure, Descriptor, Digest, Image, ImageContent, MediaType,
    Platform, Shape,
};

const IMAGE: u32 = 0;
const INDEX: u32 = 1;

const OUTCOME_IMAGE: u32 = 0;
const OUTCOME_ABSENT: u32 = 1;
const OUTCOME_REFUSED: u32 = 2;

const RUNNABLE: u32 = 0;
const ATTESTATION: u32 = 1;
const ARTIFACT: u32 = 2;

/// More than most closures take.
const USUAL_BYTES: usize = 256;

/// Of the number that stands for a descriptor's media type: two bits say what follows.
const WITH_PLATFORM: u64 = 1;
const WITH_ARTIFACT_TYPE: u64 = 2;

/// A closure without its root's digest, which is known where it lies.
pub(super) struct CompactClosure(Box<[u8]>);

impl CompactClosure {
    pub fn write(closure: &Closure, vocabulary: &mut Vocabulary) -> Self {
        let mut writer = Writer {
            vocabulary,
            bytes: Vec::with_capacity(USUAL_BYTES),
        };
        writer.closure(closure);
        // A copy: an allocator may leave what is only shrunk where it is, with its room.
        Self(Box::from(writer.bytes.as_slice()))
    }

    /// `None` if it was not written with this vocabulary.
    pub fn read(&self, root: Digest, vocabulary: &Vocabulary) -> Option<Closure> {
        let mut reader = Reader {
            vocabulary,
            rest: &self.0,
        };
        reader.closure(root)
    }

    /// The manifests below the root of an index, with those that could not be read.
    pub fn entries(&self, vocabulary: &Vocabulary) -> Option<CompactEntries> {
        let mut reader = Reader {
            vocabulary,
            rest: &self.0,
        };
        reader.head()?;
        let digests = |reader: &mut Reader<'_>| reader.list(Reader::descriptor_id);
        Some(CompactEntries {
            nested: digests(&mut reader)?,
            children: digests(&mut reader)?,
        })
    }
}

/// The manifests that an index names.
pub(super) struct CompactEntries {
    /// Indexes whose entries stand among the children.
    pub nested: Vec<DigestId>,
    pub children: Vec<DigestId>,
}

struct Writer<'a> {
    vocabulary: &'a mut Vocabulary,
    bytes: Vec<u8>,
}

impl Writer<'_> {
    fn closure(&mut self, closure: &Closure) {
        self.media_type(closure.media_type());
        self.number(closure.size());
        let shape = closure.shape();
        self.small(match shape {
            Shape::Image(_) => IMAGE,
            Shape::Index(_) => INDEX,
        });
        self.list(closure.nested(), Self::descriptor);
        self.list(closure.children(), |it, child| {
            it.descriptor(&child.descriptor);
        });
        match shape {
            Shape::Image(image) => self.image(image),
            Shape::Index(children) => {
                for child in children {
                    self.outcome(&child.outcome);
                }
            }
        }
    }

    fn outcome(&mut self, outcome: &ChildOutcome) {
        match outcome {
            ChildOutcome::Image(image) => {
                self.small(OUTCOME_IMAGE);
                self.image(image);
            }
            ChildOutcome::Absent => self.small(OUTCOME_ABSENT),
            ChildOutcome::Refused(why) => {
                self.small(OUTCOME_REFUSED);
                self.text(why);
            }
        }
    }

    fn image(&mut self, image: &Image) {
        self.digest(&image.manifest);
        self.media_type(&image.media_type);
        self.number(image.size);
        self.content(&image.content);
        self.list(image.subject.as_slice(), Self::digest);
        self.descriptor(&image.config);
        self.list(&image.layers, Self::descriptor);
    }

    fn content(&mut self, content: &ImageContent) {
        match content {
            ImageContent::Runnable { platform, chain_id } => {
                self.small(RUNNABLE);
                self.platform(platform);
                self.chain_id(chain_id.as_ref());
            }
            ImageContent::Attestation => self.small(ATTESTATION),
            ImageContent::Artifact { artifact_type } => {
                self.small(ARTIFACT);
                self.media_type(artifact_type);
            }
        }
    }

    fn descriptor(&mut self, descriptor: &Descriptor) {
        let media_type = self.vocabulary.media_types.intern(&descriptor.media_type);
        let (platform, artifact_type) = (&descriptor.platform, &descriptor.artifact_type);
        let follows = flag(platform, WITH_PLATFORM) + flag(artifact_type, WITH_ARTIFACT_TYPE);
        self.number(u64::from(media_type) * 4 + follows);
        self.digest(&descriptor.digest);
        self.number(descriptor.size);
        if let Some(platform) = platform {
            self.platform(platform);
        }
        if let Some(artifact_type) = artifact_type {
            self.media_type(artifact_type);
        }
    }

    fn digest(&mut self, digest: &Digest) {
        let id = self.vocabulary.digests.intern(digest);
        self.small(id.0);
    }

    /// Each is of one image alone, so that a number for it would save nothing.
    fn chain_id(&mut self, chain_id: Option<&ChainId>) {
        let bytes = chain_id.map_or(&[][..], |it| it.digest().as_bytes());
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn media_type(&mut self, media_type: &MediaType) {
        let id = self.vocabulary.media_types.intern(media_type);
        self.small(id);
    }

    fn platform(&mut self, platform: &Platform) {
        let id = self.vocabulary.platforms.intern(platform);
        self.small(id);
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn small(&mut self, number: u32) {
        self.number(u64::from(number));
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

fn flag<T>(value: &Option<T>, bit: u64) -> u64 {
    if value.is_some() { bit } else { 0 }
}

struct Reader<'a> {
    vocabulary: &'a Vocabulary,
    rest: &'a [u8],
}

impl Reader<'_> {
    fn closure(&mut self, root: Digest) -> Option<Closure> {
        let (media_type, size, shape) = self.head()?;
        let nested = self.list(Self::descriptor)?;
        let children = self.list(Self::descriptor)?;
        let shape = match shape {
            IMAGE => Shape::Image(Box::new(self.image()?)),
            _ => Shape::Index(self.children(children)?),
        };
        Some(Closure::from_parts(root, media_type, size, shape, nested))
    }

    fn head(&mut self) -> Option<(MediaType, u64, u32)> {
        Some((self.media_type()?, self.number()?, self.small()?))
    }

    fn children(&mut self, descriptors: Vec<Descriptor>) -> Option<Vec<Child>> {
        let children = descriptors.into_iter().map(|descriptor| {
            let outcome = self.outcome()?;
            Some(Child {
                descriptor,
                outcome,
            })
        });
        children.collect()
    }

    fn outcome(&mut self) -> Option<ChildOutcome> {
        Some(match self.small()? {
            OUTCOME_IMAGE => ChildOutcome::Image(Box::new(self.image()?)),
            OUTCOME_ABSENT => ChildOutcome::Absent,
            OUTCOME_REFUSED => ChildOutcome::Refused(self.text()?),
            _ => return None,
        })
    }

    fn image(&mut self) -> Option<Image> {
        Some(Image {
            manifest: self.digest()?,
            media_type: self.media_type()?,
            size: self.number()?,
            content: self.content()?,
            subject: self.list(Self::digest)?.pop(),
            config: self.descriptor()?,
            layers: self.list(Self::descriptor)?,
        })
    }

    fn content(&mut self) -> Option<ImageContent> {
        Some(match self.small()? {
            RUNNABLE => ImageContent::Runnable {
                platform: self.platform()?,
                chain_id: self.chain_id()?,
            },
            ATTESTATION => ImageContent::Attestation,
            ARTIFACT => ImageContent::Artifact {
                artifact_type: self.media_type()?,
            },
            _ => return None,
        })
    }

    fn descriptor(&mut self) -> Option<Descriptor> {
        let head = self.number()?;
        let media_type = u32::try_from(head / 4).ok()?;
        let media_type = self.vocabulary.media_types.get(media_type)?.clone();
        let (digest, size) = (self.digest()?, self.number()?);
        let platform = match head & WITH_PLATFORM {
            0 => None,
            _ => Some(self.platform()?),
        };
        let artifact_type = match head & WITH_ARTIFACT_TYPE {
            0 => None,
            _ => Some(self.media_type()?),
        };
        Some(Descriptor {
            media_type,
            digest,
            size,
            platform,
            artifact_type,
        })
    }

    /// The number of a descriptor's digest; the rest is passed over.
    fn descriptor_id(&mut self) -> Option<DigestId> {
        let head = self.number()?;
        let digest = DigestId(self.small()?);
        self.number()?;
        for bit in [WITH_PLATFORM, WITH_ARTIFACT_TYPE] {
            if head & bit != 0 {
                self.number()?;
            }
        }
        Some(digest)
    }

    fn digest(&mut self) -> Option<Digest> {
        let id = DigestId(self.small()?);
        self.vocabulary.digest(id)
    }

    fn chain_id(&mut self) -> Option<Option<ChainId>> {
        let bytes = self.counted()?;
        Some(
            match bytes.len() {
                0 => None,
                32 => Some(Digest::Sha256(bytes.try_into().ok()?)),
                _ => Some(Digest::Sha512(Box::new(bytes.try_into().ok()?))),
            }
            .map(ChainId::known),
        )
    }

    fn media_type(&mut self) -> Option<MediaType> {
        let id = self.small()?;
        self.vocabulary.media_types.get(id).cloned()
    }

    fn platform(&mut self) -> Option<Platform> {
        let id = self.small()?;
        self.vocabulary.platforms.get(id).cloned()
    }

    fn list<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.number()?).ok()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.counted()?.to_vec()).ok()
    }

    /// Bytes behind their number.
    fn counted(&mut self) -> Option<&[u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}
