//! The embedded upstream: an OCI registry in memory, and images to put in it.
//!
//! `sekisho demo` pulls from it, and tests use the same one, since it counts requests and
//! fails on demand.

mod images;
mod registry;

pub use images::{ImageBuilder, SampleContent, SampleImage, SampleIndex};
pub use registry::{Bearer, DemoAuth, DemoRegistry, Fault, Hold, Login, RequestKind, SeenRequest};
