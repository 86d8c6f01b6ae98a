//! The listeners' certificates: from files, reloaded as they change, or from the
//! program's own authority.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::config::{TlsConfig, TlsPaths};
use super::listener_certificates::{ListenerCertificate, ListenerKind, read};
use super::{Components, StartError};
use crate::metrics::ListenerLabels;
use crate::tasks::Tasks;
use crate::tls::listener::{ReloadingCertificates, TlsError};

const RELOAD_PERIOD: Duration = Duration::from_secs(1);

/// The certificate of the listener at `address`, as configured. It changes with its
/// files, or with the authority, while connections come and go.
pub(super) fn serve_certificate(
    config: &TlsConfig,
    address: SocketAddr,
    door: ListenerKind,
    parts: &Components,
    tasks: &Tasks,
) -> Result<Arc<ReloadingCertificates>, StartError> {
    let certificates = match config {
        TlsConfig::Auto => {
            let manager = parts.authority.as_ref().ok_or(StartError::NoAuthority)?;
            manager.certificates()
        }
        TlsConfig::Files(paths) => Arc::new(first(paths, address)?),
    };
    let shown = Arc::new(ListenerCertificate::new(
        address,
        door,
        certificates.clone(),
        match config {
            TlsConfig::Auto => None,
            TlsConfig::Files(paths) => Some(paths.certificate.clone()),
        },
    ));
    parts.certificates.add(shown.clone());
    follow(shown, config, parts, tasks);
    Ok(certificates)
}

fn first(paths: &TlsPaths, address: SocketAddr) -> Result<ReloadingCertificates, StartError> {
    let failed = |source| {
        let file = match source {
            TlsError::Key => &paths.key,
            _ => &paths.certificate,
        };
        StartError::Tls {
            address: format!("{address} ({})", file.display()),
            source,
        }
    };
    ReloadingCertificates::new(&read(paths)?).map_err(failed)
}

fn follow(shown: Arc<ListenerCertificate>, config: &TlsConfig, parts: &Components, tasks: &Tasks) {
    let paths = match config {
        TlsConfig::Auto => None,
        TlsConfig::Files(paths) => Some(paths.clone()),
    };
    let labels = ListenerLabels {
        listener: shown.address.to_string().into(),
    };
    let family = &parts.metrics.certificate_expiry_seconds;
    let expiry = family.get_or_create_owned(&labels);
    tasks.every("certificates", RELOAD_PERIOD, move |now: Timestamp| {
        let (shown, paths, expiry) = (shown.clone(), paths.clone(), expiry.clone());
        async move {
            if let Some(paths) = paths {
                reload(&shown, paths).await;
            }
            expiry.set(shown.certificates.not_after().duration_since(now).as_secs());
        }
    });
}

/// In the blocking pool: disks are slow at times.
async fn reload(shown: &Arc<ListenerCertificate>, paths: TlsPaths) {
    let shown = shown.clone();
    let _done = tokio::task::spawn_blocking(move || shown.reload_once(&paths)).await;
}
