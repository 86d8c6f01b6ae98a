//! What histories are about: few images that share what real ones share, in two
//! repositories. Plain names and digests, which the reference and the doors both read.

use sekisho::demo::{DemoRegistry, ImageBuilder, SampleContent, SampleImage};
use sekisho::oci::{Digest, Platform};

use crate::kit::{entry, index_of};

/// A repository, by its number.
pub type Place = usize;
/// A manifest, by its number.
pub type Item = usize;

pub const PLACES: [&str; 2] = ["docker.io/team/app", "docker.io/team/other"];
/// Where everything lies; the other place has only the first image.
pub const APP: Place = 0;
pub const OTHER: Place = 1;

pub const FIRST: Item = 0;
pub const ON_AMD: Item = 2;
pub const ON_ARM: Item = 3;
/// Of the two before.
pub const INDEX: Item = 4;
/// The first image under its other digest.
pub const ALIAS: Item = 5;
/// Of the first image, by its first digest.
pub const SOLE: Item = 6;
pub const ITEMS: usize = 7;

pub const TAGS: [&str; 2] = ["1", "latest"];

/// A manifest with what lies below it.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub name: &'static str,
    pub content: SampleContent,
    pub children: Vec<Item>,
    /// Config and layers.
    pub blobs: Vec<SampleContent>,
}

pub struct Site {
    pub manifests: Vec<Manifest>,
    /// What reports are made of.
    pub images: Vec<SampleImage>,
}

fn image(name: &str, architecture: &str) -> SampleImage {
    ImageBuilder::new(Platform::new("linux", architecture, None))
        .file("etc/base", b"what all are built on\n")
        .file("etc/motd", name.as_bytes())
        .build()
}

impl Site {
    pub fn new() -> Self {
        let images = vec![
            image("first", "amd64"),
            image("second", "amd64"),
            image("on amd", "amd64"),
            image("on arm", "arm64"),
        ];
        let names = ["first", "second", "index/amd64", "index/arm64"];
        let of = |(name, image): (&'static str, &SampleImage)| Manifest {
            name,
            content: image.manifest.clone(),
            children: Vec::new(),
            blobs: image.blobs().cloned().collect(),
        };
        let mut manifests: Vec<_> = names.into_iter().zip(&images).map(of).collect();
        let entries = [
            entry(&images[ON_AMD], "linux", "amd64"),
            entry(&images[ON_ARM], "linux", "arm64"),
        ];
        manifests.push(Manifest {
            name: "index",
            content: index_of(&entries),
            children: vec![ON_AMD, ON_ARM],
            blobs: Vec::new(),
        });
        let mut alias = manifests[FIRST].clone();
        alias.name = "first by sha512";
        alias.content.digest = Digest::sha512(&alias.content.bytes);
        manifests.push(alias);
        manifests.push(Manifest {
            name: "index of first",
            content: index_of(&[entry(&images[FIRST], "linux", "amd64")]),
            children: vec![FIRST],
            blobs: Vec::new(),
        });
        Self { manifests, images }
    }

    pub fn digest(&self, item: Item) -> &Digest {
        &self.manifests[item].content.digest
    }

    /// The manifests of a repository.
    pub fn items(place: Place) -> Vec<Item> {
        match place {
            APP => (0..ITEMS).collect(),
            _ => vec![FIRST],
        }
    }

    /// The blobs that doors are asked for: the base that all share, and what is one's own.
    pub fn blobs(&self) -> [(&'static str, &SampleContent); 4] {
        let of = |item: Item, number: usize| &self.manifests[item].blobs[number];
        [
            ("the base", of(FIRST, 1)),
            ("first's layer", of(FIRST, 2)),
            ("first's config", of(FIRST, 0)),
            ("index/amd64's layer", of(ON_AMD, 2)),
        ]
    }

    /// Everything that a digest can be spoken against by.
    pub fn named(&self) -> Vec<(String, Digest)> {
        let manifests = self.manifests.iter();
        let manifests = manifests.map(|it| (it.name.to_owned(), it.content.digest.clone()));
        let blobs = self.blobs().into_iter();
        let blobs = blobs.map(|(name, blob)| (name.to_owned(), blob.digest.clone()));
        manifests.chain(blobs).collect()
    }

    /// Fills an upstream, or fills it again.
    pub fn put(&self, upstream: &DemoRegistry) {
        for (place, name) in PLACES.iter().enumerate() {
            let name = name.strip_prefix("docker.io/").unwrap();
            for item in Self::items(place) {
                let manifest = &self.manifests[item];
                upstream.put_manifest(name, &manifest.content);
                for blob in &manifest.blobs {
                    upstream.put_blob(name, blob);
                }
            }
        }
    }
}
