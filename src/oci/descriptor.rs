//! Content descriptors (image-spec, descriptor.md).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::JsonObject;
use super::{Digest, JsonError, MediaType, Platform, StructuralRefusal};

/// The largest size that a descriptor may state: 1 TiB.
const MAX_SIZE_BYTES: u64 = 1 << 40;

const DESCRIPTOR_KEYS: &[&str] = &[
    "mediaType",
    "digest",
    "size",
    "urls",
    "annotations",
    "data",
    "platform",
    "artifactType",
];

const PLATFORM_KEYS: &[&str] = &[
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "features",
];

/// What one piece of content says of another: its type, digest and size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    pub media_type: MediaType,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// Set on the entries of an index, where they say so.
    pub platform: Option<Platform>,
    pub artifact_type: Option<MediaType>,
}

impl Descriptor {
    /// Reads the descriptor called `name`. What would make a node fetch or take
    /// other content than the digest's is refused: `urls`, and `data` that
    /// differs.
    pub(super) fn read(value: &Value, name: &'static str) -> Result<Self, StructuralRefusal> {
        let object = JsonObject::new(value, name, DESCRIPTOR_KEYS)?;
        if object.array("urls")?.is_some_and(|urls| !urls.is_empty()) {
            return Err(StructuralRefusal::Urls);
        }
        let media_type = required(object.text("mediaType")?, "a descriptor's mediaType")?;
        let digest = required(object.text("digest")?, "a descriptor's digest")?;
        let descriptor = Self {
            media_type: MediaType::parse(media_type)?,
            digest: Digest::parse(digest).map_err(|_| StructuralRefusal::Digest)?,
            size: read_size(&object)?,
            platform: object.get("platform").map_or(Ok(None), read_platform)?,
            artifact_type: optional_type(object.text("artifactType")?)?,
        };
        if let Some(data) = object.text("data")? {
            descriptor.check_data(data)?;
        }
        Ok(descriptor)
    }

    fn check_data(&self, data: &str) -> Result<(), StructuralRefusal> {
        let bytes = BASE64_STANDARD
            .decode(data)
            .map_err(|_| StructuralRefusal::Data)?;
        let same = bytes.len() as u64 == self.size && self.digest.matches(&bytes);
        same.then_some(()).ok_or(StructuralRefusal::Data)
    }
}

pub(super) fn required<T>(value: Option<T>, name: &'static str) -> Result<T, StructuralRefusal> {
    value.ok_or(StructuralRefusal::Missing(name))
}

/// Reads an optional media type; Go takes the empty string for absent.
pub(super) fn optional_type(text: Option<&str>) -> Result<Option<MediaType>, StructuralRefusal> {
    let text = text.filter(|text| !text.is_empty());
    Ok(text.map(MediaType::parse).transpose()?)
}

fn read_size(object: &JsonObject<'_>) -> Result<u64, StructuralRefusal> {
    let size = object
        .integer("size")
        .map_err(|_| StructuralRefusal::Size)?;
    let size = required(size, "a descriptor's size")?;
    (size <= MAX_SIZE_BYTES)
        .then_some(size)
        .ok_or(StructuralRefusal::Size)
}

fn read_platform(value: &Value) -> Result<Option<Platform>, StructuralRefusal> {
    let object = JsonObject::new(value, "platform", PLATFORM_KEYS)?;
    platform_of(&object)
}

/// The platform that an object's `os`, `architecture` and `variant` say; none
/// when neither of the first two is set.
pub(super) fn platform_of(object: &JsonObject<'_>) -> Result<Option<Platform>, StructuralRefusal> {
    let word = |key| -> Result<&str, JsonError> { Ok(object.text(key)?.unwrap_or_default()) };
    let (os, architecture, variant) = (word("os")?, word("architecture")?, word("variant")?);
    if os.is_empty() && architecture.is_empty() {
        return Ok(None);
    }
    let text = match variant {
        "" => format!("{os}/{architecture}"),
        variant => format!("{os}/{architecture}/{variant}"),
    };
    Ok(Some(Platform::parse(&text)?))
}
