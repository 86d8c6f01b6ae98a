//! Manifests (image-spec, manifest.md and image-index.md; Docker schema 2).
//!
//! One strict parser. The type that content was sent as decides what it is read
//! as, and the body must agree: so no shape of a body chooses how it is judged.

use bytes::Bytes;
use serde_json::Value;

use super::descriptor::{optional_type, required};
use super::json::JsonObject;
use super::{Descriptor, JsonLimits, MediaType, StructuralRefusal, read_strict};

/// The most layers of an image. Docker stops at 127, overlayfs at 500.
const MAX_LAYERS: usize = 512;

/// The most entries of an index.
const MAX_ENTRIES: usize = 1024;

const MANIFEST_KEYS: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "fsLayers",
    "history",
];

/// A manifest, as it was read, beside its verbatim bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    artifact_type: Option<MediaType>,
    subject: Option<Descriptor>,
    body: ManifestBody,
}

/// The two kinds of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestBody {
    Image {
        config: Descriptor,
        layers: Vec<Descriptor>,
    },
    Index {
        manifests: Vec<Descriptor>,
    },
}

impl Manifest {
    /// Reads a body of at most 4 MiB that was sent, or described, as `content_type`.
    ///
    /// # Errors
    /// [`StructuralRefusal`] for what is no manifest, or ambiguous.
    pub fn parse(bytes: Bytes, content_type: &MediaType) -> Result<Self, StructuralRefusal> {
        if content_type.is_schema1() {
            return Err(StructuralRefusal::Schema1);
        }
        if content_type.is_unspecific() {
            return Err(StructuralRefusal::NoType);
        }
        if !content_type.is_manifest() && !content_type.is_index() {
            return Err(StructuralRefusal::ContentType);
        }
        let value = read_strict(&bytes, JsonLimits::DOCUMENT)?;
        let object = JsonObject::new(&value, "the manifest", MANIFEST_KEYS)?;
        check_envelope(&object, content_type)?;
        Ok(Self {
            media_type: content_type.clone(),
            artifact_type: optional_type(object.text("artifactType")?)?,
            subject: read_descriptor(&object, "subject")?,
            body: ManifestBody::read(&object, content_type)?,
            bytes,
        })
    }

    /// The bytes that were read, unchanged.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    pub fn body(&self) -> &ManifestBody {
        &self.body
    }

    pub fn into_body(self) -> ManifestBody {
        self.body
    }

    /// The entries of an index; none for an image.
    pub fn children(&self) -> &[Descriptor] {
        match &self.body {
            ManifestBody::Index { manifests } => manifests,
            ManifestBody::Image { .. } => &[],
        }
    }

    /// The blobs of an image, config first; none for an index.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers): (_, &[Descriptor]) = match &self.body {
            ManifestBody::Image { config, layers } => (Some(config), layers),
            ManifestBody::Index { .. } => (None, &[]),
        };
        config.into_iter().chain(layers)
    }

    /// The manifest that this one refers to.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// What the body claims to be. A claim: it exempts from nothing.
    pub fn artifact_type(&self) -> Option<&MediaType> {
        self.artifact_type.as_ref()
    }
}

impl ManifestBody {
    fn read(object: &JsonObject<'_>, content_type: &MediaType) -> Result<Self, StructuralRefusal> {
        if content_type.is_index() {
            return Ok(Self::Index {
                manifests: read_entries(object)?,
            });
        }
        Ok(Self::Image {
            config: required(read_descriptor(object, "config")?, "config")?,
            layers: read_layers(object)?,
        })
    }
}

/// What must hold before the body is read as what it was sent as.
fn check_envelope(
    object: &JsonObject<'_>,
    content_type: &MediaType,
) -> Result<(), StructuralRefusal> {
    check_media_type(object.text("mediaType")?, content_type)?;
    if object.has("fsLayers") || object.has("history") {
        return Err(StructuralRefusal::Schema1);
    }
    let other_shape = match content_type.is_index() {
        true => object.has("config") || object.has("layers"),
        false => object.has("manifests"),
    };
    if other_shape {
        return Err(StructuralRefusal::ImageAndIndex);
    }
    match object.integer("schemaVersion") {
        Ok(Some(2)) => Ok(()),
        Ok(Some(1)) => Err(StructuralRefusal::Schema1),
        _ => Err(StructuralRefusal::SchemaVersion),
    }
}

/// Docker's types must be stated in the body; the OCI's may be.
fn check_media_type(
    stated: Option<&str>,
    content_type: &MediaType,
) -> Result<(), StructuralRefusal> {
    let oci = *content_type == MediaType::OCI_MANIFEST || *content_type == MediaType::OCI_INDEX;
    match stated {
        Some(stated) if stated == content_type.as_str() => Ok(()),
        Some("") | None if oci => Ok(()),
        Some("") | None => Err(StructuralRefusal::MediaTypeMissing),
        Some(_) => Err(StructuralRefusal::MediaTypeDisagrees),
    }
}

fn read_descriptor(
    object: &JsonObject<'_>,
    key: &'static str,
) -> Result<Option<Descriptor>, StructuralRefusal> {
    object
        .get(key)
        .map(|value| Descriptor::read(value, key))
        .transpose()
}

fn read_layers(object: &JsonObject<'_>) -> Result<Vec<Descriptor>, StructuralRefusal> {
    let layers = required(object.array("layers")?, "layers")?;
    if layers.len() > MAX_LAYERS {
        return Err(StructuralRefusal::Layers(MAX_LAYERS));
    }
    layers.iter().map(read_layer).collect()
}

fn read_layer(value: &Value) -> Result<Descriptor, StructuralRefusal> {
    let layer = Descriptor::read(value, "layers")?;
    if layer.media_type.is_foreign_layer() {
        return Err(StructuralRefusal::ForeignLayer);
    }
    Ok(layer)
}

fn read_entries(object: &JsonObject<'_>) -> Result<Vec<Descriptor>, StructuralRefusal> {
    let entries = required(object.array("manifests")?, "manifests")?;
    if entries.len() > MAX_ENTRIES {
        return Err(StructuralRefusal::Entries(MAX_ENTRIES));
    }
    let read = |entry| Descriptor::read(entry, "manifests");
    entries.iter().map(read).collect()
}

#[cfg(test)]
mod go_tests;
#[cfg(test)]
mod tests;
