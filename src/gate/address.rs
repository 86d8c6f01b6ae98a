//! Which repository a request means: a closed world of upstreams.

use http::HeaderValue;

use super::{Gate, Listener, Reachable};
use crate::oci::{NameError, RegistryHost, Repository, RepositoryName, printable};
use crate::trust::{Denial, DenialReason};

/// The `ns` of a request (distribution-spec, "Proxying").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace<'a> {
    Absent,
    Named(&'a str),
    /// More than one, which two parsers would read differently.
    Repeated,
}

/// What a request is about.
#[derive(Clone, Debug)]
pub struct Target {
    pub repository: Repository,
    /// The `ns` that named it, which the answer echoes.
    pub namespace: Option<HeaderValue>,
    /// It was found since `ns` named the request's own host.
    pub by_host: bool,
}

/// Why an address leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misaddressed {
    Name(NameError),
    Denied(Denial),
}

impl From<NameError> for Misaddressed {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl Gate {
    /// Finds the repository behind `name` as it stands in the path.
    ///
    /// With `ns` the whole path is the repository. Without, the first component
    /// is the path of an upstream, unless the listener mirrors one. `host` is
    /// the request's own authority: `ns` that names the gateway counts as absent.
    pub fn address(
        &self,
        listener: &Listener,
        name: &str,
        ns: Namespace<'_>,
        host: Option<&str>,
    ) -> Result<Target, Misaddressed> {
        match ns {
            Namespace::Repeated => Err(ambiguous("ns is given more than once")),
            Namespace::Named(ns) => self.named(listener, name, ns, host),
            Namespace::Absent => self.unnamed(listener, name),
        }
    }

    fn named(
        &self,
        listener: &Listener,
        name: &str,
        ns: &str,
        host: Option<&str>,
    ) -> Result<Target, Misaddressed> {
        let parsed = RegistryHost::parse(ns).ok();
        match parsed.filter(|host| self.upstreams.contains_key(host)) {
            Some(upstream) => Ok(Target {
                namespace: HeaderValue::from_str(ns).ok(),
                ..target(&upstream, name)?
            }),
            None if host == Some(ns) => Ok(Target {
                by_host: true,
                ..self.unnamed(listener, name)?
            }),
            None if ns.is_empty() => Err(ambiguous("ns is empty")),
            None => Err(self.unknown_upstream(ns)),
        }
    }

    fn unnamed(&self, listener: &Listener, name: &str) -> Result<Target, Misaddressed> {
        if let Some(upstream) = &listener.mirror_of {
            return target(upstream, name);
        }
        RepositoryName::parse(name)?;
        let (first, rest) = name.split_once('/').unwrap_or((name, ""));
        match self.upstream_at(first) {
            Some(upstream) => target(&upstream.host, rest),
            None => Err(self.unknown_upstream(first)),
        }
    }

    fn upstream_at(&self, path: &str) -> Option<&Reachable> {
        self.upstreams
            .values()
            .find(|upstream| upstream.path == path)
    }

    fn unknown_upstream(&self, asked: &str) -> Misaddressed {
        let known: Vec<&str> = self
            .upstreams
            .values()
            .map(|upstream| upstream.path.as_str())
            .collect();
        Misaddressed::Denied(Denial::new(
            DenialReason::UnknownUpstream,
            format!("{} is no upstream of this gateway", printable(asked, 100)),
            format!(
                "use GATEWAY/UPSTREAM/NAME with one of: {}",
                known.join(", ")
            ),
        ))
    }
}

fn target(upstream: &RegistryHost, name: &str) -> Result<Target, Misaddressed> {
    let name = RepositoryName::parse(name)?;
    Ok(Target {
        repository: Repository::new(upstream.clone(), name),
        namespace: None,
        by_host: false,
    })
}

fn ambiguous(detail: &str) -> Misaddressed {
    Misaddressed::Denied(Denial::new(
        DenialReason::AmbiguousReference,
        detail,
        "name one upstream, once",
    ))
}
