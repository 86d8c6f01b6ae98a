//! Images as samples do not have them.

use sekisho::demo::{ImageBuilder, SampleContent, SampleImage};
use sekisho::oci::{MediaType, Platform};
use serde_json::{Value, json};

pub fn amd64() -> Platform {
    Platform::new("linux", "amd64", None)
}

/// An image of one layer that no other name's image has.
pub fn image(name: &str) -> SampleImage {
    image_on(name, "amd64")
}

pub fn image_on(name: &str, architecture: &str) -> SampleImage {
    ImageBuilder::new(Platform::new("linux", architecture, None))
        .file("etc/motd", format!("{name} on {architecture}\n").as_bytes())
        .build()
}

/// Bytes of a type, with their digest.
pub fn piece(media_type: &str, bytes: impl Into<Vec<u8>>) -> SampleContent {
    SampleContent::new(MediaType::new(media_type), bytes.into())
}

/// The manifest of `image` as JSON, to be bent.
pub fn manifest_of(image: &SampleImage) -> Value {
    serde_json::from_slice(&image.manifest.bytes).unwrap()
}

/// What an index says of `image`, with this label.
pub fn entry(image: &SampleImage, os: &str, architecture: &str) -> Value {
    let mut entry = image.manifest.descriptor();
    entry["platform"] = json!({ "os": os, "architecture": architecture });
    entry
}

/// An index of these entries.
pub fn index_of(entries: &[Value]) -> SampleContent {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX.as_str(),
        "manifests": entries,
    });
    SampleContent::new(MediaType::OCI_INDEX, index.to_string())
}
