//! What a node's files should say, and whether an address is the gateway, compared as
//! runtimes compare it.

use url::{Origin, Url};

use crate::nodes::GatewayUrl;
use crate::oci::RegistryHost;

/// What the files of a node should say.
#[derive(Clone, Debug)]
pub struct ExpectedNode {
    pub gateway: GatewayUrl,
    /// Registries that must lead to the gateway even where a runtime knows no default.
    pub registries: Vec<RegistryHost>,
    /// Registries that may be asked directly.
    pub direct: Vec<RegistryHost>,
}

impl ExpectedNode {
    /// Whether a registry may be asked directly.
    pub fn is_direct(&self, host: &str) -> bool {
        let parsed = RegistryHost::parse(host);
        parsed.is_ok_and(|host| self.direct.contains(&host))
    }

    /// Whether `url`, written as in a `hosts.toml`, is the gateway.
    pub(super) fn is_gateway(&self, url: &str) -> bool {
        let own = RegistryOrigin::of_url(self.gateway.as_str());
        own.is_some() && own == RegistryOrigin::of_url(url)
    }

    /// Whether `location`, written as in `registries.conf`, lies at the gateway.
    pub(super) fn is_at_gateway(&self, location: &str) -> bool {
        let authority = location.split('/').next().unwrap_or(location);
        authority.eq_ignore_ascii_case(self.gateway.authority())
    }
}

/// Scheme, host and port; a default port is the same as none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryOrigin(Origin);

impl RegistryOrigin {
    /// Reads an address as containerd does: without a scheme it is https.
    pub fn of_url(text: &str) -> Option<Self> {
        let whole = match text.contains("://") {
            true => text.to_owned(),
            false => format!("https://{text}"),
        };
        let url = Url::parse(&whole).ok()?;
        let usable = matches!(url.scheme(), "http" | "https") && url.has_host();
        usable.then(|| Self(url.origin()))
    }
}
