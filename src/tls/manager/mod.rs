//! The program's own authority as it runs: where it is stored, and the certificate
//! that listeners with `tls = "auto"` show.

mod authority_manager;
mod error;
mod folder;
mod store;
mod stored;

#[cfg(test)]
mod tests;

pub use authority_manager::AuthorityManager;
pub use error::AuthorityStoreError;
pub use folder::{AuthorityFolder, bundle_in};
pub use store::Store;
