//! The program's own certificate authority: what it holds, and what is due when.
//!
//! An [`Authority`] is a value: the CA that signs, the one that will sign next, those
//! that signed before, and the leaf that listeners show. It changes in steps, so that a
//! client that trusts the bundle of any moment never fails: a new CA stands in the bundle
//! long before it signs, and an old one stays there until no certificate of its own can
//! be valid. Time is an argument. Storage is not this room's concern: an authority
//! converts to named PEM files and back.

mod certificate;
mod error;
mod files;
mod issue;
mod lifetimes;
mod names;
mod rotate;
mod state;

#[cfg(test)]
mod tests;

pub use error::AuthorityError;
pub use files::{BUNDLE_FILE, Files, is_secret};
pub use lifetimes::Lifetimes;
pub use names::CertificateNames;
pub use rotate::RotationStep;
pub use state::Authority;
