//! The certificates in use, by listener address.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::config::TlsPaths;
use super::{StartError, bounded};
use crate::clock::in_days;
use crate::tls::listener::{ReloadingCertificates, TlsFiles};

/// Time enough to renew a certificate; docs/metrics.md alerts at the same. Those of the
/// program's own authority are renewed long before.
const NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Which kind of listener a certificate belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListenerKind {
    Registry,
    Admin,
    Webhook,
}

impl ListenerKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Admin => "admin API",
            Self::Webhook => "webhook",
        }
    }

    /// Whether nodes or API servers are refused without it.
    const fn is_needed(self) -> bool {
        match self {
            Self::Registry | Self::Webhook => true,
            Self::Admin => false,
        }
    }
}

/// The certificates in use, by listener address.
#[derive(Default)]
pub(super) struct ListenerCertificates(Mutex<Vec<Arc<ListenerCertificate>>>);

/// A certificate at an address.
pub(super) struct ListenerCertificate {
    pub(super) address: SocketAddr,
    door: ListenerKind,
    pub(super) certificates: Arc<ReloadingCertificates>,
    /// Where it comes from; `None`: from the program's own authority.
    file: Option<PathBuf>,
    /// What was wrong with its files at the last check.
    problem: Mutex<Option<String>>,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateProblem {
    /// Names the address.
    pub(super) text: String,
    /// Whether clients that must be served cannot connect.
    pub(super) is_fatal: bool,
}

impl ListenerCertificates {
    /// Until when the certificate at `address` is valid.
    pub(super) fn not_after(&self, address: SocketAddr) -> Option<Timestamp> {
        let found = self.all().into_iter().find(|it| it.address == address);
        found.map(|shown| shown.certificates.not_after())
    }

    /// Those that have expired, and those whose new files are no good.
    pub(super) fn problems(&self, now: Timestamp) -> Vec<CertificateProblem> {
        self.all()
            .iter()
            .filter_map(|it| it.problem_at(now))
            .collect()
    }

    /// Those that end soon, or have ended: which listener's, when, and what to do.
    pub(super) fn ending(&self, now: Timestamp) -> Vec<String> {
        let soon = now.checked_add(NOTICE).unwrap_or(Timestamp::MAX);
        let all = self.all();
        let ending = all.iter().filter(|it| it.certificates.not_after() <= soon);
        ending.map(|it| it.ending(now)).collect()
    }

    pub(super) fn add(&self, shown: Arc<ListenerCertificate>) {
        self.held().push(shown);
    }

    fn all(&self) -> Vec<Arc<ListenerCertificate>> {
        self.held().clone()
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<Arc<ListenerCertificate>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ListenerCertificate {
    pub(super) fn new(
        address: SocketAddr,
        door: ListenerKind,
        certificates: Arc<ReloadingCertificates>,
        file: Option<PathBuf>,
    ) -> Self {
        Self {
            address,
            door,
            certificates,
            file,
            problem: Mutex::default(),
        }
    }

    fn ending(&self, now: Timestamp) -> String {
        let end = self.certificates.not_after();
        let (address, door) = (self.address, self.door.as_str());
        let ends = match end <= now {
            true => "ended".to_owned(),
            false => format!("ends {}", in_days(now, end)),
        };
        let next = match &self.file {
            Some(file) => format!("renew {}", file.display()),
            None => "it was to renew itself: look for errors in the log".to_owned(),
        };
        format!("the certificate of the {door} at {address} {ends}, at {end:.0}; {next}")
    }

    fn problem_at(&self, now: Timestamp) -> Option<CertificateProblem> {
        let expired = self.certificates.not_after() <= now;
        let text = match (expired, self.problem.lock()) {
            (true, _) => format!("{} has expired", self.address),
            (false, Ok(problem)) => format!("{}: {}", self.address, problem.as_ref()?),
            (false, Err(_)) => return None,
        };
        Some(CertificateProblem {
            text,
            is_fatal: expired && self.door.is_needed(),
        })
    }

    /// Loads new files. Files that do not fit together leave the last good ones in use,
    /// and are logged once.
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
