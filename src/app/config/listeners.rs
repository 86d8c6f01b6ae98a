//! Where nodes pull, and where people and machines ask.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;
use url::Url;

use super::UpstreamConfig;
use super::address::{self, ListenAddress, TlsConfig};
use super::globs::{is_plainly_unmatched, warn_of_unmatched};
use super::hints::joined;
use super::section::Section;
use super::urls::{is_loopback, web_address};
use crate::oci::{RegistryHost, RepositoryGlobs};
use crate::trust::{Environment, EnvironmentName, Exposure};

const DEFAULT_REGISTRY_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5080);
pub(super) const DEFAULT_ADMIN_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5081);

/// An address where nodes pull; it belongs to one environment and one exposure.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    pub address: SocketAddr,
    pub environment: EnvironmentName,
    pub exposure: Exposure,
    pub tls: Option<TlsConfig>,
    /// What is served at all, over `host/name`; empty: everything.
    pub repositories: RepositoryGlobs,
    pub auth: ListenerAuth,
    /// The upstream meant when a client names none.
    pub mirror_of: Option<RegistryHost>,
    /// Whether traces of clients go on here.
    pub traceparent: bool,
}

/// What a listener asks of its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenerAuth {
    #[default]
    None,
    /// A certificate by `tls.client_ca`.
    Mtls,
    /// A token of Sekisho's, as the password of Basic.
    Token,
}

impl ListenerAuth {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mtls => "mtls",
            Self::Token => "token",
        }
    }
}

/// The admin API.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    pub address: SocketAddr,
    /// How people reach it: for the links in denials.
    pub public_url: Url,
    pub tls: Option<TlsConfig>,
    /// Whether anyone on this machine reads without a token; never where the address
    /// is reached from others.
    pub anonymous_reads: bool,
}

/// Metrics and health at an address of their own; plain, without tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpsConfig {
    pub address: SocketAddr,
}

/// Reads `[[listeners]]`; without any, one on loopback.
pub(super) fn listeners(
    root: &mut Section<'_, '_>,
    environments: &[Environment],
    upstreams: &[UpstreamConfig],
) -> Vec<ListenerConfig> {
    let sections = match root.sections("listeners") {
        Some(sections) => sections,
        None => vec![root.absent("listeners[0]")],
    };
    if sections.is_empty() {
        root.problem("listeners", "is empty; nodes need an address to pull from");
    }
    let read = |section| listener(section, environments, upstreams);
    sections.into_iter().filter_map(read).collect()
}

fn listener(
    mut section: Section<'_, '_>,
    environments: &[Environment],
    upstreams: &[UpstreamConfig],
) -> Option<ListenerConfig> {
    let known = environments.iter().map(|it| it.name.clone()).collect();
    let hosts = upstreams.iter().map(|it| it.name.clone()).collect();
    let ListenAddress { address, tls } =
        address::listen_address(&mut section, DEFAULT_REGISTRY_ADDRESS);
    let environment = environment(&mut section, &known);
    let exposure = section.read("exposure").unwrap_or_default();
    let repositories = section.read("repositories");
    if let Some(globs) = &repositories {
        let settings = environments
            .iter()
            .find(|it| Some(&it.name) == environment.as_ref());
        warn_of_unserved(&section, globs, settings, upstreams);
    }
    let mirror_of = mirror_of(&mut section, &hosts);
    let auth = section.read("auth").unwrap_or_default();
    check_auth(&section, auth, address, tls.as_ref());
    if auth == ListenerAuth::Token && section.has("mirror_of") {
        let text = "\"token\" does not go with mirror_of: mirrors are asked without a token";
        section.problem("auth", text);
    }
    let traceparent = section.read("traceparent").unwrap_or_default();
    section.finish();
    Some(ListenerConfig {
        address,
        environment: environment?,
        exposure,
        tls,
        repositories: repositories.unwrap_or_else(RepositoryGlobs::none),
        auth,
        mirror_of,
        traceparent,
    })
}

/// Warns of globs that nothing is served under: by their form, or since no upstream
/// that the environment pulls from serves it.
fn warn_of_unserved(
    section: &Section<'_, '_>,
    globs: &RepositoryGlobs,
    environment: Option<&Environment>,
    upstreams: &[UpstreamConfig],
) {
    let hosts = upstreams.iter().map(|it| it.name.clone()).collect();
    warn_of_unmatched(section, "repositories", globs, &hosts);
    let told = |glob: &&String| !is_plainly_unmatched(glob, &hosts);
    for glob in globs.written().iter().filter(told) {
        let Ok(one) = RepositoryGlobs::new(vec![glob.clone()]) else {
            continue;
        };
        let mut serving = upstreams.iter().filter(|it| one.meet(&it.served()));
        let permitted = |it: &UpstreamConfig| environment.is_none_or(|at| pulls_from(at, &it.name));
        if !serving.any(permitted) {
            let text = format!("{glob:?} serves nothing: no upstream of its environment has it");
            section.warning("repositories", text);
        }
    }
}

/// Whether an environment pulls from that upstream, by any of its rules.
fn pulls_from(environment: &Environment, host: &RegistryHost) -> bool {
    let of_rules = environment.rules.iter().map(|(_, settings)| settings);
    let mut all = of_rules.chain([&environment.settings]);
    all.any(|it| it.upstreams.is_empty() || it.upstreams.contains(host))
}

/// The environment named, or the only one there is.
pub(super) fn environment(
    section: &mut Section<'_, '_>,
    known: &BTreeSet<EnvironmentName>,
) -> Option<EnvironmentName> {
    let named: Option<EnvironmentName> = section.read("environment");
    if !section.has("environment") {
        if let (1, Some(only)) = (known.len(), known.first()) {
            return Some(only.clone());
        }
        let hint = format!("name one of {}", joined(known));
        section.problem("environment", format_args!("is missing; {hint}"));
    }
    let named = named?;
    if !known.contains(&named) {
        let hint = format!(
            "write [environments.{named}], or name one of {}",
            joined(known)
        );
        section.problem(
            "environment",
            format_args!("{named} is not defined; {hint}"),
        );
    }
    Some(named)
}

fn mirror_of(
    section: &mut Section<'_, '_>,
    upstreams: &BTreeSet<RegistryHost>,
) -> Option<RegistryHost> {
    let named: RegistryHost = section.read("mirror_of")?;
    if !upstreams.contains(&named) {
        let hint = format!("name one of {}", joined(upstreams));
        section.problem("mirror_of", format_args!("{named} is no upstream; {hint}"));
    }
    Some(named)
}

fn check_auth(
    section: &Section<'_, '_>,
    auth: ListenerAuth,
    address: SocketAddr,
    tls: Option<&TlsConfig>,
) {
    let away = !address.ip().is_loopback();
    match auth {
        ListenerAuth::None if away => {
            let text = format!("\"none\": whoever reaches {address} can pull what is admitted");
            section.warning("auth", text);
        }
        ListenerAuth::Mtls if tls.and_then(TlsConfig::client_ca).is_none() => {
            section.problem(
                "auth",
                "\"mtls\" needs tls.client_ca, the CA of the clients, and so files for tls",
            );
        }
        ListenerAuth::Token if away && tls.is_none() => {
            section.warning("auth", "\"token\" without tls: tokens travel in the clear");
        }
        ListenerAuth::None | ListenerAuth::Mtls | ListenerAuth::Token => {}
    }
}

/// Reads `[admin]`.
pub(super) fn admin(root: &mut Section<'_, '_>) -> Option<AdminConfig> {
    let mut section = root.section("admin");
    let ListenAddress { address, tls } =
        address::listen_address(&mut section, DEFAULT_ADMIN_ADDRESS);
    let scheme = if section.has("tls") { "https" } else { "http" };
    let public_url = public_url(&mut section);
    if !section.has("public_url") && address.ip().is_unspecified() {
        let text = format!("is not set: links in denials would name {address}");
        section.warning("public_url", text);
    }
    let anonymous_reads = anonymous_reads(&mut section, address, public_url.as_ref());
    section.finish();
    let own = || Url::parse(&format!("{scheme}://{address}/")).ok();
    Some(AdminConfig {
        address,
        public_url: public_url.or_else(own)?,
        tls,
        anonymous_reads,
    })
}

/// By default on, unless somebody off this machine can ask: directly, or through what
/// answers at the public URL, which then looks like this machine.
fn anonymous_reads(
    section: &mut Section<'_, '_>,
    address: SocketAddr,
    public_url: Option<&Url>,
) -> bool {
    let near = address.ip().is_loopback();
    let is_forwarded = public_url.is_some_and(|url| !is_loopback(url));
    let written: Option<bool> = section.read("anonymous_reads");
    if written == Some(true) && !near {
        let text =
            format!("is true, and {address} is not loopback; everyone could read: leave it out");
        section.problem("anonymous_reads", text);
    } else if written == Some(true) && is_forwarded {
        let text = "is true: whoever comes through what serves public_url reads without a token";
        section.warning("anonymous_reads", text);
    }
    near && written.unwrap_or(!is_forwarded)
}

pub(super) fn public_url(section: &mut Section<'_, '_>) -> Option<Url> {
    let text: String = section.read("public_url")?;
    let bare = |url: &Url| url.query().is_none() && url.fragment().is_none();
    let hint = "write it as https://sekisho.example";
    web_address(section, "public_url", &text, hint, bare)
}

/// Reads `[ops]`, where there is one.
pub(super) fn ops(root: &mut Section<'_, '_>) -> Option<OpsConfig> {
    let mut section = root.optional_section("ops")?;
    let address = address::address(&mut section);
    if !section.has("address") {
        section.problem("address", "is missing; write it, as in 127.0.0.1:5082");
    }
    let config = address.map(|address| OpsConfig { address });
    if let Some(OpsConfig { address }) = config {
        section.claim(address);
    }
    section.finish();
    config
}
