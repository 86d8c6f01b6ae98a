//! The configured upstreams, and the repository that a request means. What is not
//! configured cannot be reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderValue;
use jiff::SignedDuration;
use url::Url;

use super::pull::{Listener, RequestTarget};
use super::refusal::Refusal;
use crate::oci::{
    Digest, NameError, RegistryHost, Repository, RepositoryGlobs, RepositoryName, listed, printable,
};
use crate::trust::{Denial, DenialReason, MAX_LIST_CHARS, Rulebook};
use crate::upstream::{ListMemory, TagMemory, Upstream};

/// A configured upstream, as the gate reaches it.
pub struct ConfiguredUpstream {
    pub host: RegistryHost,
    /// The component under the gateway's own name.
    pub path: String,
    /// What it serves; empty: everything.
    pub repositories: RepositoryGlobs,
    /// The URL of its API.
    pub url: Url,
    pub tag_ttl: SignedDuration,
    pub upstream: Upstream,
    pub tags: TagMemory,
    pub lists: ListMemory,
}

impl ConfiguredUpstream {
    pub fn serves(&self, repository: &Repository) -> bool {
        self.repositories.empty_or_matches(repository)
    }

    /// The image as a client that goes past the gateway must name it:
    /// `host[:port]/name@digest`.
    pub fn direct(&self, repository: &Repository, digest: &Digest) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().map(|port| format!(":{port}"));
        format!(
            "{host}{}/{}@{digest}",
            port.unwrap_or_default(),
            self.upstream.client_name(repository.name())
        )
    }

    /// Whether it is reached without TLS.
    pub fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }
}

/// The `ns` of a request (distribution-spec, "Proxying").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace<'a> {
    Absent,
    Named(&'a str),
    /// More than one, which two parsers would read differently.
    Repeated,
}

/// Why a request addresses no repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    Name(NameError),
    Denied(Denial),
}

impl From<NameError> for AddressError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

/// All configured upstreams, by the host in image names.
pub(super) struct Upstreams(BTreeMap<RegistryHost, ConfiguredUpstream>);

impl Upstreams {
    pub(super) fn new(upstreams: Vec<ConfiguredUpstream>) -> Self {
        let by_host = |upstream: ConfiguredUpstream| (upstream.host.clone(), upstream);
        Self(upstreams.into_iter().map(by_host).collect())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &ConfiguredUpstream> {
        self.0.values()
    }

    pub(super) fn get(&self, host: &RegistryHost) -> Option<&ConfiguredUpstream> {
        self.0.get(host)
    }

    /// The upstream of a repository.
    pub(super) fn of(&self, repository: &Repository) -> Result<&ConfiguredUpstream, Refusal> {
        self.get(repository.host()).ok_or(Refusal::NameUnknown)
    }

    /// Finds the repository behind `name` as it stands in the path.
    ///
    /// With `ns` the whole path is the repository. Without, the first component
    /// is the path of an upstream, unless the listener mirrors one. `host` is
    /// the request's own authority: `ns` that names the gateway counts as absent. `rulebook`
    /// is asked for where the answer names what may be asked for instead.
    pub(super) fn address(
        &self,
        rulebook: &dyn Fn() -> Arc<Rulebook>,
        listener: &Listener,
        name: &str,
        ns: Namespace<'_>,
        host: Option<&str>,
    ) -> Result<RequestTarget, AddressError> {
        match ns {
            Namespace::Repeated => Err(ambiguous("ns is given more than once")),
            Namespace::Named(ns) => self.named(rulebook, listener, name, ns, host),
            Namespace::Absent => self.unnamed(rulebook, listener, name),
        }
    }

    fn named(
        &self,
        rulebook: &dyn Fn() -> Arc<Rulebook>,
        listener: &Listener,
        name: &str,
        ns: &str,
        host: Option<&str>,
    ) -> Result<RequestTarget, AddressError> {
        let parsed = RegistryHost::parse(ns).ok();
        match parsed.filter(|host| self.get(host).is_some()) {
            Some(upstream) => Ok(RequestTarget {
                namespace: HeaderValue::from_str(ns).ok(),
                ..target(&upstream, name)?
            }),
            None if host == Some(ns) => Ok(RequestTarget {
                by_host: true,
                ..self.unnamed(rulebook, listener, name)?
            }),
            None if ns.is_empty() => Err(ambiguous("ns is empty")),
            None => Err(self.unknown_upstream(&rulebook(), listener, ns)),
        }
    }

    fn unnamed(
        &self,
        rulebook: &dyn Fn() -> Arc<Rulebook>,
        listener: &Listener,
        name: &str,
    ) -> Result<RequestTarget, AddressError> {
        if let Some(upstream) = &listener.mirror_of {
            return target(upstream, name);
        }
        RepositoryName::parse(name)?;
        let (first, rest) = name.split_once('/').unwrap_or((name, ""));
        match self.upstream_at(first) {
            Some(upstream) => target(&upstream.host, rest),
            None => Err(self.unknown_upstream(&rulebook(), listener, first)),
        }
    }

    fn upstream_at(&self, path: &str) -> Option<&ConfiguredUpstream> {
        self.all().find(|upstream| upstream.path == path)
    }

    /// Advised are those of which the listener's environment may take something.
    fn unknown_upstream(
        &self,
        rulebook: &Rulebook,
        listener: &Listener,
        asked: &str,
    ) -> AddressError {
        let environment = rulebook.environment(&listener.environment);
        let permitted = |upstream: &&ConfiguredUpstream| {
            environment.is_none_or(|it| it.may_permit_upstream(&upstream.host))
        };
        let known = self.all().filter(permitted);
        let known: Vec<&str> = known.map(|upstream| upstream.path.as_str()).collect();
        AddressError::Denied(Denial::new(
            DenialReason::UnknownUpstream,
            format!("{} is no upstream of this gateway", printable(asked, 100)),
            format!(
                "use GATEWAY/UPSTREAM/NAME with one of: {}",
                listed(&known, MAX_LIST_CHARS)
            ),
        ))
    }
}

fn target(upstream: &RegistryHost, name: &str) -> Result<RequestTarget, AddressError> {
    let name = RepositoryName::parse(name)?;
    Ok(RequestTarget {
        repository: Repository::try_new(upstream.clone(), name)?,
        namespace: None,
        by_host: false,
    })
}

fn ambiguous(detail: &str) -> AddressError {
    AddressError::Denied(Denial::new(
        DenialReason::AmbiguousReference,
        detail,
        "name one upstream, once",
    ))
}
