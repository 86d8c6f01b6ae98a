//! TLS of a listener: PEM files in, and what new connections are greeted with out.
//!
//! Reads no file and opens no socket.

mod certificate;
mod reloading;

pub use certificate::name;
pub use reloading::{ReloadingCertificates, TlsError, TlsFiles};
