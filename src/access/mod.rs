//! Who asks, and what they may do. Pure.

mod principal;
mod role;
mod scope;

pub use principal::{Barred, Principal};
pub use role::{Role, UnknownRole};
pub use scope::Scope;
