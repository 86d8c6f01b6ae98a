//! Images found in manifests, with their locations.

use std::fmt;

use serde::Serialize;

/// An image as an object writes it; only the gateway knows what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundImage {
    pub image: String,
    pub place: ManifestLocation,
}

/// The location of an image. All fields are printable and bounded, whatever the manifest
/// holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ManifestLocation {
    pub file: String,
    /// Counted from 1, without empty ones.
    pub document: usize,
    /// Where the document begins.
    pub line: u64,
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
    /// From the object's root: `spec.template.spec.containers[0].image`.
    pub path: String,
    /// The name of the container, or of the volume.
    pub container: Option<String>,
}

impl ManifestLocation {
    /// `Deployment/shop/web`; without the namespace when none is written.
    pub fn object(&self) -> String {
        let (kind, name) = (&self.kind, &self.name);
        match &self.namespace {
            Some(namespace) => format!("{kind}/{namespace}/{name}"),
            None => format!("{kind}/{name}"),
        }
    }
}

impl fmt::Display for ManifestLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object(), self.path)?;
        if let Some(container) = &self.container {
            write!(f, " ({container})")?;
        }
        write!(f, " in {}:{}", self.file, self.line)
    }
}

/// A container or image volume that names no image which could be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnclearImage {
    pub place: ManifestLocation,
    pub problem: ImageProblem,
    /// Kubernetes itself runs this kind, so that nothing will fill the image in.
    /// An operator may do that for a resource of its own.
    pub is_final: bool,
}

impl fmt::Display for UnclearImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.problem.as_str())
    }
}

/// Why an image field cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageProblem {
    Missing,
    Empty,
    NotText,
    TooLong,
    /// The list's entry is no container at all.
    NotAMap,
    /// It contains parameters, which are filled in later.
    FilledIn,
}

impl ImageProblem {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "names no image",
            Self::Empty => "is empty",
            Self::NotText => "is no text",
            Self::TooLong => "is longer than any image's name",
            Self::NotAMap => "is no container",
            Self::FilledIn => "is filled in when it runs",
        }
    }
}
