//! A registry in a map, from which tests assemble closures.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::*;
use crate::oci::{Algorithm, ImageContent};

pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(super) const COSIGN: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// A registry in a map, and a way to name what lies there.
#[derive(Default)]
pub(super) struct TestRegistry {
    pub(super) bodies: HashMap<Digest, Bytes>,
    pub(super) asked: Vec<Digest>,
}

impl TestRegistry {
    pub(super) fn put(&mut self, media_type: &str, body: &str) -> Value {
        self.put_under(Algorithm::Sha256, media_type, body)
    }

    pub(super) fn put_under(
        &mut self,
        algorithm: Algorithm,
        media_type: &str,
        body: &str,
    ) -> Value {
        let digest = Digest::of(algorithm, body.as_bytes());
        self.bodies
            .insert(digest.clone(), Bytes::from(body.to_owned()));
        json!({"mediaType": media_type, "digest": digest, "size": body.len()})
    }

    pub(super) fn config(&mut self, platform: &str, layers: usize) -> Value {
        let mut words = platform.split('/');
        let (os, architecture, variant) = (words.next(), words.next(), words.next());
        let diff_ids: Vec<Digest> = (0..layers).map(|n| Digest::sha256(&[n as u8])).collect();
        let body = json!({
            "os": os, "architecture": architecture, "variant": variant,
            "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        self.put(MediaType::OCI_CONFIG.as_str(), &body.to_string())
    }

    pub(super) fn manifest(&mut self, body: &Value) -> Value {
        self.put(MediaType::OCI_MANIFEST.as_str(), &body.to_string())
    }

    /// An image for `platform` with one layer of `layer_type`.
    pub(super) fn image(&mut self, platform: &str, layer_type: &str) -> Value {
        let body = self.image_body(platform, layer_type);
        self.manifest(&body)
    }

    pub(super) fn image_body(&mut self, platform: &str, layer_type: &str) -> Value {
        json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": self.config(platform, 1),
            "layers": [layer(layer_type, platform)],
        })
    }

    pub(super) fn index(&mut self, entries: &[Value]) -> Value {
        let body =
            json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries});
        self.put(MediaType::OCI_INDEX.as_str(), &body.to_string())
    }

    pub(super) fn start(&self, root: &Value) -> Result<ClosureAssembly, StructuralRefusal> {
        let digest = digest_of(root);
        let media_type = MediaType::new(root["mediaType"].as_str().unwrap());
        ClosureAssembly::start(digest.clone(), self.bodies[&digest].clone(), &media_type)
    }

    pub(super) fn assemble(&mut self, root: &Value) -> Result<Closure, StructuralRefusal> {
        let mut assembly = self.start(root)?;
        while let Some(wanted) = assembly.wanted(1).pop() {
            let (WantedContent::Manifest(descriptor) | WantedContent::Config(descriptor)) = wanted;
            self.asked.push(descriptor.digest.clone());
            let supplied = match self.bodies.get(&descriptor.digest) {
                Some(bytes) => body(bytes.clone()),
                None => Supplied::Absent,
            };
            assembly.supply(&descriptor.digest, supplied).unwrap();
        }
        assembly.finish()
    }
}

pub(super) fn body(bytes: Bytes) -> Supplied {
    Supplied::Body {
        bytes,
        content_type: None,
    }
}

pub(super) fn layer(media_type: &str, content: &str) -> Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(content.as_bytes()), "size": content.len()})
}

pub(super) fn digest_of(descriptor: &Value) -> Digest {
    Digest::parse(descriptor["digest"].as_str().unwrap()).unwrap()
}

/// An entry with the label that the index gives it.
pub(super) fn labelled(mut descriptor: Value, platform: &str) -> Value {
    let mut words = platform.split('/');
    descriptor["platform"] = json!({"os": words.next(), "architecture": words.next()});
    if let Some(variant) = words.next() {
        descriptor["platform"]["variant"] = json!(variant);
    }
    descriptor
}

pub(super) fn outcome<'c>(closure: &'c Closure, child: &Value) -> &'c ChildOutcome {
    &closure.child(&digest_of(child)).unwrap().outcome
}

pub(super) fn refused(refusal: StructuralRefusal) -> ChildOutcome {
    ChildOutcome::Refused(refusal.to_string())
}

pub(super) fn content<'c>(closure: &'c Closure, child: &Value) -> &'c ImageContent {
    &closure.image(&digest_of(child)).unwrap().content
}
