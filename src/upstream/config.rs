//! Options of an upstream's client.

use std::time::Duration;

use url::Url;

use crate::oci::{RegistryHost, RepositoryName};
use crate::replica_count::ReplicaCount;

use super::{CredentialSource, EgressProxy, HostPattern, is_api_url};

/// One remote registry and how it is asked.
#[derive(Clone, Debug)]
pub struct UpstreamOptions {
    /// The host in image names.
    pub name: RegistryHost,
    /// The segment under the gateway; one component of a repository name.
    pub path: String,
    /// Where its API lies: http or https, host, port, and rarely a path, below which
    /// `/v2/` lies or in which it stands.
    pub url: Url,
    pub credentials: Option<CredentialSource>,
    /// The way out; `None`: directly.
    pub proxy: Option<EgressProxy>,
    /// PEM certificates trusted beside the public ones, for this upstream alone.
    pub ca: Option<Vec<u8>>,
    /// Where its token server may lie, beside its own authority.
    pub token_hosts: Vec<HostPattern>,
    /// Where its manifests, lists and blobs may lie, beside its own authority.
    pub redirect_hosts: Vec<HostPattern>,
    /// Short calls at once, as many transfers of blobs, and as many readings of
    /// manifests and configs for judgement.
    pub max_concurrent: usize,
    /// Who shares `max_concurrent`.
    pub replicas: ReplicaCount,
    pub timeouts: Timeouts,
    pub retries: Retries,
    pub cool_down: CoolDown,
    /// Whether it is told, by `traceparent`, which trace asks.
    pub traceparent: bool,
    /// How long a tag's digest is believed.
    pub tag_ttl: Duration,
    /// How long a tag's absence is believed; never longer than `tag_ttl`.
    pub absent_ttl: Duration,
    /// Memory for tags at most, in bytes.
    pub tag_memory: u64,
}

/// How long an upstream may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub connect: Duration,
    /// Until the head of one answer.
    pub head: Duration,
    /// Until a call's answer, tries and pauses included; as long again for the
    /// body of a manifest or a list.
    pub call: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
}

/// How often a call is tried.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// The first one included.
    pub tries: u32,
    /// Pause after the first try; doubled after each, with jitter.
    pub first_pause: Duration,
    /// The longest pause. What asks for more by Retry-After is not tried again.
    pub max_pause: Duration,
}

/// When an upstream that keeps failing is left alone.
#[derive(Clone, Copy, Debug)]
pub struct CoolDown {
    /// Failed tries in a row that begin one.
    pub after: u32,
    /// Its length at first; doubled with each further failure.
    pub first: Duration,
    /// The longest, a Retry-After included.
    pub max: Duration,
}

/// Why an upstream cannot be set up. The texts say what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "upstream {0}: url must be http:// or https://, a host and perhaps a plain path, \
         without credentials or query"
    )]
    Url(RegistryHost),
    #[error("upstream {0}: path must be one lower-case component of a name; set path")]
    Path(RegistryHost),
    #[error("upstream {0}: ca holds no PEM certificate that can be read")]
    Ca(RegistryHost),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("names cannot be resolved: {0}")]
    Resolver(String),
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

impl UpstreamOptions {
    /// What is usual of [`Self::max_concurrent`].
    pub const MAX_CONCURRENT: usize = 64;

    /// The registry `name` at `url`, with the defaults of the configuration file.
    pub fn new(name: RegistryHost, url: Url) -> Self {
        Self {
            path: name.as_str().to_owned(),
            name,
            url,
            credentials: None,
            proxy: None,
            ca: None,
            token_hosts: Vec::new(),
            redirect_hosts: Vec::new(),
            max_concurrent: Self::MAX_CONCURRENT,
            replicas: ReplicaCount::default(),
            timeouts: Timeouts::default(),
            retries: Retries::default(),
            cool_down: CoolDown::default(),
            traceparent: false,
            tag_ttl: Duration::from_secs(60),
            absent_ttl: Duration::from_secs(10),
            tag_memory: 32 << 20,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !RepositoryName::is_component(&self.path) {
            return Err(ConfigError::Path(self.name.clone()));
        }
        match is_api_url(&self.url) {
            true => Ok(()),
            false => Err(ConfigError::Url(self.name.clone())),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(10),
            call: Duration::from_secs(20),
            idle: Duration::from_secs(30),
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            tries: 4,
            first_pause: Duration::from_millis(200),
            max_pause: Duration::from_secs(5),
        }
    }
}

impl Default for CoolDown {
    fn default() -> Self {
        Self {
            after: 5,
            first: Duration::from_secs(2),
            max: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, url: &str) -> Result<(), ConfigError> {
        UpstreamOptions::new(RegistryHost::parse(name).unwrap(), url.parse().unwrap()).check()
    }

    #[test]
    fn wants_a_path_where_the_name_is_none() {
        assert!(check("docker.io", "https://registry-1.docker.io").is_ok());
        let ported = check("registry.corp:5000", "https://registry.corp:5000");
        assert!(matches!(ported, Err(ConfigError::Path(_))));
    }

    #[test]
    fn refuses_urls_that_say_too_much() {
        for url in [
            "ftp://a.test/",
            "https://me:secret@a.test/",
            "https://a.test/?x",
            "https://a.test/#x",
        ] {
            assert!(
                matches!(check("a.test", url), Err(ConfigError::Url(_))),
                "{url}"
            );
        }
    }
}
