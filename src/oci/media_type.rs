//! Media types, compared as the specifications write them: exactly.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A media type without parameters, as it stands in a descriptor.
///
/// Compared byte for byte: a type in another case is another type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(Cow<'static, str>);

impl MediaType {
    pub const OCI_MANIFEST: Self = Self::known("application/vnd.oci.image.manifest.v1+json");
    pub const OCI_INDEX: Self = Self::known("application/vnd.oci.image.index.v1+json");
    pub const OCI_CONFIG: Self = Self::known("application/vnd.oci.image.config.v1+json");
    pub const OCI_EMPTY: Self = Self::known("application/vnd.oci.empty.v1+json");
    pub const DOCKER_MANIFEST: Self =
        Self::known("application/vnd.docker.distribution.manifest.v2+json");
    pub const DOCKER_LIST: Self =
        Self::known("application/vnd.docker.distribution.manifest.list.v2+json");
    pub const DOCKER_CONFIG: Self = Self::known("application/vnd.docker.container.image.v1+json");
    pub const DOCKER_SCHEMA1: Self =
        Self::known("application/vnd.docker.distribution.manifest.v1+json");
    pub const DOCKER_SCHEMA1_SIGNED: Self =
        Self::known("application/vnd.docker.distribution.manifest.v1+prettyjws");
    pub const IN_TOTO: Self = Self::known("application/vnd.in-toto+json");
    pub const OCTET_STREAM: Self = Self::known("application/octet-stream");

    const fn known(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// Takes a type as found, dropping the parameters of a Content-Type.
    pub fn new(text: &str) -> Self {
        let bare = text.split(';').next().unwrap_or_default().trim();
        Self(Cow::Owned(bare.to_owned()))
    }

    /// The same; one that a manifest can have is held without an allocation.
    #[must_use]
    pub fn interned(&self) -> Self {
        let known = [
            Self::OCI_MANIFEST,
            Self::OCI_INDEX,
            Self::DOCKER_MANIFEST,
            Self::DOCKER_LIST,
        ];
        let same = known.into_iter().find(|known| known == self);
        same.unwrap_or_else(|| self.clone())
    }

    /// Parses a type as bodies must write it: `type/subtype`, no parameters,
    /// no spaces, each name as RFC 6838 (section 4.2) restricts it.
    ///
    /// # Errors
    /// [`MediaTypeError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, MediaTypeError> {
        let (kind, subtype) = text.split_once('/').ok_or(MediaTypeError)?;
        if !is_restricted_name(kind) || !is_restricted_name(subtype) {
            return Err(MediaTypeError);
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An OCI image index or a Docker manifest list.
    pub fn is_index(&self) -> bool {
        *self == Self::OCI_INDEX || *self == Self::DOCKER_LIST
    }

    /// An OCI image manifest or a Docker manifest, schema 2.
    pub fn is_manifest(&self) -> bool {
        *self == Self::OCI_MANIFEST || *self == Self::DOCKER_MANIFEST
    }

    /// A Docker manifest, schema 1: signed, or not.
    pub fn is_schema1(&self) -> bool {
        *self == Self::DOCKER_SCHEMA1 || *self == Self::DOCKER_SCHEMA1_SIGNED
    }

    /// Whether it says nothing of what content is: what servers send where they do not
    /// know, and what is no type at all.
    pub fn is_unspecific(&self) -> bool {
        let unspecific = |it: &&str| self.0.eq_ignore_ascii_case(it);
        UNSPECIFIC.iter().any(unspecific) || Self::parse(&self.0).is_err()
    }

    /// The config of an image that runs.
    pub fn is_image_config(&self) -> bool {
        *self == Self::OCI_CONFIG || *self == Self::DOCKER_CONFIG
    }

    /// A layer that nodes fetch from elsewhere, in any case.
    pub fn is_foreign_layer(&self) -> bool {
        let text = self.0.to_ascii_lowercase();
        FOREIGN_LAYERS.iter().any(|prefix| text.starts_with(prefix))
    }

    /// Whether some client would unpack such a layer into a container.
    ///
    /// Wide on purpose: Docker takes every type with these prefixes, in any
    /// case, and a tar of an unknown kind may be a layer to someone.
    pub fn is_runnable_layer(&self) -> bool {
        let text = self.0.to_ascii_lowercase();
        DOCKER_LAYERS.iter().any(|prefix| text.starts_with(prefix))
            || (is_tar(&text) && !NOT_LAYERS.contains(&text.as_str()))
    }
}

const UNSPECIFIC: [&str; 6] = [
    "application/json",
    "text/json",
    "text/plain",
    "text/html",
    "application/octet-stream",
    "binary/octet-stream",
];

const FOREIGN_LAYERS: [&str; 2] = [
    "application/vnd.docker.image.rootfs.foreign.",
    "application/vnd.oci.image.layer.nondistributable.",
];

/// What Docker's daemon takes for a layer (`checkSupportedMediaType`).
const DOCKER_LAYERS: [&str; 2] = ["application/vnd.oci.image.", "application/vnd.docker."];

/// Tars that are known to be no layers: Helm's charts and Flux's sources.
const NOT_LAYERS: [&str; 2] = [
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/vnd.cncf.flux.content.v1.tar+gzip",
];

/// Whether tar is a word of the type: `x-tar`, `….v1.tar+zstd`.
fn is_tar(text: &str) -> bool {
    text.split(['.', '/', '+', '-'])
        .any(|word| matches!(word, "tar" | "gtar" | "tgz"))
}

fn is_restricted_name(name: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    name.len() <= 127
        && name.bytes().all(character)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// Why a string is no media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a media type is written type/subtype, without parameters")]
pub struct MediaTypeError;

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_types_and_refuses_parameters() {
        assert_eq!(
            MediaType::parse("application/vnd.oci.image.config.v1+json"),
            Ok(MediaType::OCI_CONFIG)
        );
        for bad in [
            "", "a", "a/", "/b", "a/b/c", "a/b; c=d", " a/b", "a/b ", "é/b", "+a/b",
        ] {
            assert_eq!(MediaType::parse(bad), Err(MediaTypeError), "{bad:?}");
        }
    }

    #[test]
    fn knows_layers_that_some_client_would_unpack() {
        for runs in [
            "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "Application/VND.OCI.Image.Layer.v1.tar",
            "application/vnd.example.thing.v1.tar+br",
            "application/x-tar",
            "application/tar+gzip",
        ] {
            assert!(MediaType::new(runs).is_runnable_layer(), "{runs}");
        }
        for other in [
            "application/vnd.in-toto+json",
            "application/vnd.dev.cosign.simplesigning.v1+json",
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            "application/vnd.wasm.content.layer.v1+wasm",
            "application/vnd.oci.empty.v1+json",
            "text/spdx+json",
        ] {
            assert!(!MediaType::new(other).is_runnable_layer(), "{other}");
        }
    }
}
