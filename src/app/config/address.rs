//! Addresses to listen at, and their TLS.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::section::Section;

/// Files of a listener's certificate; read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Clients must show a certificate that one of these signed.
    pub client_ca: Option<PathBuf>,
}

/// Where something listens.
pub(super) struct Place {
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsConfig>,
}

/// Reads `address`, `tls` and `insecure`. Whatever is not loopback needs TLS, or
/// the operator's word that it goes without.
pub(super) fn place(section: &mut Section<'_, '_>, default: SocketAddr) -> Place {
    let written = address(section);
    let address = written.unwrap_or(default);
    if written.is_some() || !section.has("address") {
        section.claim(address);
    }
    let tls = tls(section);
    let insecure = section.read("insecure").unwrap_or(false);
    if !address.ip().is_loopback() && !section.has("tls") {
        if insecure {
            let text = format!("{address} is served without TLS: whoever is on the path can read");
            section.warning("insecure", text);
        } else {
            section.problem(
                "address",
                format_args!("{address} is not loopback; set tls, or insecure = true"),
            );
        }
    }
    Place { address, tls }
}

/// Reads `address`.
pub(super) fn address(section: &mut Section<'_, '_>) -> Option<SocketAddr> {
    let text: String = section.read("address")?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let hint = "write an IP address and a port, as in 127.0.0.1:5080 or [::]:5080";
            section.problem("address", format_args!("{text:?} is no address; {hint}"));
            None
        }
    }
}

pub(super) fn tls(section: &mut Section<'_, '_>) -> Option<TlsConfig> {
    if section.says("tls", "auto") {
        section.read::<String>("tls");
        let hint = "write tls = { certificate = \"…\", key = \"…\" }";
        section.problem("tls", format_args!("\"auto\" is not there yet; {hint}"));
        return None;
    }
    let mut files = section.optional_section("tls")?;
    for key in ["certificate", "key"] {
        if !files.holds(key) {
            files.problem(key, "is missing; name a PEM file");
        }
    }
    let certificate = files.file("certificate");
    let key = files.file("key");
    let client_ca = files.file("client_ca");
    files.finish();
    Some(TlsConfig {
        certificate: certificate?,
        key: key?,
        client_ca,
    })
}
