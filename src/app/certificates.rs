//! Certificates from files, followed as the files change.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::config::TlsConfig;
use super::{Parts, StartError};
use crate::http::{ReloadingCertificates, TlsFiles};
use crate::metrics::ListenerLabels;
use crate::tasks::Tasks;

const LOOK: Duration = Duration::from_secs(1);

/// The certificates in use, by the address that shows them.
#[derive(Default)]
pub(super) struct Kept(Mutex<Vec<(SocketAddr, Arc<ReloadingCertificates>)>>);

impl Kept {
    /// Until when the certificate at `address` is valid.
    pub(super) fn not_after(&self, address: SocketAddr) -> Option<Timestamp> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(at, _)| *at == address);
        found.map(|(_, certificates)| certificates.not_after())
    }
}

/// Reads a listener's certificate, and again whenever its files change. Files
/// that do not fit together keep the last good ones.
pub(super) fn keep(
    config: &TlsConfig,
    address: SocketAddr,
    parts: &Parts,
    tasks: &Tasks,
) -> Result<Arc<ReloadingCertificates>, StartError> {
    let failed = |source| StartError::Tls {
        address: address.to_string(),
        source,
    };
    let certificates = Arc::new(ReloadingCertificates::new(&read(config)?).map_err(failed)?);
    let mut kept = parts
        .certificates
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    kept.push((address, certificates.clone()));
    follow(certificates.clone(), config.clone(), address, parts, tasks);
    Ok(certificates)
}

fn follow(
    certificates: Arc<ReloadingCertificates>,
    config: TlsConfig,
    address: SocketAddr,
    parts: &Parts,
    tasks: &Tasks,
) {
    let labels = ListenerLabels {
        listener: address.to_string().into(),
    };
    let family = &parts.metrics.certificate_expiry_seconds;
    let expiry = family.get_or_create_owned(&labels);
    let mut told = None;
    tasks.every("certificates", LOOK, move |now: Timestamp| {
        reload_once(&certificates, &config, &mut told);
        expiry.set(certificates.not_after().duration_since(now).as_secs());
        std::future::ready(())
    });
}

/// `told`: what was wrong at the last look, so that it is not said every second.
fn reload_once(
    certificates: &ReloadingCertificates,
    config: &TlsConfig,
    told: &mut Option<String>,
) {
    let reloaded = read(config)
        .map_err(|error| error.to_string())
        .and_then(|files| {
            certificates
                .reload_once(&files)
                .map_err(|error| error.to_string())
        });
    if matches!(reloaded, Ok(true)) {
        tracing::info!("certificate reloaded");
    }
    let problem = reloaded.err();
    if let Some(error) = problem.as_ref().filter(|it| told.as_ref() != Some(it)) {
        tracing::error!(error, "certificate not reloaded; the last good one holds");
    }
    *told = problem;
}

fn read(config: &TlsConfig) -> Result<TlsFiles, StartError> {
    Ok(TlsFiles {
        certificate: file(&config.certificate)?,
        key: file(&config.key)?.into(),
        client_ca: config.client_ca.as_deref().map(file).transpose()?,
    })
}

fn file(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::File {
        path: path.to_owned(),
        source,
    })
}
