//! Everything reachable from a root manifest.

use serde::{Deserialize, Serialize};

use super::{Descriptor, Digest, MediaType, Platform};

/// Every digest reachable from one root: the root, its children, their configs
/// and layers. Computed once by the strict parser; served content lies in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    pub(super) root: Digest,
    pub(super) media_type: MediaType,
    /// Length of the root's body in bytes.
    pub(super) size: u64,
    pub(super) shape: Shape,
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
    pub content: Content,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    /// The manifest that this one refers to (image-spec, "subject").
    pub subject: Option<Digest>,
}

/// What an image manifest holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Runs on this platform, as its config says.
    Runnable {
        platform: Platform,
        diff_ids: Vec<Digest>,
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

/// What became of an entry of an index when it was read.
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
    pub fn root(&self) -> &Digest {
        &self.root
    }

    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The image manifests below (or at) the root that could be read.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        let (alone, children): (Option<&Image>, &[Child]) = match &self.shape {
            Shape::Image(image) => (Some(image), &[]),
            Shape::Index(children) => (None, children),
        };
        alone
            .into_iter()
            .chain(children.iter().filter_map(Child::image))
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

    /// Whether any layer could be unpacked and run, whatever the manifest claims to be.
    pub fn has_runnable_layers(&self) -> bool {
        self.layers
            .iter()
            .any(|layer| layer.media_type.as_str().contains("tar"))
    }

    pub fn platform(&self) -> Option<&Platform> {
        match &self.content {
            Content::Runnable { platform, .. } => Some(platform),
            Content::Attestation | Content::Artifact { .. } => None,
        }
    }
}
