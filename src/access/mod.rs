//! Who asks, and what they may do. Pure.

mod principal;
mod role;
mod scope;
mod signed_in;
mod token_name;

pub use principal::{Barred, PROGRAM, Principal, is_reserved_name};
pub use role::{Role, UnknownRole};
pub use scope::Scope;
pub use signed_in::SignedIn;
pub use token_name::{TOKEN_NAME_RULE, is_token_name};
