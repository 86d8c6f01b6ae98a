//! Why the program cannot start.

use std::path::PathBuf;

use crate::audit::AuditError;
use crate::cache::{CacheError, RemoteError};
use crate::http::ListenError;
use crate::kubernetes::client::ClusterError;
use crate::ledger::{LedgerError, LedgerLocation, LedgerLoss};
use crate::notify::NotifyError;
use crate::tls::listener::TlsError;
use crate::tls::manager::AuthorityStoreError;
use crate::upstream::{ConfigError, DockerConfigError, HostPatternError};

/// Each says what to look at.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// Where it lies, what its storage lacks, and what to do.
    #[error("ledger {place}: {source}; {next_step}")]
    LedgerStorage {
        place: String,
        source: LedgerError,
        next_step: &'static str,
    },
    #[error(
        "ledger: {loss}; what was revoked since would be forgotten. Put the newest ledger back; or \
         let `sekisho ledger restore BACKUP` put a backup there, or `sekisho ledger replay` do again \
         in this one what {} tells; or start once with --accept-loss and do that by hand", log.display()
    )]
    Loss { loss: LedgerLoss, log: PathBuf },
    #[error("cache: {0}")]
    Cache(#[from] CacheError),
    #[error("cache: {0}")]
    Remote(#[from] RemoteError),
    #[error("audit log: {0}")]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Upstream(#[from] ConfigError),
    #[error("upstream hosts: {0}")]
    Hosts(#[from] HostPatternError),
    #[error("docker_config: {0}")]
    DockerConfig(#[from] DockerConfigError),
    #[error("certificate of {address}: {source}")]
    Tls { address: String, source: TlsError },
    #[error("cluster {name}: {source}")]
    Cluster { name: String, source: ClusterError },
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error(transparent)]
    Authority(#[from] AuthorityStoreError),
    #[error("tls = \"auto\", and no certificate authority was opened")]
    NoAuthority,
    #[error("no threads for the admin API: {0}")]
    Threads(std::io::Error),
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl StartError {
    /// For the ledger at that place.
    pub(super) fn of_ledger(at: &LedgerLocation, source: LedgerError) -> Self {
        match source.fault() {
            None => Self::Ledger(source),
            Some(fault) => Self::LedgerStorage {
                place: at.written(),
                source,
                next_step: fault.next_step(),
            },
        }
    }
}
