//! Whose certificates API servers show: a file, followed as it changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{StartError, bounded};
use crate::tasks::Tasks;
use crate::tls::listener::ReloadingCertificates;

const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Shows what `shown` shows, and asks clients for a certificate that one of the file's
/// authorities signed. A file that is no good leaves the last good one in force.
pub(super) fn asking(
    shown: Arc<ReloadingCertificates>,
    path: &Path,
    address: &str,
    tasks: &Tasks,
) -> Result<Arc<ReloadingCertificates>, StartError> {
    let failed = |source| StartError::Tls {
        address: format!("{address} ({})", path.display()),
        source,
    };
    let unread = |unread: bounded::Unread| StartError::File {
        path: path.to_owned(),
        source: unread.into(),
    };
    let pem = bounded::bytes(path).map_err(unread)?;
    let asking = ReloadingCertificates::asking(shown.clone(), &pem).map_err(failed)?;
    let followed = Arc::new(Followed {
        path: path.to_owned(),
        shown,
        asking: Arc::new(asking),
        problem: Mutex::default(),
    });
    let asking = followed.asking.clone();
    tasks.every("client-ca", CHECK_INTERVAL, move |_| {
        reload(followed.clone())
    });
    Ok(asking)
}

/// A client CA in force, and where it is read again.
struct Followed {
    path: PathBuf,
    shown: Arc<ReloadingCertificates>,
    asking: Arc<ReloadingCertificates>,
    /// What was wrong with the file at the last look.
    problem: Mutex<Option<String>>,
}

/// In the blocking pool: disks are slow at times.
async fn reload(followed: Arc<Followed>) {
    let _done = tokio::task::spawn_blocking(move || followed.reload_once()).await;
}

impl Followed {
    /// What is wrong is said once.
    fn reload_once(&self) {
        let problem = self.take_over().err();
        let mut told = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = problem.as_ref().filter(|it| told.as_ref() != Some(it)) {
            tracing::error!(error, "client CA not reloaded; the last good one holds");
        }
        *told = problem;
    }

    fn take_over(&self) -> Result<(), String> {
        let pem = bounded::bytes(&self.path).map_err(|unread| unread.to_string())?;
        let reloaded = self.asking.ask_once(self.shown.clone(), &pem);
        reloaded.map(drop).map_err(|error| error.to_string())
    }
}
