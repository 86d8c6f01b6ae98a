//! Webhooks that are applied by hand: what the API server trusts them by.

use std::path::Path;

use crate::app::bounded;
use crate::app::config::{Config, TlsConfig};
use crate::cli::failure::Failure;
use crate::kubernetes::objects::{Endpoint, Installation};
use crate::tls::manager::bundle_in;

/// The comment above the webhooks.
pub(super) const WEBHOOKS_PREFACE: &str = "
Apply the webhooks when Sekisho answers at their address. While it does not, Pods are
made as ever, and the policies hold their names alone. To be rid of them at once:
kubectl delete mutatingwebhookconfiguration,validatingwebhookconfiguration NAME
";

/// PEM certificates: from the file named, or of the program's own authority.
pub(super) fn bundle(
    file: Option<&Path>,
    config: &Config,
    installation: &Installation,
) -> Result<String, Failure> {
    if let Some(file) = file {
        return from_file(file);
    }
    if installation.endpoint == Endpoint::Service {
        return Err(Failure::usage("the program in the cluster keeps its authority there")
            .next("it puts the webhooks in force itself; to apply them by hand, name its ca.crt: --ca FILE"));
    }
    let tls = config.webhook.as_ref().map(|webhook| &webhook.tls);
    if let Some(TlsConfig::Files(_)) = tls {
        return Err(
            Failure::usage("the webhook's certificate is yours, and so is its authority")
                .next("name the authority's certificates: --ca FILE"),
        );
    }
    let folder = config.authority_dir();
    let held = bundle_in(&folder).map_err(|error| Failure::new(error.to_string()))?;
    held.ok_or_else(|| {
        Failure::new(format!("{}: there is no authority yet", folder.display()))
            .next("start `sekisho serve` there once, or name a copy of its ca.crt: --ca FILE")
    })
}

fn from_file(file: &Path) -> Result<String, Failure> {
    let pem = bounded::text(file)
        .map_err(|error| Failure::new(format!("--ca {}: {error}", file.display())))?;
    match pem.contains("-----BEGIN CERTIFICATE-----") {
        true => Ok(pem),
        false => Err(
            Failure::new(format!("--ca {}: holds no certificate", file.display()))
                .next("name a PEM file"),
        ),
    }
}
