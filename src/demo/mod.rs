//! The embedded upstream: an OCI registry in memory, and images to put in it.
//!
//! `sekisho demo` pulls from it, and tests use the same one, since it counts
//! what it is asked and fails as it is told.

mod images;
mod registry;

pub use images::{ImageBuilder, Piece, SampleImage, SampleIndex};
pub use registry::{Auth, Bearer, Fault, Hold, Kind, Login, Registry, Seen};
