//! Rendered Kubernetes manifests, and the images that they run.
//!
//! Pure. YAML, and so JSON, is read into objects, and an object is searched for images
//! wherever a Pod's fields stand in it. A resource of someone else's kind with a Pod
//! template inside is found like a Deployment, without knowing it; kinds whose images
//! stand elsewhere are read by a table, and by paths that callers name. An object that lies
//! in another one is read as what it is. The kinds that were read, and those not understood,
//! are counted. Nothing is guessed, and nothing is passed over in silence: what cannot be
//! read is an error, a container without an image is listed with its location, and so is
//! what looks like an image where nobody knows of one.

mod error;
mod found;
mod kinds;
mod known_kinds;
mod lookalike;
mod merge;
mod node;
mod node_reader;
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
