//! Addresses to listen at, and their TLS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::section::Section;
use super::urls::quoted;

/// Where a listener's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsConfig {
    /// From the program's own authority.
    Auto,
    /// From files, read again when they change.
    Files(TlsPaths),
}

impl TlsConfig {
    /// Whose certificates clients must show.
    pub fn client_ca(&self) -> Option<&Path> {
        match self {
            Self::Auto => None,
            Self::Files(files) => files.client_ca.as_deref(),
        }
    }
}

/// Files of a listener's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPaths {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Clients must show a certificate that one of these signed.
    pub client_ca: Option<PathBuf>,
}

/// Where something listens.
pub(super) struct ListenAddress {
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsConfig>,
}

/// Reads `address`, `tls` and `insecure`. An address that is not loopback needs TLS, or
/// `insecure = true`.
pub(super) fn listen_address(section: &mut Section<'_, '_>, default: SocketAddr) -> ListenAddress {
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
    ListenAddress { address, tls }
}

/// Reads `address`.
pub(super) fn address(section: &mut Section<'_, '_>) -> Option<SocketAddr> {
    let text: String = section.read("address")?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let hint = "write an IP address and a port, as in 127.0.0.1:5080 or [::]:5080";
            let shown = quoted(&text);
            section.problem("address", format_args!("{shown} is no address; {hint}"));
            None
        }
    }
}

/// Reads `tls`: `"auto"`, or a table of files.
pub(super) fn tls(section: &mut Section<'_, '_>) -> Option<TlsConfig> {
    if section.says("tls", "auto") {
        section.skip("tls");
        return Some(TlsConfig::Auto);
    }
    if section.says_text("tls") {
        section.skip("tls");
        let hint = "write tls = \"auto\", or tls = { certificate = \"…\", key = \"…\" }";
        section.problem(
            "tls",
            format_args!("is neither \"auto\" nor a table; {hint}"),
        );
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
    Some(TlsConfig::Files(TlsPaths {
        certificate: certificate?,
        key: key?,
        client_ca,
    }))
}
