//! The remote registries: a closed set.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::authorities::authorities;
use super::credentials::{ConfiguredCredentials, credentials};
use super::globs::note_other_host;
use super::hints::joined;
use super::limits::bounded;
use super::moment;
use super::proxy::{ConfiguredProxy, ProxyEnvironment, proxy};
use super::quantity::Period;
use super::section::Section;
use super::timeouts::timeouts;
use super::urls::{is_loopback, quoted, web_address};
use crate::oci::{RegistryHost, RepositoryGlobs, RepositoryName, written_host};
use crate::trust::{EnvironmentName, Requirement, Vouching};
use crate::upstream::{HostPattern, Timeouts, UpstreamOptions, is_api_url};

const DEFAULT_TAG_TTL: Period = Period::seconds(60);

const MAX_CONCURRENT_BOUNDS: RangeInclusive<usize> = 1..=1024;

/// Where Docker Hub's API lies.
const DOCKER_HUB_URL: &str = "https://registry-1.docker.io";

/// Public registries, which cannot vouch: anyone can publish there.
const PUBLIC_REGISTRIES: [&str; 7] = [
    "docker.io",
    "gcr.io",
    "ghcr.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "quay.io",
    "registry.k8s.io",
];

/// One remote registry.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// The host in image names.
    pub name: RegistryHost,
    /// The segment under the gateway; one component of a repository name.
    pub path: String,
    /// Where its API lies: scheme, authority, and rarely a path.
    pub url: Url,
    pub credentials: Option<ConfiguredCredentials>,
    /// Whether image names without a registry belong to it.
    pub default: bool,
    /// What it serves, over `host/name`; empty: everything.
    pub repositories: RepositoryGlobs,
    /// Hosts, with a port if need be, that may get the credentials beyond its own.
    pub token_hosts: Vec<String>,
    /// Hosts that manifests, lists and blobs may be redirected to beyond its own.
    pub redirect_hosts: Vec<String>,
    /// The way out; `None`: directly.
    pub proxy: Option<ConfiguredProxy>,
    /// PEM certificates to trust besides the public ones.
    pub ca_pem: Option<String>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// Calls, transfers and readings at once, each.
    pub max_concurrent: usize,
    /// How long a tag's digest is remembered.
    pub tag_ttl: Duration,
    /// Whether it is told which trace asks.
    pub traceparent: bool,
}

impl UpstreamConfig {
    /// What it serves, by globs over `host/name`.
    pub(super) fn served(&self) -> RepositoryGlobs {
        let all = || RepositoryGlobs::new(vec![format!("{}/**", self.name)]).ok();
        let written = Some(self.repositories.clone());
        let served = written.filter(|it| !it.is_empty()).or_else(all);
        served.unwrap_or_else(RepositoryGlobs::none)
    }
}

/// Reads `[[upstreams]]`; without any, Docker Hub.
pub(super) fn upstreams(
    root: &mut Section<'_, '_>,
    environments: &BTreeSet<EnvironmentName>,
    proxies: &ProxyEnvironment,
    now: Timestamp,
) -> (Vec<UpstreamConfig>, Vec<Vouching>) {
    let Some(sections) = root.sections("upstreams") else {
        let through = |hub: UpstreamConfig| UpstreamConfig {
            proxy: proxies.proxy(root, &hub.url),
            ..hub
        };
        return (docker_hub().map(through).into_iter().collect(), Vec::new());
    };
    if sections.is_empty() {
        root.problem("upstreams", "is empty; nothing could be pulled");
    }
    let mut upstreams: Vec<UpstreamConfig> = Vec::new();
    let mut vouchings = Vec::new();
    for mut section in sections {
        let Some(upstream) = upstream(&mut section, proxies, now) else {
            section.skip("vouches");
            section.finish();
            continue;
        };
        note_duplicates(&section, &upstream, &upstreams);
        let public = is_public(&upstream.name, &upstream.url);
        vouchings.extend(vouching(
            &mut section,
            &upstream.name,
            public,
            environments,
            now,
        ));
        section.finish();
        upstreams.push(upstream);
    }
    (upstreams, vouchings)
}

/// What policy needs of `[[upstreams]]`: their names, and what they vouch for. Files
/// that they name are not read.
pub(super) fn for_policy(
    root: &mut Section<'_, '_>,
    environments: &BTreeSet<EnvironmentName>,
    now: Timestamp,
) -> (BTreeSet<RegistryHost>, Vec<Vouching>) {
    let Some(sections) = root.sections("upstreams") else {
        let docker_hub = docker_hub().map(|upstream| upstream.name);
        return (docker_hub.into_iter().collect(), Vec::new());
    };
    let mut names = BTreeSet::new();
    let mut vouchings = Vec::new();
    for mut section in sections {
        let name = name(&mut section);
        let url = url(&mut section, name.as_ref());
        let (Some(name), Some(url)) = (name, url) else {
            continue;
        };
        let public = is_public(&name, &url);
        vouchings.extend(vouching(&mut section, &name, public, environments, now));
        names.insert(name);
    }
    (names, vouchings)
}

fn docker_hub() -> Option<UpstreamConfig> {
    Some(UpstreamConfig {
        name: RegistryHost::parse(RegistryHost::DOCKER_HUB).ok()?,
        path: RegistryHost::DOCKER_HUB.to_owned(),
        url: Url::parse(DOCKER_HUB_URL).ok()?,
        credentials: None,
        default: true,
        repositories: RepositoryGlobs::none(),
        token_hosts: Vec::new(),
        redirect_hosts: Vec::new(),
        traceparent: false,
        proxy: None,
        ca_pem: None,
        timeouts: Timeouts::default(),
        max_concurrent: UpstreamOptions::MAX_CONCURRENT,
        tag_ttl: DEFAULT_TAG_TTL.into(),
    })
}

fn upstream(
    section: &mut Section<'_, '_>,
    proxies: &ProxyEnvironment,
    now: Timestamp,
) -> Option<UpstreamConfig> {
    let name = name(section);
    let path = path(section, name.as_ref());
    let url = url(section, name.as_ref());
    let proxy = proxy(section, url.as_ref(), proxies);
    let credentials = credentials(section);
    let default = section.read("default").unwrap_or(false);
    let repositories = section.read("repositories");
    let token_hosts = hosts(section, "token_hosts");
    let redirect_hosts = hosts(section, "redirect_hosts");
    let traceparent = section.read("traceparent").unwrap_or_default();
    let ca_pem = authorities(section, "ca", now);
    let timeouts = timeouts(section);
    let max_concurrent = bounded(section, "max_concurrent", MAX_CONCURRENT_BOUNDS);
    let tag_ttl: Period = section.read("tag_ttl").unwrap_or(DEFAULT_TAG_TTL);
    let name = name?;
    let repositories = repositories.unwrap_or_else(RepositoryGlobs::none);
    note_other_host(section, &name, &repositories);
    Some(UpstreamConfig {
        name,
        path: path?,
        url: url?,
        credentials,
        default,
        repositories,
        token_hosts,
        redirect_hosts,
        traceparent,
        proxy,
        ca_pem,
        timeouts,
        max_concurrent: max_concurrent.unwrap_or(UpstreamOptions::MAX_CONCURRENT),
        tag_ttl: tag_ttl.into(),
    })
}

/// Reads `name`: something that every client reads as a registry in an image's name.
fn name(section: &mut Section<'_, '_>) -> Option<RegistryHost> {
    let hint = "write the host in image names, as in docker.io";
    let name: RegistryHost = section.required("name", hint)?;
    if written_host(&format!("{name}/x")).is_none() {
        let text = format!(
            "{name} has neither a dot nor a port, so that {name}/team/app is read everywhere as a \
             path of the default registry; write its full name, as in {name}.example, and \
             path = \"{name}\" to keep it short behind the gateway"
        );
        section.problem("name", text);
    }
    Some(name)
}

fn path(section: &mut Section<'_, '_>, name: Option<&RegistryHost>) -> Option<String> {
    let written: Option<String> = section.read("path");
    let path = written.or_else(|| name.map(RegistryHost::to_string))?;
    if !RepositoryName::is_component(&path) {
        let hint = "set it to lower-case letters and digits, parted by . _ or -";
        let shown = quoted(&path);
        let text = format!("{shown} cannot be a segment of an image name; {hint}");
        section.problem("path", text);
    }
    Some(path)
}

fn url(section: &mut Section<'_, '_>, name: Option<&RegistryHost>) -> Option<Url> {
    let written: Option<String> = section.read("url");
    let text = match (written, name) {
        (Some(text), _) => text,
        (None, Some(name)) if name.is_docker_hub() => DOCKER_HUB_URL.to_owned(),
        (None, name) => format!("https://{}", name?),
    };
    let hint = "write scheme and host, as in https://registry.corp:5000, with the path that \
                /v2 follows or stands in, as in https://harbor.corp/v2/project, and \
                credentials under credentials";
    let url = web_address(section, "url", &text, hint, is_api_url)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        let text = "is not https: tags and credentials can be forged or read";
        section.warning("url", text);
    }
    Some(url)
}

/// Hosts as a URL writes them, or all below a suffix. Not [`RegistryHost`]: aliases of
/// Docker Hub must stay apart here.
fn hosts(section: &mut Section<'_, '_>, key: &'static str) -> Vec<String> {
    let hosts: Vec<String> = section.list(key).unwrap_or_default();
    for host in hosts
        .iter()
        .filter(|host| HostPattern::parse(host).is_err())
    {
        let hint = "write it without a scheme, as in auth.corp, auth.corp:8443 or *.corp";
        let shown = quoted(host);
        section.problem(key, format_args!("{shown} is no host; {hint}"));
    }
    hosts
}

fn note_duplicates(
    section: &Section<'_, '_>,
    upstream: &UpstreamConfig,
    earlier: &[UpstreamConfig],
) {
    let name = &upstream.name;
    if earlier.iter().any(|other| other.name == *name) {
        section.problem(
            "name",
            format_args!("{name} stands twice; an upstream has one table"),
        );
    } else if let Some(other) = earlier.iter().find(|other| other.path == upstream.path) {
        let text = format!(
            "{} is the path of {} too; choose another",
            quoted(&upstream.path),
            other.name
        );
        section.problem("path", text);
    }
    if upstream.default && earlier.iter().any(|other| other.default) {
        section.problem("default", "is true twice; one upstream can be the default");
    }
}

/// Reads `vouches`, where it stands.
fn vouching(
    section: &mut Section<'_, '_>,
    upstream: &RegistryHost,
    public: bool,
    known: &BTreeSet<EnvironmentName>,
    now: Timestamp,
) -> Option<Vouching> {
    let mut vouches = section.optional_section("vouches")?;
    if public {
        let text = "is not for a public registry: anyone can publish there; \
                    demand scans of its images instead";
        section.problem("vouches", text);
    }
    let environments: Vec<EnvironmentName> = vouches.list("environments").unwrap_or_default();
    for name in environments.iter().filter(|name| !known.contains(name)) {
        let hint = format!("name one of {}", joined(known));
        vouches.problem(
            "environments",
            format_args!("{name} is not defined; {hint}"),
        );
    }
    let requirements: Vec<Requirement> = vouches.list("for").unwrap_or_default();
    note_empty(&vouches, "environments", environments.is_empty());
    note_empty(&vouches, "for", requirements.is_empty());
    let until = moment::end(&mut vouches, "until", now, "it vouches no more");
    vouches.finish();
    Some(Vouching {
        upstream: upstream.clone(),
        environments,
        requirements,
        until: until?,
    })
}

fn note_empty(vouches: &Section<'_, '_>, key: &'static str, empty: bool) {
    let example = match key {
        "for" => "[\"scan\", \"promotion\"]",
        _ => "[\"staging\"]",
    };
    if empty {
        vouches.problem(key, format_args!("names nothing; write {key} = {example}"));
    }
}

fn is_public(name: &RegistryHost, url: &Url) -> bool {
    let public = |host: &str| {
        let below = |name: &&str| host == *name || host.ends_with(&format!(".{name}"));
        PUBLIC_REGISTRIES.iter().any(below) || host == "registry.hub.docker.com"
    };
    public(name.as_str()) || url.host_str().is_some_and(public)
}
