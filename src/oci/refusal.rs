//! Why content is refused for its structure, whatever the evidence says.

use super::{JsonError, MediaTypeError, PlatformError};

/// A structural refusal. Each text is one plain line under 120 characters, free
/// of text from outside, so that it can stand in an answer as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StructuralRefusal {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("the Content-Type is neither a manifest nor an index type")]
    ContentType,
    #[error("neither its Content-Type nor its body says which kind of manifest it is")]
    NoType,
    #[error("the mediaType of the body and the type it was sent as disagree")]
    MediaTypeDisagrees,
    #[error("a Docker manifest must state its mediaType")]
    MediaTypeMissing,
    #[error("a manifest of schema 1; push the image again with a current tool")]
    Schema1,
    #[error("schemaVersion must be 2")]
    SchemaVersion,
    #[error("one body holds the keys of an image and of an index")]
    ImageAndIndex,
    #[error("the body lacks {0}")]
    Missing(&'static str),
    #[error("the image has more than {0} layers")]
    Layers(usize),
    #[error("the index has more than {0} entries")]
    Entries(usize),
    #[error(transparent)]
    MediaType(#[from] MediaTypeError),
    #[error("a digest is ill-formed, or neither sha256 nor sha512")]
    Digest,
    #[error("a size is negative, no integer or above 1 TiB")]
    Size,
    #[error("a descriptor names urls that nodes would fetch themselves")]
    Urls,
    #[error("a foreign layer, which nodes would fetch from elsewhere")]
    ForeignLayer,
    #[error("data embedded in a descriptor is not the content of its digest and size")]
    Data,
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error("the bytes do not have the digest they go by")]
    WrongBytes,
    #[error("a descriptor's size is not the length of its content")]
    SizeDisagrees,
    #[error("an entry of the index is neither a manifest nor an index")]
    EntryType,
    #[error("indexes are nested deeper than {0} levels")]
    Depth(usize),
    #[error("more than {0} manifests are reachable")]
    Manifests(usize),
    #[error("manifests and configs together are longer than {0} bytes")]
    Bytes(usize),
    #[error("a manifest or config is longer than {0} bytes")]
    DocumentSize(usize),
    #[error("the image's config is absent from the upstream")]
    ConfigAbsent,
    #[error("the image's config does not say os and architecture")]
    PlatformMissing,
    #[error("the index labels an image with another platform than its config's")]
    PlatformDisagrees,
    #[error("an unknown/unknown entry holds something other than attestations")]
    UnknownPlatform,
    #[error("rootfs.type of the config is not layers")]
    RootFs,
    #[error("the config's diff_ids and the manifest's layers differ in number")]
    DiffIds,
    #[error("not everything that was wanted has been supplied")]
    Incomplete,
}

impl StructuralRefusal {
    /// Whether the same digest may be read otherwise a little later: it is about what an
    /// upstream lacks or calls it, and not about its bytes.
    pub fn may_mend(&self) -> bool {
        matches!(
            self,
            Self::ContentType
                | Self::NoType
                | Self::MediaTypeDisagrees
                | Self::WrongBytes
                | Self::ConfigAbsent
                | Self::Incomplete
        )
    }
}
