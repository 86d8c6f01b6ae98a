//! Registry hosts and repository names (distribution-spec, "Pulling manifests").

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest repository name that clients take, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Why a string is no host or repository name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a registry host is a lower-case DNS name or address with an optional port")]
    Host,
    #[error(
        "a repository name is lower-case components of letters, digits and . _ - parted by slashes"
    )]
    Repository,
    #[error("the name is longer than {MAX_NAME_BYTES} characters")]
    Long,
}

/// The authority of a registry, as image names write it: `docker.io`,
/// `registry.example:5000`. Docker Hub's aliases are one host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistryHost(Arc<str>);

impl RegistryHost {
    /// Docker Hub.
    pub const DOCKER_HUB: &'static str = "docker.io";

    /// Docker Hub, under its one name.
    pub fn docker_hub() -> Self {
        Self(Arc::from(Self::DOCKER_HUB))
    }

    /// Parses a host with an optional port. Upper case is refused, not folded:
    /// what one parser folds and another does not would name two registries.
    ///
    /// # Errors
    /// [`NameError`], with the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_NAME_BYTES {
            return Err(NameError::Long);
        }
        if !is_authority(text) {
            return Err(NameError::Host);
        }
        Ok(Self(Arc::from(canonical_host(text))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether names without a namespace are put under `library/` here.
    pub fn is_docker_hub(&self) -> bool {
        &*self.0 == Self::DOCKER_HUB
    }
}

fn canonical_host(text: &str) -> &str {
    match text.strip_suffix(":443").unwrap_or(text) {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => {
            RegistryHost::DOCKER_HUB
        }
        host => host,
    }
}

fn is_authority(text: &str) -> bool {
    let (host, port) = split_port(text);
    is_host(host) && port.is_none_or(is_port)
}

fn split_port(text: &str) -> (&str, Option<&str>) {
    let after_bracket = text.rfind(']').map_or(0, |at| at + 1);
    match text[after_bracket..].find(':') {
        Some(at) => {
            let colon = after_bracket + at;
            (&text[..colon], Some(&text[colon + 1..]))
        }
        None => (text, None),
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|n| n > 0)
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        // distribution/reference takes no dotted form of it.
        let inner = address.strip_suffix(']').filter(|it| !it.contains('.'));
        return inner.is_some_and(|it| it.parse::<std::net::Ipv6Addr>().is_ok());
    }
    !host.is_empty() && host.split('.').all(is_dns_label)
}

/// Whether `label` is a DNS label (RFC 1123), as components of hosts and the names of
/// namespaces are.
pub fn is_dns_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether `name` is a DNS subdomain (RFC 1123), as the names of Secrets are: labels with dots
/// between, 253 bytes at most.
pub fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_dns_label)
}

/// OCI `<name>`: what follows the host, without tag or digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(Arc<str>);

impl RepositoryName {
    /// Parses by the grammar of the distribution specification:
    /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/…)*`, at most 255 bytes.
    ///
    /// # Errors
    /// [`NameError`], with the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_NAME_BYTES {
            return Err(NameError::Long);
        }
        if !text.split('/').all(is_path_component) {
            return Err(NameError::Repository);
        }
        Ok(Self(Arc::from(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` is one component of a repository name.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    alphanumeric(*first)
        && alphanumeric(*last)
        && text
            .split(|c: char| c.is_ascii() && alphanumeric(c as u8))
            .all(|separator| {
                matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
            })
}

impl RepositoryName {
    /// Whether `text` could be one component of a name, as an upstream's path must be.
    pub fn is_component(text: &str) -> bool {
        text.len() <= MAX_NAME_BYTES && is_path_component(text)
    }
}

/// A repository of a registry: `docker.io/library/nginx`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    host: RegistryHost,
    name: RepositoryName,
}

impl Repository {
    /// Puts both together. On Docker Hub a name of one component lies under `library/`.
    pub fn new(host: RegistryHost, name: RepositoryName) -> Self {
        let official = host.is_docker_hub() && !name.as_str().contains('/');
        let name = if official {
            RepositoryName(Arc::from(format!("library/{}", name.as_str())))
        } else {
            name
        };
        Self { host, name }
    }

    /// Puts both together, if the name is not too long with what is put before it.
    ///
    /// # Errors
    /// [`NameError::Long`].
    pub fn try_new(host: RegistryHost, name: RepositoryName) -> Result<Self, NameError> {
        let repository = Self::new(host, name);
        let fits = repository.name.as_str().len() <= MAX_NAME_BYTES;
        fits.then_some(repository).ok_or(NameError::Long)
    }

    /// Parses `host/name`; the host must be written.
    ///
    /// # Errors
    /// [`NameError`], with the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (host, name) = text.split_once('/').ok_or(NameError::Repository)?;
        Self::try_new(RegistryHost::parse(host)?, RepositoryName::parse(name)?)
    }

    pub fn host(&self) -> &RegistryHost {
        &self.host
    }

    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// The scope asked of a token server to pull from here (distribution token spec).
    pub fn token_scope(&self) -> String {
        format!("repository:{}:pull", self.name.as_str())
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

macro_rules! text_value {
    ($type:ty, $error:ty) => {
        impl FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::parse(text)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use text_value;

text_value!(RegistryHost, NameError);
text_value!(RepositoryName, NameError);
text_value!(Repository, NameError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_names_of_the_grammar() {
        for good in [
            "a",
            "library/nginx",
            "a/b/c/d",
            "a.b",
            "a_b",
            "a__b",
            "a---b",
            "0/1",
        ] {
            assert!(RepositoryName::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn refuses_other_names() {
        let long = "a".repeat(256);
        for bad in [
            "", "/", "a/", "/a", "a//b", "A", "a..b", "..", "a/../b", "a___b", "-a", "a-", "a._b",
            "a%2fb", "a b", "é", "a:b", "a@b", &long,
        ] {
            assert!(RepositoryName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn docker_hub_has_one_name() {
        for alias in [
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io:443",
            "docker.io:443",
        ] {
            assert_eq!(
                RegistryHost::parse(alias).map(|h| h.to_string()),
                Ok("docker.io".into())
            );
        }
        assert_eq!(
            Repository::parse("index.docker.io/nginx").map(|r| r.to_string()),
            Ok("docker.io/library/nginx".into())
        );
    }

    #[test]
    fn a_name_is_not_made_too_long_by_what_is_put_before_it() {
        let name = |length: usize| format!("docker.io/{}", "a".repeat(length));
        assert!(Repository::parse(&name(255 - "library/".len())).is_ok());
        assert_eq!(Repository::parse(&name(248)), Err(NameError::Long));
    }

    #[test]
    fn refuses_other_hosts() {
        for bad in [
            "",
            "Docker.io",
            "docker.io.",
            ".docker.io",
            "a b",
            "a:0",
            "a:99999",
            "a:+1",
            "a:",
            "-a",
            "[::1",
            "[::ffff:127.0.0.1]",
            "http://a",
            "a/b",
            "a@b",
        ] {
            assert!(RegistryHost::parse(bad).is_err(), "{bad:?}");
        }
        for good in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:80",
            "[::1]:5000",
            "registry.corp",
        ] {
            assert!(RegistryHost::parse(good).is_ok(), "{good:?}");
        }
    }
}
