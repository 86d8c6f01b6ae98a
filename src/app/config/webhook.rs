//! The webhooks' address, and the clusters that use them.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;

use super::address::{self, TlsConfig};
use super::globs::warn_of_shadowed;
use super::listeners::{ListenerConfig, environment};
use super::section::Section;
use super::urls::quoted;
use crate::kubernetes::names::SYSTEM_NAMESPACE;
use crate::oci::{RegistryHost, is_dns_label, is_dns_subdomain};
use crate::trust::{EnvironmentName, Exposure, Mode};

const DEFAULT_WEBHOOK_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5443);
/// Where Sekisho runs in a cluster, unless something else is said.
const DEFAULT_NAMESPACE: &str = "sekisho";
/// What a gateway without a port is asked at.
const HTTPS_PORT: u16 = 443;

/// Where API servers ask; TLS always.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    pub address: SocketAddr,
    pub tls: TlsConfig,
    /// Who signed the certificates that API servers show; `None`: none is asked for,
    /// and whom they name in a review is only claimed.
    pub client_ca: Option<PathBuf>,
    /// Hosts by which API servers reach it, beside those known otherwise: for
    /// certificates of the program's own.
    pub names: Vec<String>,
}

/// What nodes of a cluster pull by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeMode {
    Mirror,
    #[default]
    RewriteOnly,
}

/// What the API server does with a Pod while `validate` cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The Pod is created: the gateway enforces.
    #[default]
    Ignore,
    /// The Pod is refused.
    Fail,
}

/// One cluster.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// A DNS label.
    pub name: String,
    pub environment: EnvironmentName,
    pub exposure: Exposure,
    /// What images are rewritten to.
    pub gateway: RegistryHost,
    pub nodes: NodeMode,
    pub pin_digests: bool,
    /// Where Sekisho itself runs in it; `None`: it is not said that it does.
    pub namespace: Option<String>,
    /// By name, without its own.
    pub exempt_namespaces: Vec<String>,
    pub namespaces: Vec<NamespaceConfig>,
    /// The Secret that new Pods pull with.
    pub pull_secret: Option<String>,
    pub allow_never: bool,
    pub failure_policy: OnFailure,
    /// Whether an Event is written for the owner of a denied Pod.
    pub events: bool,
    /// `None`: the Pod's own service account, where there is one.
    pub kubeconfig: Option<PathBuf>,
}

impl ClusterConfig {
    /// The namespace in which Sekisho runs, if it runs in this cluster.
    pub fn home(&self) -> &str {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }
}

/// What holds for the namespaces that a glob matches.
#[derive(Clone, Debug)]
pub struct NamespaceConfig {
    /// As they are written.
    pub globs: Vec<String>,
    pub matching: GlobSet,
    pub mode: Option<Mode>,
    pub rewrite: bool,
}

/// Reads `[webhook]`, where there is one.
pub(super) fn webhook(root: &mut Section<'_, '_>) -> Option<WebhookConfig> {
    let mut section = root.optional_section("webhook")?;
    let written = address::address(&mut section);
    let address = written.unwrap_or(DEFAULT_WEBHOOK_ADDRESS);
    if written.is_some() || !section.has("address") {
        section.claim(address);
    }
    let tls = address::tls(&mut section).unwrap_or(TlsConfig::Auto);
    let client_ca = section.file("client_ca");
    if tls.client_ca().is_some() {
        let text = "holds client_ca, which stands beside it here: client_ca = \"…\"";
        section.problem("tls", text);
    }
    let names: Vec<String> = section.list("names").unwrap_or_default();
    for name in names
        .iter()
        .filter(|name| RegistryHost::parse(name).is_err())
    {
        let shown = quoted(name);
        let text = format!("{shown} is no host; write it as in a URL, without a port");
        section.problem("names", text);
    }
    section.finish();
    Some(WebhookConfig {
        address,
        tls,
        client_ca,
        names,
    })
}

/// Reads `[[clusters]]`.
pub(super) fn clusters(
    root: &mut Section<'_, '_>,
    environments: &BTreeSet<EnvironmentName>,
    listeners: &[ListenerConfig],
    upstreams: &BTreeSet<RegistryHost>,
    has_webhook: bool,
) -> Vec<ClusterConfig> {
    let sections = root.sections("clusters").unwrap_or_default();
    if has_webhook && sections.is_empty() {
        root.problem(
            "clusters",
            "is missing; [webhook] needs a cluster to answer",
        );
    }
    let mut clusters: Vec<ClusterConfig> = Vec::new();
    for mut section in sections {
        let cluster = cluster(&mut section, environments, listeners);
        if let Some(cluster) = &cluster
            && clusters.iter().any(|other| other.name == cluster.name)
        {
            let text = format!("{} stands twice; a cluster has one table", cluster.name);
            section.problem("name", text);
        }
        if let Some(cluster) = &cluster {
            note_shared_name(&section, &cluster.gateway, upstreams);
        }
        if !has_webhook && cluster.as_ref().is_some_and(|it| it.events) {
            let text = "tells of Pods that the webhook denies, and there is no [webhook]";
            section.warning("events", text);
        }
        section.finish();
        clusters.extend(cluster);
    }
    warn_of_unfollowed(root, &clusters);
    clusters
}

/// A name at the gateway must mean one image: under the name of a registry it would mean that
/// one's image, too.
fn note_shared_name(
    section: &Section<'_, '_>,
    gateway: &RegistryHost,
    upstreams: &BTreeSet<RegistryHost>,
) {
    if gateway.is_docker_hub() || upstreams.contains(gateway) {
        let text = format!(
            "{gateway} is a registry's own name, so {gateway}/x/y would mean its image and one of \
             the upstream x; give the gateway a name of its own"
        );
        section.problem("gateway", text);
    }
}

/// The Pod's own service account belongs to one cluster, and which of several is not known.
fn warn_of_unfollowed(root: &Section<'_, '_>, clusters: &[ClusterConfig]) {
    let bare = clusters.iter().filter(|it| it.kubeconfig.is_none());
    let names: Vec<&str> = bare.map(|it| it.name.as_str()).collect();
    if names.len() > 1 {
        let text = format!(
            "none of {} has a kubeconfig, so what runs there is not known, not even where this \
             program runs; write namespace in the table of that one",
            names.join(", ")
        );
        root.warning("clusters", text);
    }
}

fn cluster(
    section: &mut Section<'_, '_>,
    environments: &BTreeSet<EnvironmentName>,
    listeners: &[ListenerConfig],
) -> Option<ClusterConfig> {
    let name = label(section, "name", "write a name for it, as in production-a");
    let environment = environment(section, environments);
    let exposure = section.read("exposure").unwrap_or_default();
    let gateway = section.required(
        "gateway",
        "write what nodes pull from, as in registry.example:5080",
    );
    let nodes = section.read("nodes").unwrap_or_default();
    let pin_digests = section.read("pin_digests").unwrap_or(true);
    let namespace = label(section, "namespace", "");
    let mut exempt_namespaces: Vec<String> = section.list("exempt_namespaces").unwrap_or_default();
    if exempt_namespaces.iter().all(|it| it != SYSTEM_NAMESPACE) {
        exempt_namespaces.push(SYSTEM_NAMESPACE.to_owned());
    }
    let namespaces = namespaces(section, nodes);
    let pull_secret = pull_secret(section);
    let allow_never = section.read("allow_never").unwrap_or(false);
    let failure_policy = section.read("failure_policy").unwrap_or_default();
    let events = section.read("events").unwrap_or(false);
    let kubeconfig = section.file("kubeconfig");
    for name in exempt_namespaces.iter().filter(|name| !is_dns_label(name)) {
        let shown = quoted(name);
        let text = format!("{shown} is no namespace; write names, since globs exempt too much");
        section.problem("exempt_namespaces", text);
    }
    let cluster = ClusterConfig {
        name: name?,
        environment: environment?,
        exposure,
        gateway: gateway?,
        nodes,
        pin_digests,
        namespace,
        exempt_namespaces,
        namespaces,
        pull_secret,
        allow_never,
        failure_policy,
        events,
        kubeconfig,
    };
    compare_with_pulls(section, &cluster, listeners);
    Some(cluster)
}

/// What admission lets in, a pull must not deny: so the listener that Pods pull from
/// judges alike.
fn compare_with_pulls(
    section: &Section<'_, '_>,
    cluster: &ClusterConfig,
    listeners: &[ListenerConfig],
) {
    let (environment, exposure) = (&cluster.environment, cluster.exposure);
    let behind = behind_gateway(cluster, listeners);
    let strictest = match behind.iter().any(|it| it.exposure == Exposure::External) {
        true => Exposure::External,
        false => Exposure::Internal,
    };
    if !behind.is_empty() && strictest == exposure {
        return;
    }
    let may_agree = behind.iter().any(|it| it.exposure == exposure);
    let text = match exposure {
        Exposure::Internal if may_agree => format!(
            "is internal, and the port of {} does not tell whether Pods pull from an internal \
             listener of {environment}: an external one denies what is let in",
            cluster.gateway
        ),
        Exposure::Internal if !behind.is_empty() => {
            let text = format!(
                "is internal, and every listener of {environment} behind {} is external: its Pods \
                 would be let in and their pulls denied; let gateway lead to one with \
                 exposure = \"internal\"",
                cluster.gateway
            );
            return section.problem("exposure", text);
        }
        Exposure::Internal | Exposure::External => format!(
            "no listener behind {} serves {environment}/{exposure}, so pulls are not judged as \
             its Pods are",
            cluster.gateway
        ),
    };
    section.warning("exposure", text);
}

/// The listeners of the cluster's environment at the port of its gateway; where none
/// is there, whichever of them a Service or proxy may lead to: all.
fn behind_gateway<'l>(
    cluster: &ClusterConfig,
    listeners: &'l [ListenerConfig],
) -> Vec<&'l ListenerConfig> {
    let gateway = cluster.gateway.as_str().rsplit_once(':');
    let port: u16 = gateway
        .and_then(|(_, port)| port.parse().ok())
        .unwrap_or(HTTPS_PORT);
    let own = listeners.iter();
    let own: Vec<_> = own
        .filter(|it| it.environment == cluster.environment)
        .collect();
    let told = own.iter().copied();
    let told: Vec<_> = told.filter(|it| it.address.port() == port).collect();
    match told.is_empty() {
        true => own,
        false => told,
    }
}

fn namespaces(section: &mut Section<'_, '_>, nodes: NodeMode) -> Vec<NamespaceConfig> {
    let rules = section.sections("namespaces").unwrap_or_default();
    let mut earlier = Vec::new();
    rules
        .into_iter()
        .filter_map(|rule| namespace_rule(rule, nodes, &mut earlier))
        .collect()
}

fn namespace_rule(
    mut section: Section<'_, '_>,
    nodes: NodeMode,
    earlier: &mut Vec<Vec<String>>,
) -> Option<NamespaceConfig> {
    let globs: Vec<String> = section.list("match").unwrap_or_default();
    let mode = section.read("mode");
    let rewrite = section.read("rewrite").unwrap_or(true);
    if globs.is_empty() {
        section.problem("match", "names no namespace; write match = [\"legacy-*\"]");
    }
    warn_of_shadowed(&section, "match", &globs, "namespaces", earlier);
    earlier.push(globs.clone());
    if !rewrite && nodes == NodeMode::RewriteOnly {
        let text = "is false, and nodes without mirror files would go past the gateway; \
                    set nodes = \"mirror\"";
        section.problem("rewrite", text);
    }
    let mut matching = GlobSetBuilder::new();
    for glob in &globs {
        match Glob::new(glob) {
            Ok(glob) => {
                matching.add(glob);
            }
            Err(error) => section.problem("match", error),
        }
    }
    let matching = matching.build();
    section.finish();
    Some(NamespaceConfig {
        globs,
        matching: matching.ok()?,
        mode,
        rewrite,
    })
}

fn pull_secret(section: &mut Section<'_, '_>) -> Option<String> {
    let name: String = section.read("pull_secret")?;
    if is_dns_subdomain(&name) {
        return Some(name);
    }
    let hint = "write the Secret's name, in lower-case letters, digits, - and .";
    let shown = quoted(&name);
    section.problem(
        "pull_secret",
        format_args!("{shown} names no Secret; {hint}"),
    );
    None
}

/// A name that Kubernetes takes (RFC 1123); without a hint it may be left out.
fn label(section: &mut Section<'_, '_>, key: &'static str, hint: &str) -> Option<String> {
    let name: Option<String> = match hint {
        "" => section.read(key),
        hint => section.required(key, hint),
    };
    let bad = name.as_ref().filter(|name| !is_dns_label(name));
    if let Some(name) = bad {
        let hint = "write up to 63 lower-case letters, digits and -";
        let shown = quoted(name);
        section.problem(key, format_args!("{shown} is no DNS label; {hint}"));
    }
    name.filter(|name| is_dns_label(name))
}
