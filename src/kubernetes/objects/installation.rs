//! The inputs of an installation.

use std::str::FromStr;

use super::{InstallationError, NamespaceRule};
use crate::kubernetes::names::SYSTEM_NAMESPACE;
use crate::oci::{ImageRef, RegistryHost, is_dns_label};

/// One cluster, as its API server is to see Sekisho.
#[derive(Clone, Debug)]
pub struct Installation {
    /// As `[[clusters]]` calls it: a part of the names of cluster-wide objects.
    pub cluster: String,
    /// Where the program runs, if it runs in this cluster; then webhooks and policies never
    /// touch it.
    pub namespace: String,
    /// Whether the configuration says that it does. A Service in that namespace says so, too.
    pub runs_here: bool,
    /// What images are rewritten to.
    pub gateway: RegistryHost,
    pub nodes: NodeNames,
    /// At least one; hosts and paths differ.
    pub upstreams: Vec<UpstreamRoute>,
    /// Namespaces that webhooks and policies leave alone, beside `kube-system`, and the
    /// program's own where it runs in the cluster.
    pub exempt_namespaces: Vec<String>,
    /// The first entry that matches applies.
    pub namespaces: Vec<NamespaceRule>,
    /// Whether Pods may run what their node holds under a name (`Never`): then such names
    /// are not checked.
    pub allow_never: bool,
    pub endpoint: Endpoint,
    /// PEM certificates that the API server trusts the webhook by; without any, those
    /// of its system.
    pub ca_bundle: Option<String>,
    /// What becomes of a Pod while the validating webhook cannot be asked.
    pub failure_policy: FailurePolicy,
}

/// A registry, and the path segment under the gateway that leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRoute {
    pub host: RegistryHost,
    pub path: String,
}

/// Which names lead nodes to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeNames {
    /// Nodes have our mirror files: the names of upstreams do, too.
    Mirror,
    /// Only the gateway's own name does.
    RewriteOnly,
}

/// How the API server reaches the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Through the Service in the program's namespace.
    Service,
    /// `https://host[:port]`, outside the cluster.
    Url(String),
}

/// What the API server does with a request while a webhook cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    #[default]
    Ignore,
    Fail,
}

impl FailurePolicy {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "Ignore",
            Self::Fail => "Fail",
        }
    }
}

/// What runs the program in the cluster.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The program's own image; nodes must get it without the gateway.
    pub image: String,
    /// The text of `sekisho.toml`.
    pub config: String,
    /// Where the configuration keeps what must outlive a Pod.
    pub data_dir: String,
    pub ports: Ports,
    /// Of the volume at `data_dir`, in GiB.
    pub storage_gib: u64,
    pub replicas: Replicas,
}

/// How many Pods run the program, by where its ledger lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// The ledger is a file: one Pod, and a volume that outlives it.
    One,
    /// The ledger is a server's: so many Pods, each with a volume that ends with it.
    Shared(u32),
}

/// Where the program listens, by its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    pub registry: u16,
    pub webhook: u16,
    pub ops: u16,
    /// Absent where the admin API listens on loopback alone.
    pub admin: Option<u16>,
}

/// The minor version of Kubernetes 1 that the objects are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubernetesVersion(u32);

impl KubernetesVersion {
    /// The first with `ValidatingAdmissionPolicy`, and with conditions on webhooks.
    pub const FIRST: Self = Self(30);
    /// The first that serves `MutatingAdmissionPolicy` as v1.
    pub const MUTATES: Self = Self(36);

    pub(super) fn mutates(self) -> bool {
        self >= Self::MUTATES
    }
}

impl FromStr for KubernetesVersion {
    type Err = InstallationError;

    /// Reads `1.34`, and what versions carry behind it: `v1.34.2`.
    fn from_str(text: &str) -> Result<Self, InstallationError> {
        let refused = || InstallationError::Kubernetes(text.to_owned());
        let bare = text.strip_prefix('v').unwrap_or(text);
        let mut parts = bare.split('.');
        let minor = match (parts.next(), parts.next()) {
            (Some("1"), Some(minor)) => minor.parse().map(Self).map_err(|_| refused())?,
            _ => return Err(refused()),
        };
        match minor >= Self::FIRST {
            true => Ok(minor),
            false => Err(refused()),
        }
    }
}

impl Installation {
    /// Finds what could not be applied, or would not do what it says.
    ///
    /// # Errors
    /// [`InstallationError`], the first that is found.
    pub fn check(&self) -> Result<(), InstallationError> {
        if !is_dns_label(&self.cluster) {
            return Err(InstallationError::Cluster(self.cluster.clone()));
        }
        let mut namespaces = self.exempt().into_iter();
        if let Some(bad) = namespaces.find(|name| !is_dns_label(name)) {
            return Err(InstallationError::Namespace(bad.to_owned()));
        }
        if !is_host_in_names(self.gateway.as_str()) {
            return Err(InstallationError::Gateway(self.gateway.clone()));
        }
        if self.upstreams.is_empty() {
            return Err(InstallationError::NoUpstream);
        }
        match &self.endpoint {
            Endpoint::Url(url) if !is_https_origin(url) => Err(InstallationError::Url(url.clone())),
            _ => Ok(()),
        }
    }

    /// The namespaces that no webhook and no policy touches: the program's own first. Where
    /// it does not run, anybody might make a namespace by that name.
    pub(super) fn exempt(&self) -> Vec<&str> {
        let own = self.is_home().then_some(self.namespace.as_str());
        let mut names: Vec<&str> = own.into_iter().chain([SYSTEM_NAMESPACE]).collect();
        for name in &self.exempt_namespaces {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// Whether the program runs in the cluster.
    fn is_home(&self) -> bool {
        self.runs_here
            || match &self.endpoint {
                Endpoint::Service => true,
                Endpoint::Url(url) => is_service_in(&self.namespace, url),
            }
    }
}

/// Whether a URL leads to a Service in `namespace`: `https://NAME.NAMESPACE.svc…`.
fn is_service_in(namespace: &str, url: &str) -> bool {
    let host = url.strip_prefix("https://").unwrap_or(url);
    let host = host.split([':', '/']).next().unwrap_or_default();
    let mut labels = host.split('.').skip(1);
    labels.next() == Some(namespace) && labels.next() == Some("svc")
}

/// Refuses an image of the program that nodes would ask this very program for.
pub(super) fn check_image(image: &str, gateway: &RegistryHost) -> Result<(), InstallationError> {
    let parsed = ImageRef::parse(image, &RegistryHost::docker_hub());
    let parsed = parsed.map_err(|problem| InstallationError::Image {
        image: image.to_owned(),
        problem,
    })?;
    match parsed.repository().host() == gateway {
        true => Err(InstallationError::OwnImage(image.to_owned())),
        false => Ok(()),
    }
}

/// Whether the first component of an image name is read as a host.
fn is_host_in_names(host: &str) -> bool {
    host.contains(['.', ':']) || host == "localhost"
}

fn is_https_origin(url: &str) -> bool {
    url.strip_prefix("https://")
        .is_some_and(|authority| RegistryHost::parse(authority).is_ok())
}
