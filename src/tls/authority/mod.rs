//! The program's own certificate authority: what it holds, and what is due when.
//!
//! An [`Authority`] is a value: the CA that signs, the one that will sign next,
//! those that signed before, and the leaf that listeners show. It changes in
//! steps, so that a client that trusts the bundle of any moment never fails:
//! a new CA stands in the bundle long before it signs, and an old one stays there
//! until no certificate of its own can be valid. Time is an argument, and where
//! it is stored is nobody's business here: it becomes named PEM files and is read
//! from them again.

mod certificate;
mod error;
mod files;
mod held;
mod issue;
mod names;
mod rotate;
mod terms;

#[cfg(test)]
mod tests;

pub use error::AuthorityError;
pub use files::{BUNDLE, Files, is_secret};
pub use held::Authority;
pub use names::Names;
pub use rotate::Step;
pub use terms::Terms;
