//! What a node's files should say, and whether an address is the gateway, compared as
//! runtimes compare it.

use std::net::Ipv6Addr;

use crate::nodes::GatewayUrl;
use crate::oci::RegistryHost;

/// What the files of a node should say.
#[derive(Clone, Debug)]
pub struct ExpectedNode {
    /// The gateways; each of them may be named, and nothing else.
    pub gateways: Vec<GatewayUrl>,
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

    /// Whether `url`, written as in a `hosts.toml`, is a gateway.
    pub(super) fn is_gateway(&self, url: &str) -> bool {
        let Some(origin) = RegistryOrigin::of_url(url) else {
            return false;
        };
        let own = |gateway: &GatewayUrl| RegistryOrigin::of_url(gateway.as_str());
        self.gateways
            .iter()
            .filter_map(own)
            .any(|own| own == origin)
    }

    /// Whether `location`, written as in `registries.conf`, lies at a gateway.
    pub(super) fn is_at_gateway(&self, location: &str) -> bool {
        let authority = location.split('/').next().unwrap_or(location);
        let is_own = |gateway: &GatewayUrl| authority.eq_ignore_ascii_case(gateway.authority());
        self.gateways.iter().any(is_own)
    }
}

/// Scheme, host and port; a default port is the same as none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryOrigin {
    is_plain: bool,
    host: String,
    port: u16,
}

impl RegistryOrigin {
    /// Reads an address as containerd does: what does not begin with `http` is a host
    /// behind `https://`. `None` for all that Go could read as another place, or not at
    /// all: then containerd goes to the registry itself.
    pub fn of_url(text: &str) -> Option<Self> {
        let (is_plain, rest) = match text.starts_with("http") {
            false => (false, text),
            true => match text.strip_prefix("https://") {
                Some(rest) => (false, rest),
                None => (true, text.strip_prefix("http://")?),
            },
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        path.bytes().all(plain).then_some(())?;
        Self::of_authority(is_plain, &authority.to_ascii_lowercase())
    }

    fn of_authority(is_plain: bool, authority: &str) -> Option<Self> {
        RegistryHost::parse(authority).ok()?;
        let after_bracket = authority.rfind(']').map_or(0, |at| at + 1);
        let default = if is_plain { 80 } else { 443 };
        let (host, port) = match authority[after_bracket..].find(':') {
            None => (authority, default),
            Some(at) => {
                let colon = after_bracket + at;
                (&authority[..colon], authority[colon + 1..].parse().ok()?)
            }
        };
        let host = canonical_address(host).unwrap_or_else(|| host.to_owned());
        Some(Self {
            is_plain,
            host,
            port,
        })
    }
}

/// An IPv6 address in brackets has many spellings.
fn canonical_address(host: &str) -> Option<String> {
    let inner = host.strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.parse::<Ipv6Addr>().ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_every_spelling_that_containerd_takes_for_the_same_place() {
        let of = |text| RegistryOrigin::of_url(text).unwrap();
        for text in [
            "gate.corp",
            "https://gate.corp:443/",
            "https://Gate.corp/v2",
        ] {
            assert_eq!(of(text), of("https://gate.corp"), "{text}");
        }
        assert_eq!(of("http://[0::1]:80"), of("http://[::1]"));
        assert_ne!(of("http://gate.corp"), of("https://gate.corp"));
        assert_ne!(of("gate.corp:444"), of("gate.corp"));
    }

    #[test]
    fn takes_nothing_that_go_reads_as_another_place() {
        for text in [
            "",
            "httpgate.corp:5080",
            "https:/gate.corp",
            "https:gate.corp",
            "https:\\\\gate.corp",
            "HTTPS://gate.corp",
            " https://gate.corp",
            "https://gate.corp ",
            "https://gate%2ecorp",
            "https://u@gate.corp",
            "https://gate.corp/%zz",
            "https://gate.corp?x",
            "https://gate.corp#x",
            "https://gate.corp:",
            "https://gate.corp:99999",
        ] {
            assert_eq!(RegistryOrigin::of_url(text), None, "{text}");
        }
    }
}
