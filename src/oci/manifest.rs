//! Manifests (image-spec, manifest.md and image-index.md; Docker schema 2).
//!
//! One strict parser. The type that content was sent as decides what it is read
//! as, and the body must agree: so no shape of a body chooses how it is judged.

use bytes::Bytes;
use serde_json::Value;

use super::descriptor::{optional_type, required};
use super::json::Object;
use super::{Descriptor, Limits, MediaType, Refusal, read_strict};

/// The most layers of an image. Docker stops at 127, overlayfs at 500.
const LAYERS_LIMIT: usize = 512;

/// The most entries of an index.
const ENTRIES_LIMIT: usize = 1024;

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
    pub fn parse(bytes: Bytes, content_type: &MediaType) -> Result<Self, Refusal> {
        if content_type.is_schema1() {
            return Err(Refusal::Schema1);
        }
        if !content_type.is_manifest() && !content_type.is_index() {
            return Err(Refusal::ContentType);
        }
        let value = read_strict(&bytes, Limits::DOCUMENT)?;
        let object = Object::new(&value, "the manifest", MANIFEST_KEYS)?;
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
    fn read(object: &Object<'_>, content_type: &MediaType) -> Result<Self, Refusal> {
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
fn check_envelope(object: &Object<'_>, content_type: &MediaType) -> Result<(), Refusal> {
    check_media_type(object.text("mediaType")?, content_type)?;
    if object.has("fsLayers") || object.has("history") {
        return Err(Refusal::Schema1);
    }
    let other_shape = match content_type.is_index() {
        true => object.has("config") || object.has("layers"),
        false => object.has("manifests"),
    };
    if other_shape {
        return Err(Refusal::ImageAndIndex);
    }
    match object.integer("schemaVersion") {
        Ok(Some(2)) => Ok(()),
        Ok(Some(1)) => Err(Refusal::Schema1),
        _ => Err(Refusal::SchemaVersion),
    }
}

/// Docker's types must be stated in the body; the OCI's may be.
fn check_media_type(stated: Option<&str>, content_type: &MediaType) -> Result<(), Refusal> {
    let oci = *content_type == MediaType::OCI_MANIFEST || *content_type == MediaType::OCI_INDEX;
    match stated {
        Some(stated) if stated == content_type.as_str() => Ok(()),
        Some("") | None if oci => Ok(()),
        Some("") | None => Err(Refusal::MediaTypeMissing),
        Some(_) => Err(Refusal::MediaTypeDisagrees),
    }
}

fn read_descriptor(object: &Object<'_>, key: &'static str) -> Result<Option<Descriptor>, Refusal> {
    object
        .get(key)
        .map(|value| Descriptor::read(value, key))
        .transpose()
}

fn read_layers(object: &Object<'_>) -> Result<Vec<Descriptor>, Refusal> {
    let layers = required(object.array("layers")?, "layers")?;
    if layers.len() > LAYERS_LIMIT {
        return Err(Refusal::Layers(LAYERS_LIMIT));
    }
    layers.iter().map(read_layer).collect()
}

fn read_layer(value: &Value) -> Result<Descriptor, Refusal> {
    let layer = Descriptor::read(value, "layers")?;
    if layer.media_type.is_foreign_layer() {
        return Err(Refusal::ForeignLayer);
    }
    Ok(layer)
}

fn read_entries(object: &Object<'_>) -> Result<Vec<Descriptor>, Refusal> {
    let entries = required(object.array("manifests")?, "manifests")?;
    if entries.len() > ENTRIES_LIMIT {
        return Err(Refusal::Entries(ENTRIES_LIMIT));
    }
    let read = |entry| Descriptor::read(entry, "manifests");
    entries.iter().map(read).collect()
}

#[cfg(test)]
mod go_tests;
#[cfg(test)]
mod tests;
