//! What an image costs in memory, counted.

use super::Membership;
use crate::oci::{
    ChainId, Closure, Descriptor, Digest, Image, ImageContent, MediaType, Platform, Repository,
    Shape,
};

const IMAGES: u32 = 2_000;
/// Of an image with five layers that others have, too, and three of its own, what lists
/// reserve ahead among it. Its own eight digests alone are 256.
const MAX_BYTES_AN_IMAGE: u64 = 700;

fn descriptor(media_type: &'static str, name: &str) -> Descriptor {
    Descriptor {
        media_type: MediaType::parse(media_type).unwrap(),
        digest: Digest::sha256(name.as_bytes()),
        size: 30_000_000,
        platform: None,
        artifact_type: None,
    }
}

fn image(number: u32) -> Closure {
    let shared = (0..5).map(|layer| format!("base {layer}"));
    let own = (0..3).map(|layer| format!("layer {layer} of {number}"));
    let layers: Vec<String> = shared.chain(own).collect();
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    let unpacked = layers
        .iter()
        .map(|it| Digest::sha256(format!("unpacked {it}").as_bytes()));
    let unpacked: Vec<Digest> = unpacked.collect();
    let manifest = Digest::sha256(format!("manifest {number}").as_bytes());
    let config = "application/vnd.oci.image.config.v1+json";
    let image = Image {
        manifest: manifest.clone(),
        media_type: MediaType::OCI_MANIFEST,
        size: 1_500,
        content: ImageContent::Runnable {
            platform: Platform::new("linux", "amd64", None),
            chain_id: ChainId::of(&unpacked),
        },
        config: descriptor(config, &format!("config {number}")),
        layers: layers.iter().map(|it| descriptor(layer, it)).collect(),
        subject: None,
    };
    let (media_type, shape) = (MediaType::OCI_MANIFEST, Shape::Image(Box::new(image)));
    Closure::from_parts(manifest, media_type, 1_500, shape, Vec::new())
}

#[test]
fn an_image_takes_some_hundred_bytes() {
    let members = Membership::default();
    let repositories: Vec<Repository> = (0..20)
        .map(|number| Repository::parse(&format!("registry.corp/team/app{number}")).unwrap())
        .collect();
    let images: Vec<Closure> = (0..IMAGES).map(image).collect();
    let taken = allocation_counter::measure(|| {
        for (closure, repository) in images.iter().zip(repositories.iter().cycle()) {
            members.insert(repository, closure);
        }
    });
    let each = taken.bytes_current.unsigned_abs() / u64::from(IMAGES);
    assert!(each <= MAX_BYTES_AN_IMAGE, "{each} bytes an image");
    assert!(
        members
            .closure(&repositories[1], images[1].root())
            .is_some()
    );
}
