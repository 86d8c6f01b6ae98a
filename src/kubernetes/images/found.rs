//! What was found, and where it stands.

use std::fmt;

use serde::Serialize;

/// An image as an object writes it; only the gateway knows what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundImage {
    pub image: String,
    pub place: Place,
}

/// Where in which object of which file. All of it is printable and short, whatever
/// the manifest holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
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

impl Place {
    /// `Deployment/shop/web`; without the namespace when none is written.
    pub fn object(&self) -> String {
        let (kind, name) = (&self.kind, &self.name);
        match &self.namespace {
            Some(namespace) => format!("{kind}/{namespace}/{name}"),
            None => format!("{kind}/{name}"),
        }
    }
}

impl fmt::Display for Place {
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
pub struct Unclear {
    pub place: Place,
    pub lack: Lack,
    /// Kubernetes itself runs this kind, so that nothing will fill the image in.
    /// An operator may do that for a resource of its own.
    pub is_final: bool,
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.lack.as_str())
    }
}

/// What is wrong with an image's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    Missing,
    Empty,
    NotText,
    TooLong,
    /// The list's entry is no container at all.
    NotAMap,
    /// It has parameters in it, which somebody fills in later.
    FilledIn,
}

impl Lack {
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
