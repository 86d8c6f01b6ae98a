//! The program's own authority as it runs: where it is stored, and the certificate
//! that listeners with `tls = "auto"` show.

mod error;
mod folder;
mod keeper;
mod store;
mod stored;

#[cfg(test)]
mod tests;

pub use error::KeepError;
pub use folder::{Folder, bundle_in};
pub use keeper::Keeper;
pub use store::Store;
