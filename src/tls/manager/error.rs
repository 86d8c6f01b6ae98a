//! Why the authority cannot be had or kept.

use std::io;
use std::path::PathBuf;

use crate::kubernetes::client::{ClusterError, SecretError};
use crate::tls::authority::AuthorityError;
use crate::tls::listener::TlsError;

/// Each names the place.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityStoreError {
    #[error("certificate authority in {place}: {source}")]
    Authority {
        place: String,
        source: AuthorityError,
    },
    #[error("certificate authority in {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(
        "certificate authority: {} is no link to a folder of files; make it one, or move it away \
         to begin a new authority", .0.display()
    )]
    NoLink(PathBuf),
    #[error("certificate authority in the Secret {place}: {source}")]
    Secret { place: String, source: SecretError },
    #[error("certificate authority: {0}")]
    Cluster(#[from] ClusterError),
    #[error("certificate authority in {0}: others write it all the time; look who does")]
    Contended(String),
    #[error("certificate of the authority: {0}")]
    Tls(#[from] TlsError),
    #[error("names of the authority's certificate: {0}")]
    Names(AuthorityError),
}
