//! Rendered Kubernetes manifests, and the images that they run.
//!
//! Pure. YAML, and so JSON, is read into objects, and an object is searched for images
//! wherever a Pod's fields stand in it. A resource of someone else's kind with a Pod
//! template inside is found like a Deployment, without knowing it; kinds whose images
//! stand elsewhere are read by a table, and by paths that callers name. The kinds that
//! were read, and those not understood, are counted. Nothing is guessed: what cannot be
//! read is an error, and a container without an image is listed with its location.

mod error;
mod found;
mod kinds;
mod node;
mod object;
mod path;
mod read;
mod search;
mod seen;
#[cfg(test)]
mod tests;
mod yaml;

pub use error::ManifestError;
pub use found::{FoundImage, ImageProblem, ManifestLocation, UnclearImage};
pub use kinds::KindImages;
pub use path::{ImagePath, ImagePathError};
pub use read::{MAX_BYTES, Manifests};
pub use seen::KindSeen;
