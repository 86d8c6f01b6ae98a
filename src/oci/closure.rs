//! Everything reachable from a root manifest.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ChainId, Descriptor, Digest, MediaType, Platform};

/// Every digest reachable from one root: the root, its children, their configs
/// and layers. Computed once by the strict parser; served content lies in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Closure {
    root: Digest,
    media_type: MediaType,
    size: u64,
    shape: Shape,
    nested: Vec<Descriptor>,
    #[serde(skip)]
    lookup: Lookup,
}

/// A closure as it is stored: without what can be computed from the rest.
#[derive(Deserialize)]
struct Stored {
    root: Digest,
    media_type: MediaType,
    size: u64,
    shape: Shape,
    #[serde(default)]
    nested: Vec<Descriptor>,
}

impl From<Stored> for Closure {
    fn from(stored: Stored) -> Self {
        let lookup = Lookup::new(&stored.shape);
        Self {
            root: stored.root,
            media_type: stored.media_type,
            size: stored.size,
            shape: stored.shape,
            nested: stored.nested,
            lookup,
        }
    }
}

/// Where a digest stands in a closure.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lookup {
    blobs: BTreeSet<Digest>,
    /// Digest of a child to its place.
    children: BTreeMap<Digest, usize>,
}

impl Lookup {
    fn new(shape: &Shape) -> Self {
        let blobs = shape.images().flat_map(Image::blobs);
        Self {
            blobs: blobs.map(|blob| blob.digest.clone()).collect(),
            children: index_children(shape.children()),
        }
    }
}

/// Two entries may name one manifest; the one that could be read is found.
fn index_children(children: &[Child]) -> BTreeMap<Digest, usize> {
    let mut places = BTreeMap::new();
    for (place, child) in children.iter().enumerate() {
        let digest = child.descriptor.digest.clone();
        if child.image().is_some() {
            places.insert(digest, place);
        } else {
            places.entry(digest).or_insert(place);
        }
    }
    places
}

/// What kind of thing the root is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    Image(Box<Image>),
    Index(Vec<Child>),
}

/// An image manifest with what it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub manifest: Digest,
    pub media_type: MediaType,
    /// Length of the manifest's body in bytes.
    pub size: u64,
    pub content: ImageContent,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    /// The manifest that this one refers to (image-spec, "subject"), or is attached to
    /// by a tag of cosign's.
    pub subject: Option<Digest>,
}

/// What an image manifest holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageContent {
    /// Runs on this platform, as its config says.
    Runnable {
        platform: Platform,
        /// Of its unpacked layers; `None` where it has none.
        #[serde(default, alias = "diff_ids", deserialize_with = "ChainId::read")]
        chain_id: Option<ChainId>,
    },
    /// Every layer is an in-toto statement: BuildKit's attestations.
    Attestation,
    /// Anything else: a chart, a WASM module, a signature.
    Artifact { artifact_type: MediaType },
}

/// One entry of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    pub descriptor: Descriptor,
    pub outcome: ChildOutcome,
}

/// The result of reading an entry of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChildOutcome {
    Image(Box<Image>),
    /// The upstream does not have it.
    Absent,
    /// Structurally refused; the text says why.
    Refused(String),
}

impl Closure {
    /// `size` is the length of the root's body; `nested` names the indexes below
    /// the root whose entries stand flattened among its children.
    pub fn from_parts(
        root: Digest,
        media_type: MediaType,
        size: u64,
        shape: Shape,
        nested: Vec<Descriptor>,
    ) -> Self {
        Self::from(Stored {
            root,
            media_type,
            size,
            shape,
            nested,
        })
    }

    /// The closure of an image by itself, as it lies below an index.
    pub fn of_image(image: &Image) -> Self {
        Self::from_parts(
            image.manifest.clone(),
            image.media_type.clone(),
            image.size,
            Shape::Image(Box::new(image.clone())),
            Vec::new(),
        )
    }

    /// The same, where a tag says that it is attached to `subject`: for an artifact whose
    /// own manifest names none. What runs is attached to nothing by a tag.
    pub fn attached_to(&self, subject: &Digest) -> Option<Self> {
        let Shape::Image(image) = &self.shape else {
            return None;
        };
        let is_artifact = matches!(image.content, ImageContent::Artifact { .. });
        if !is_artifact || image.subject.is_some() {
            return None;
        }
        let mut attached = self.clone();
        attached.shape = Shape::Image(Box::new(Image {
            subject: Some(subject.clone()),
            ..Image::clone(image)
        }));
        Some(attached)
    }

    pub fn root(&self) -> &Digest {
        &self.root
    }

    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// Length of the root's body in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The entries of a root index, nested ones among them; none for an image.
    pub fn children(&self) -> &[Child] {
        self.shape.children()
    }

    /// The indexes between the root and its children. Clients ask for them by
    /// digest on their way down.
    pub fn nested(&self) -> &[Descriptor] {
        &self.nested
    }

    /// The image manifests below (or at) the root that could be read.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.shape.images()
    }

    /// The entry of the root that names `digest`.
    pub fn child(&self, digest: &Digest) -> Option<&Child> {
        let place = self.lookup.children.get(digest)?;
        self.children().get(*place)
    }

    /// Whether `digest` goes the way of the root: an image that the root may hold, or an index
    /// between them. What was refused or absent as a child does not; it may be another thing
    /// than the root says.
    pub fn lends_to(&self, digest: &Digest) -> bool {
        let mut nested = self.nested.iter();
        let is_child = self.child(digest).is_some_and(|it| it.image().is_some());
        is_child || nested.any(|index| index.digest == *digest)
    }

    /// The image whose manifest is `digest`, at the root or below it.
    pub fn image(&self, digest: &Digest) -> Option<&Image> {
        match &self.shape {
            Shape::Image(image) => Some(image.as_ref()).filter(|image| image.manifest == *digest),
            Shape::Index(_) => self.child(digest)?.image(),
        }
    }

    /// Whether an image that could be read names `digest` as config or layer.
    /// A manifest is no blob.
    pub fn contains_blob(&self, digest: &Digest) -> bool {
        self.lookup.blobs.contains(digest)
    }

    /// Every digest of the closure: the root, nested indexes, children (refused
    /// and absent ones too), configs and layers. One may come more than once.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        let nested = self.nested.iter().map(|index| &index.digest);
        std::iter::once(&self.root)
            .chain(nested)
            .chain(self.lookup.children.keys())
            .chain(&self.lookup.blobs)
    }
}

impl Shape {
    fn children(&self) -> &[Child] {
        match self {
            Self::Image(_) => &[],
            Self::Index(children) => children,
        }
    }

    fn images(&self) -> impl Iterator<Item = &Image> {
        let alone: Option<&Image> = match self {
            Self::Image(image) => Some(image),
            Self::Index(_) => None,
        };
        let below = self.children().iter().filter_map(Child::image);
        alone.into_iter().chain(below)
    }
}

impl Child {
    pub fn image(&self) -> Option<&Image> {
        match &self.outcome {
            ChildOutcome::Image(image) => Some(image),
            ChildOutcome::Absent | ChildOutcome::Refused(_) => None,
        }
    }
}

impl Image {
    /// The blobs that the manifest names: config first, then layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    pub fn platform(&self) -> Option<&Platform> {
        match &self.content {
            ImageContent::Runnable { platform, .. } => Some(platform),
            ImageContent::Attestation | ImageContent::Artifact { .. } => None,
        }
    }

    /// Whether some client would unpack a layer of this into a container,
    /// whatever the manifest claims to be.
    pub fn has_runnable_layers(&self) -> bool {
        let mut layers = self.layers.iter();
        layers.any(|layer| layer.media_type.is_runnable_layer())
    }
}
