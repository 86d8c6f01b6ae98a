//! Sample images, built on the fly: real manifests and configs over layers of
//! one small file, so that every digest is right and nothing is downloaded.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::oci::{Digest, MediaType, Platform};

const LAYER_MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
const TAR_BLOCK_BYTES: usize = 512;

/// Some content with its digest and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleContent {
    pub media_type: MediaType,
    pub digest: Digest,
    pub bytes: Bytes,
}

/// An image: a manifest with its config and layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleImage {
    pub platform: Platform,
    pub manifest: SampleContent,
    pub config: SampleContent,
    pub layers: Vec<SampleContent>,
}

/// An index with its images, the attestations among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleIndex {
    pub manifest: SampleContent,
    pub images: Vec<SampleImage>,
    /// As BuildKit adds them: in-toto statements for `unknown/unknown`.
    pub attestations: Vec<SampleImage>,
}

/// Builds a [`SampleImage`] for one platform.
#[derive(Clone, Debug)]
pub struct ImageBuilder {
    platform: Platform,
    layers: Vec<SampleContent>,
    labels: Value,
}

impl SampleContent {
    pub fn new(media_type: MediaType, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: Digest::sha256(&bytes),
            media_type,
            bytes,
        }
    }

    fn json(media_type: MediaType, value: &Value) -> Self {
        Self::new(media_type, value.to_string())
    }

    /// The descriptor that names it.
    pub fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type.as_str(),
            "digest": self.digest.to_string(),
            "size": self.bytes.len(),
        })
    }
}

impl ImageBuilder {
    pub fn new(platform: Platform) -> Self {
        Self {
            platform,
            layers: Vec::new(),
            labels: json!({}),
        }
    }

    /// Adds a layer that holds one file.
    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        let layer = SampleContent::new(MediaType::new(LAYER_MEDIA_TYPE), tar(path, content));
        self.layers.push(layer);
        self
    }

    /// Adds a label to the config; a way to make images of the same layers differ.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels[key] = json!(value);
        self
    }

    pub fn build(self) -> SampleImage {
        // Layers are not compressed, so they are their own diff_ids.
        let diff_ids: Vec<_> = self
            .layers
            .iter()
            .map(|layer| layer.digest.to_string())
            .collect();
        let mut config = json!({
            "os": self.platform.os(),
            "architecture": self.platform.architecture(),
            "config": { "Labels": self.labels },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        if let Some(variant) = self.platform.variant() {
            config["variant"] = json!(variant);
        }
        let config = SampleContent::json(MediaType::OCI_CONFIG, &config);
        SampleImage::of(self.platform, config, self.layers)
    }
}

impl SampleImage {
    fn of(platform: Platform, config: SampleContent, layers: Vec<SampleContent>) -> Self {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST.as_str(),
            "config": config.descriptor(),
            "layers": layers.iter().map(SampleContent::descriptor).collect::<Vec<_>>(),
        });
        Self {
            platform,
            manifest: SampleContent::json(MediaType::OCI_MANIFEST, &manifest),
            config,
            layers,
        }
    }

    /// What BuildKit adds beside `self`: a manifest of one in-toto statement.
    pub fn attestation(&self) -> Self {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "subject": [{ "name": "_", "digest": { "sha256": self.manifest.digest.hex() } }],
            "predicate": {},
        });
        let layer = SampleContent::json(MediaType::IN_TOTO, &statement);
        let config = json!({
            "os": "unknown",
            "architecture": "unknown",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [layer.digest.to_string()] },
        });
        let config = SampleContent::json(MediaType::OCI_CONFIG, &config);
        let platform = Platform::new("unknown", "unknown", None);
        Self::of(platform, config, vec![layer])
    }

    /// An artifact that refers to `self`, as scanners and signers attach them.
    pub fn referrer(&self, artifact_type: &str, content: &str) -> Self {
        let config = SampleContent::new(MediaType::OCI_EMPTY, "{}");
        let layer = SampleContent::new(MediaType::new(artifact_type), content.to_owned());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST.as_str(),
            "artifactType": artifact_type,
            "config": config.descriptor(),
            "layers": [layer.descriptor()],
            "subject": self.manifest.descriptor(),
        });
        Self {
            platform: self.platform.clone(),
            manifest: SampleContent::json(MediaType::OCI_MANIFEST, &manifest),
            config,
            layers: vec![layer],
        }
    }

    /// Config and layers.
    pub fn blobs(&self) -> impl Iterator<Item = &SampleContent> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    fn entry(&self) -> Value {
        let mut entry = self.manifest.descriptor();
        entry["platform"] = json!({
            "os": self.platform.os(),
            "architecture": self.platform.architecture(),
        });
        if let Some(variant) = self.platform.variant() {
            entry["platform"]["variant"] = json!(variant);
        }
        entry
    }

    fn attestation_entry(&self, subject: &Self) -> Value {
        let mut entry = self.entry();
        entry["annotations"] = json!({
            "vnd.docker.reference.digest": subject.manifest.digest.to_string(),
            "vnd.docker.reference.type": "attestation-manifest",
        });
        entry
    }
}

impl SampleIndex {
    /// An index of `images` alone.
    pub fn new(images: Vec<SampleImage>) -> Self {
        Self::of(images, Vec::new())
    }

    /// An index of `images` with an attestation for each, as BuildKit writes it.
    pub fn attested(images: Vec<SampleImage>) -> Self {
        let attestations = images.iter().map(SampleImage::attestation).collect();
        Self::of(images, attestations)
    }

    /// linux/amd64 and linux/arm64 with attestations; `name` makes it differ
    /// from others.
    pub fn sample(name: &str) -> Self {
        let build = |architecture: &str| {
            ImageBuilder::new(Platform::new("linux", architecture, None))
                .file("etc/motd", format!("{name} on {architecture}\n").as_bytes())
                .build()
        };
        Self::attested(vec![build("amd64"), build("arm64")])
    }

    fn of(images: Vec<SampleImage>, attestations: Vec<SampleImage>) -> Self {
        let mut entries: Vec<Value> = images.iter().map(SampleImage::entry).collect();
        let pairs = attestations.iter().zip(&images);
        entries.extend(pairs.map(|(attestation, image)| attestation.attestation_entry(image)));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX.as_str(),
            "manifests": entries,
        });
        Self {
            manifest: SampleContent::json(MediaType::OCI_INDEX, &manifest),
            images,
            attestations,
        }
    }
}

/// A ustar archive (POSIX.1-1988) of one file. Longer paths are cut to fit.
fn tar(path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0u8; TAR_BLOCK_BYTES];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, &path.as_bytes()[..path.len().min(100)]);
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        "); // the sum counts its own field as blanks
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    // Filled up to a whole block, then two empty ones for the end.
    let padded = archive.len().next_multiple_of(TAR_BLOCK_BYTES) + 2 * TAR_BLOCK_BYTES;
    archive.resize(padded, 0);
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_descriptor_names_what_is_there() {
        let index = SampleIndex::sample("app");
        assert_eq!(index.images.len(), 2);
        let text = std::str::from_utf8(&index.manifest.bytes).unwrap();
        for image in index.images.iter().chain(&index.attestations) {
            assert!(text.contains(&image.manifest.digest.to_string()));
            let manifest = std::str::from_utf8(&image.manifest.bytes).unwrap();
            for blob in image.blobs() {
                assert!(blob.digest.matches(&blob.bytes));
                assert!(manifest.contains(&blob.digest.to_string()));
            }
        }
        assert!(text.contains("attestation-manifest") && text.contains("\"unknown\""));
    }

    #[test]
    fn samples_differ_by_name_and_are_otherwise_stable() {
        assert_eq!(SampleIndex::sample("a"), SampleIndex::sample("a"));
        assert_ne!(
            SampleIndex::sample("a").manifest,
            SampleIndex::sample("b").manifest
        );
    }

    #[test]
    fn writes_an_archive_that_tar_reads() {
        let archive = tar("etc/motd", b"hello\n");
        assert_eq!(archive.len(), 4 * TAR_BLOCK_BYTES);
        assert_eq!(&archive[..9], b"etc/motd\0");
        assert_eq!(&archive[124..136], b"00000000006\0");
        assert_eq!(&archive[TAR_BLOCK_BYTES..TAR_BLOCK_BYTES + 6], b"hello\n");
        let blank = |at: usize| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(archive[at])
            }
        };
        let sum: u32 = (0..TAR_BLOCK_BYTES).map(blank).sum();
        assert_eq!(&archive[148..156], format!("{sum:06o}\0 ").as_bytes());
    }
}
