//! The names in our own certificate.

use crate::app::config::{Config, TlsConfig};
use crate::kubernetes::names::SERVICE_NAME;
use crate::tls::authority::{AuthorityError, CertificateNames};

/// Names that hold wherever the program runs with this configuration: loopback,
/// what listeners with `tls = "auto"` are bound to, and how people, nodes and API
/// servers reach us.
pub(super) fn configured(config: &Config) -> Result<CertificateNames, AuthorityError> {
    let mut names = CertificateNames::loopback();
    let listeners = config.listeners.iter().map(|it| (it.address, &it.tls));
    for (address, tls) in listeners.chain([(config.admin.address, &config.admin.tls)]) {
        if *tls == Some(TlsConfig::Auto) {
            names.add_address(address.ip());
        }
    }
    if let Some(host) = config.admin.public_url.host_str() {
        add_reachable(&mut names, host)?;
    }
    for cluster in &config.clusters {
        let gateway = cluster.gateway.as_str();
        let host = gateway.rsplit_once(':').filter(|(_, port)| is_port(port));
        add_reachable(&mut names, host.map_or(gateway, |(host, _)| host))?;
    }
    if let Some(webhook) = &config.webhook {
        names.add_address(webhook.address.ip());
        for name in &webhook.names {
            add_reachable(&mut names, name)?;
        }
    }
    Ok(names)
}

/// The Service of a namespace, as the API server and Pods call it.
pub(super) fn add_service(
    names: &mut CertificateNames,
    namespace: &str,
) -> Result<(), AuthorityError> {
    for name in [
        SERVICE_NAME.to_owned(),
        format!("{SERVICE_NAME}.{namespace}"),
        format!("{SERVICE_NAME}.{namespace}.svc"),
        format!("{SERVICE_NAME}.{namespace}.svc.cluster.local"),
    ] {
        names.add(&name)?;
    }
    Ok(())
}

/// Adds the machine's host name, unless no certificate can hold it.
pub(super) fn add_machine(names: &mut CertificateNames) {
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy();
    if let Err(error) = names.add(&machine) {
        tracing::debug!(%error, "the machine's name is left out");
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// A host of a URL; the address of all interfaces is no name.
fn add_reachable(names: &mut CertificateNames, host: &str) -> Result<(), AuthorityError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(address) => {
            names.add_address(address);
            Ok(())
        }
        Err(_) => names.add(host),
    }
}
