//! Who asks, and what they may do. Pure.

mod principal;
mod role;
mod scope;
mod signed_in;

pub use principal::{Barred, Principal};
pub use role::{Role, UnknownRole};
pub use scope::Scope;
pub use signed_in::SignedIn;
