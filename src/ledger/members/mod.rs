//! Membership in memory: what holds what, as recorded closures say, in some hundred bytes
//! an image.
//!
//! Each value (a digest, a repository, a media type) is kept once, under a number of four
//! bytes; a closure is one short buffer of such numbers, and is read into a [`Closure`]
//! only where somebody asks for it.
//!
//! [`Closure`]: crate::oci::Closure

mod compact_closure;
mod digest_table;
mod interner;
#[cfg(test)]
mod laws;
mod membership;
mod places;
#[cfg(test)]
mod tests;
mod vocabulary;
#[cfg(test)]
mod weight;

pub(super) use membership::Membership;
