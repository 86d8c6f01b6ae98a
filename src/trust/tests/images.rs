//! Closures for tests, made as the ledger reads them: from their stored form.

use std::sync::Arc;

use serde_json::json;

use super::sekisho::oci::{
    ChainId, Child, ChildOutcome, Closure, Descriptor, Digest, Image, ImageContent, MediaType,
    Platform, Shape,
};

pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

pub fn digest(name: &str) -> Digest {
    Digest::sha256(name.as_bytes())
}

pub fn platform(text: &str) -> Platform {
    Platform::parse(text).unwrap()
}

fn descriptor(media_type: &str, name: &str) -> Descriptor {
    Descriptor {
        media_type: MediaType::new(media_type),
        digest: digest(name),
        size: 7,
        platform: None,
        artifact_type: None,
    }
}

/// A manifest called `name` with `config of <name>` and `layer of <name>`.
fn image(name: &str, content: ImageContent, layer: &str) -> Image {
    Image {
        manifest: digest(name),
        media_type: MediaType::OCI_MANIFEST,
        size: 7,
        content,
        config: descriptor(
            "application/vnd.oci.image.config.v1+json",
            &format!("config of {name}"),
        ),
        layers: vec![descriptor(layer, &format!("layer of {name}"))],
        subject: None,
    }
}

pub fn runnable(name: &str, on: &str) -> Image {
    let content = ImageContent::Runnable {
        platform: platform(on),
        chain_id: ChainId::of(&[digest(&format!("unpacked layer of {name}"))]),
    };
    image(name, content, LAYER)
}

pub fn attestation(name: &str) -> Image {
    image(name, ImageContent::Attestation, MediaType::IN_TOTO.as_str())
}

pub fn artifact(name: &str, artifact_type: &str, layer: &str) -> Image {
    let artifact_type = MediaType::new(artifact_type);
    image(name, ImageContent::Artifact { artifact_type }, layer)
}

/// What refers to the manifest called `subject`.
pub fn referrer(image: Image, subject: &str) -> Image {
    Image {
        subject: Some(digest(subject)),
        ..image
    }
}

pub fn alone(image: Image) -> Arc<Closure> {
    closure(
        image.manifest.clone(),
        MediaType::OCI_MANIFEST,
        Shape::Image(Box::new(image)),
    )
}

/// An index called `name`.
pub fn index(name: &str, children: Vec<Child>) -> Arc<Closure> {
    index_of(digest(name), children)
}

/// An index of that digest.
pub fn index_of(root: Digest, children: Vec<Child>) -> Arc<Closure> {
    closure(root, MediaType::OCI_INDEX, Shape::Index(children))
}

fn closure(root: Digest, media_type: MediaType, shape: Shape) -> Arc<Closure> {
    let stored = json!({ "root": root, "media_type": media_type, "size": 7, "shape": shape });
    Arc::new(serde_json::from_value(stored).unwrap())
}

pub fn child(image: Image) -> Child {
    let name = image.manifest.clone();
    Child {
        descriptor: Descriptor {
            digest: name,
            platform: image.platform().cloned(),
            ..descriptor(MediaType::OCI_MANIFEST.as_str(), "")
        },
        outcome: ChildOutcome::Image(Box::new(image)),
    }
}

/// An entry that could not be read, with the platform that the index gives it.
pub fn unread(name: &str, label: Option<&str>, outcome: ChildOutcome) -> Child {
    Child {
        descriptor: Descriptor {
            platform: label.map(platform),
            ..descriptor(MediaType::OCI_MANIFEST.as_str(), name)
        },
        outcome,
    }
}
