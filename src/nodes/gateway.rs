//! Where nodes find the gateway, and for which registries it stands.

use std::fmt;

use super::NodesError;
use crate::oci::{RegistryHost, RepositoryName};

/// The address of the gateway as nodes reach it: scheme and authority, no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayUrl {
    text: String,
    authority_at: usize,
}

impl GatewayUrl {
    /// Parses `http://host[:port]` or `https://host[:port]`; one slash at the end is
    /// dropped.
    ///
    /// # Errors
    /// [`NodesError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, NodesError> {
        let refused = || NodesError::Url(text.to_owned());
        let bare = text.strip_suffix('/').unwrap_or(text);
        let authority = bare
            .strip_prefix("https://")
            .or_else(|| bare.strip_prefix("http://"))
            .ok_or_else(refused)?;
        RegistryHost::parse(authority).map_err(|_| refused())?;
        Ok(Self {
            text: bare.to_owned(),
            authority_at: bare.len() - authority.len(),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port, as written.
    pub fn authority(&self) -> &str {
        &self.text[self.authority_at..]
    }

    /// The host without its port; an IPv6 address in its brackets.
    pub fn host(&self) -> &str {
        self.parts().0
    }

    /// The port, written or by default.
    pub fn port(&self) -> u16 {
        let default = if self.is_plain() { 80 } else { 443 };
        let written = self.parts().1.and_then(|port| port.parse().ok());
        written.unwrap_or(default)
    }

    fn parts(&self) -> (&str, Option<&str>) {
        let authority = self.authority();
        let bracketed = authority.rfind(']').map_or(0, |at| at + 1);
        match authority[bracketed..].find(':') {
            Some(at) => {
                let (host, port) = authority.split_at(bracketed + at);
                (host, Some(&port[1..]))
            }
            None => (authority, None),
        }
    }

    /// Whether its host is an IPv6 address.
    pub(super) fn is_ipv6(&self) -> bool {
        self.authority().starts_with('[')
    }

    /// Whether the gateway is reached without TLS.
    pub fn is_plain(&self) -> bool {
        self.text.starts_with("http://")
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the mirror files are made from.
#[derive(Clone, Debug)]
pub struct NodeGateway {
    /// The gateways, in the order in which they are tried; at least one. What one of
    /// them denies the others deny too, since they judge by the same records.
    pub urls: Vec<GatewayUrl>,
    /// Each registry with its path segment under the gateway.
    pub registries: Vec<(RegistryHost, String)>,
    /// Registries that nodes go on asking themselves, as for the gateway's own image.
    /// One that is also in `registries` is direct.
    pub direct: Vec<RegistryHost>,
    pub ca: Option<NodeCa>,
}

/// Where a node finds the CA of the gateway's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeCa {
    /// At an absolute path on the node.
    At(String),
    /// At [`Runtime::ca_file`](super::Runtime::ca_file) beside the mirror files, wherever
    /// those are put.
    Beside,
}

impl NodeGateway {
    /// The registries that are pulled through the gateway.
    pub(super) fn mirrored(&self) -> impl Iterator<Item = &(RegistryHost, String)> {
        let direct = |host| self.direct.contains(host);
        self.registries
            .iter()
            .filter(move |(host, _)| !direct(host))
    }

    fn check_urls(&self) -> Result<(), NodesError> {
        if self.urls.is_empty() {
            return Err(NodesError::NoGateway);
        }
        for (index, url) in self.urls.iter().enumerate() {
            if self.urls[..index].contains(url) {
                return Err(NodesError::GatewayTwice(url.to_string()));
            }
        }
        Ok(())
    }

    /// Whether one of the gateways is named by an IPv6 address.
    pub(super) fn has_ipv6(&self) -> bool {
        self.urls.iter().any(GatewayUrl::is_ipv6)
    }

    pub(super) fn check(&self) -> Result<(), NodesError> {
        self.check_urls()?;
        let is_own = |host: &RegistryHost, url: &GatewayUrl| {
            RegistryHost::parse(url.authority()).as_ref() == Ok(host)
        };
        let itself = |host: &&RegistryHost| self.urls.iter().any(|url| is_own(host, url));
        let named = self.registries.iter().map(|(host, _)| host);
        if let Some(host) = named.chain(&self.direct).find(itself) {
            return Err(NodesError::GatewayItself(host.clone()));
        }
        for (index, (host, path)) in self.registries.iter().enumerate() {
            if !RepositoryName::is_component(path) {
                return Err(NodesError::Path(path.clone()));
            }
            let mut earlier = self.registries[..index].iter();
            match earlier.find(|(other, taken)| other == host || taken == path) {
                None => {}
                Some((other, _)) if other == host => return Err(NodesError::Twice(host.clone())),
                Some((other, _)) => {
                    return Err(NodesError::SamePath {
                        path: path.clone(),
                        first: other.clone(),
                        second: host.clone(),
                    });
                }
            }
        }
        match &self.ca {
            Some(NodeCa::At(ca)) if !is_absolute(ca) => Err(NodesError::Ca(ca.clone())),
            Some(NodeCa::At(_) | NodeCa::Beside) | None => Ok(()),
        }
    }
}

/// An absolute path on the node, which need not run the system that plans.
fn is_absolute(path: &str) -> bool {
    path.starts_with('/') && !path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_scheme_host_and_port() {
        let url = GatewayUrl::parse("https://gate.example:5443/").unwrap();
        assert_eq!(url.as_str(), "https://gate.example:5443");
        assert_eq!(url.authority(), "gate.example:5443");
        assert!(!url.is_plain());
        assert_eq!((url.host(), url.port()), ("gate.example", 5443));
        let port = |text| GatewayUrl::parse(text).unwrap().port();
        let six = GatewayUrl::parse("https://[fd00::1]:81").unwrap();
        assert_eq!((six.host(), six.is_ipv6()), ("[fd00::1]", true));
        assert_eq!(port("https://gate.example"), 443);
        assert_eq!(
            (port("http://[fd00::1]"), port("http://[fd00::1]:81")),
            (80, 81)
        );
        assert!(
            GatewayUrl::parse("http://10.0.0.1:5080")
                .unwrap()
                .is_plain()
        );
    }

    #[test]
    fn refuses_what_is_no_address() {
        for bad in [
            "",
            "gate.example:5080",
            "ftp://gate.example",
            "https://",
            "https://gate.example/v2",
            "https://gate.example//",
            "https://user@gate.example",
            "https://gate.example?x",
            "https://Gate.example",
            "https://gate.example:port",
            "https://gate.example\"\n",
        ] {
            assert!(GatewayUrl::parse(bad).is_err(), "{bad:?}");
        }
    }
}
