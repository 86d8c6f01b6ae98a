//! The certificates in use, by the address that shows them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::config::TlsPaths;
use super::{StartError, bounded};
use crate::tls::listener::{ReloadingCertificates, TlsFiles};

/// Behind which door a certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Registry,
    Admin,
    Webhook,
}

impl Door {
    /// Whether nodes or API servers go unanswered without it.
    const fn is_needed(self) -> bool {
        match self {
            Self::Registry | Self::Webhook => true,
            Self::Admin => false,
        }
    }
}

/// The certificates in use, by the address that shows them.
#[derive(Default)]
pub(super) struct Kept(Mutex<Vec<Arc<Shown>>>);

/// A certificate at an address.
pub(super) struct Shown {
    pub(super) address: SocketAddr,
    door: Door,
    pub(super) certificates: Arc<ReloadingCertificates>,
    /// What was wrong with its files at the last look.
    problem: Mutex<Option<String>>,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ill {
    /// Names the address.
    pub(super) text: String,
    /// Whether clients are turned away that must be served.
    pub(super) is_fatal: bool,
}

impl Kept {
    /// Until when the certificate at `address` is valid.
    pub(super) fn not_after(&self, address: SocketAddr) -> Option<Timestamp> {
        let found = self.all().into_iter().find(|it| it.address == address);
        found.map(|shown| shown.certificates.not_after())
    }

    /// Those that have expired, and those whose new files are no good.
    pub(super) fn ill(&self, now: Timestamp) -> Vec<Ill> {
        self.all().iter().filter_map(|it| it.ill(now)).collect()
    }

    pub(super) fn add(&self, shown: Arc<Shown>) {
        self.held().push(shown);
    }

    fn all(&self) -> Vec<Arc<Shown>> {
        self.held().clone()
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Shown>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    pub(super) fn new(
        address: SocketAddr,
        door: Door,
        certificates: Arc<ReloadingCertificates>,
    ) -> Self {
        Self {
            address,
            door,
            certificates,
            problem: Mutex::default(),
        }
    }

    fn ill(&self, now: Timestamp) -> Option<Ill> {
        let expired = self.certificates.not_after() <= now;
        let text = match (expired, self.problem.lock()) {
            (true, _) => format!("{} has expired", self.address),
            (false, Ok(problem)) => format!("{}: {}", self.address, problem.as_ref()?),
            (false, Err(_)) => return None,
        };
        Some(Ill {
            text,
            is_fatal: expired && self.door.is_needed(),
        })
    }

    /// Takes new files over; those that do not fit together keep the last good ones,
    /// which is said once.
    pub(super) fn reload_once(&self, paths: &TlsPaths) {
        let reloaded = read(paths)
            .map_err(|error| error.to_string())
            .and_then(|files| {
                let reloaded = self.certificates.reload_once(&files);
                reloaded.map_err(|error| error.to_string())
            });
        if matches!(reloaded, Ok(true)) {
            tracing::info!("certificate reloaded");
        }
        let problem = reloaded.err();
        let mut told = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = problem.as_ref().filter(|it| told.as_ref() != Some(it)) {
            tracing::error!(error, "certificate not reloaded; the last good one holds");
        }
        *told = problem;
    }
}

/// Reads the files of a listener; blocks.
pub(super) fn read(paths: &TlsPaths) -> Result<TlsFiles, StartError> {
    Ok(TlsFiles {
        certificate: file(&paths.certificate)?,
        key: file(&paths.key)?.into(),
        client_ca: paths.client_ca.as_deref().map(file).transpose()?,
    })
}

fn file(path: &Path) -> Result<Vec<u8>, StartError> {
    bounded::bytes(path).map_err(|unread| StartError::File {
        path: path.to_owned(),
        source: unread.into(),
    })
}
