//! The words of the OCI specifications, each parsed once by one parser.
//!
//! Pure: no I/O, no clock, no async. An ill-formed digest, name or tag cannot
//! exist as a value here, so the rooms above never check a string twice.

mod closure;
mod descriptor;
mod digest;
mod error_code;
mod globs;
mod media_type;
mod name;
mod platform;
mod printable;
mod reference;

pub use closure::{Child, ChildOutcome, Closure, Content, Image, Shape};
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError};
pub use error_code::ErrorCode;
pub use globs::{BadGlob, RepositoryGlobs};
pub use media_type::MediaType;
pub use name::{NameError, RegistryHost, Repository, RepositoryName};
pub use platform::{Platform, PlatformError};
pub use printable::printable;
pub use reference::{ImageRef, ImageRefError, Reference, Tag, TagError};
