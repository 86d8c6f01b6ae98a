//! The words of the OCI specifications, each parsed once by one parser.
//!
//! Pure: no I/O, no clock, no async. An ill-formed digest, name or tag cannot
//! exist as a value here, so the rooms above never check a string twice.

mod assembly;
mod chain_id;
mod classify;
mod closure;
mod config;
mod descriptor;
mod digest;
mod error_code;
mod glob_form;
mod globs;
mod json;
mod manifest;
mod media_type;
mod name;
mod platform;
mod printable;
mod reference;
mod referrers;
mod refusal;
mod stated_type;
mod user_info;

pub use assembly::{ClosureAssembly, Supplied, WantedContent, WrongBytes};
pub use chain_id::ChainId;
pub use closure::{Child, ChildOutcome, Closure, Image, ImageContent, Shape};
pub use config::ImageConfig;
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError};
pub use error_code::RegistryErrorCode;
pub use glob_form::{covers, never_matches};
pub use globs::{GlobError, RepositoryGlobs};
pub use json::{JsonError, JsonLimits, read_strict};
pub use manifest::{Manifest, ManifestBody};
pub use media_type::{MediaType, MediaTypeError};
pub use name::{
    NameError, RegistryHost, Repository, RepositoryName, is_dns_label, is_dns_subdomain,
};
pub use platform::{Platform, PlatformError};
pub use printable::{counted, distinct, listed, printable, readable, without_controls};
pub use reference::{
    ImageRef, ImageRefError, Reference, Tag, TagError, named_by_node, written_host,
};
pub use referrers::{Referrer, read_referrers, write_referrers};
pub use refusal::StructuralRefusal;
pub use stated_type::manifest_type;
pub use user_info::{with_origins_alone, without_user_info};
