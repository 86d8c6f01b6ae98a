//! The program's own authority as it runs: where it is stored, who reads it, and
//! the certificate that listeners with `tls = "auto"` show.

mod error;
mod folder;
mod keeper;
mod names;
mod opened;
mod store;
mod stored;

#[cfg(test)]
mod tests;

pub use error::KeepError;
pub use folder::bundle_in;
pub use keeper::Keeper;
pub(super) use opened::open;
