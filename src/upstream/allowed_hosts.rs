//! Allowed hosts: where an upstream's realms and redirects may lead.
//!
//! CVE-2026-33540 and its like: a registry names a token server, and the proxy hands it
//! the credentials. Here a realm or redirect must lead to the upstream's own authority or
//! to a listed one.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use url::{Host, Url};

use super::{HostRefusal, UpstreamError};
use crate::oci::printable;

const HUB_HOSTS: [&str; 3] = ["registry-1.docker.io", "index.docker.io", "docker.io"];
const HUB_TOKEN_HOSTS: [&str; 1] = ["auth.docker.io"];
const HUB_REDIRECT_HOSTS: [&str; 3] = [
    "production.cloudflare.docker.com",
    "production.cloudfront.docker.com",
    "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com",
];

/// Hosts that an operator lists: `host`, `host:port`, or `*.suffix[:port]`.
///
/// Without a port it is the scheme's own. A wildcard stands for names, never
/// for addresses, and does not vouch for names that lie at private ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// Without the `*.`.
    name: String,
    port: Option<u16>,
    wildcard: bool,
}

/// Why a string is no host pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a host as host, host:port or *.suffix, without scheme or path")]
pub struct HostPatternError;

impl HostPattern {
    /// Reads `host`, `host:port` or `*.suffix`.
    ///
    /// # Errors
    /// [`HostPatternError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let authority = !rest.is_empty() && !rest.contains(['/', '@', '?', '#', '\\', '*']);
        let url = Url::parse(&format!("https://{rest}/")).map_err(|_| HostPatternError)?;
        let name = url.host().filter(|_| authority).ok_or(HostPatternError)?;
        if wildcard && !matches!(name, Host::Domain(_)) {
            return Err(HostPatternError);
        }
        Ok(Self {
            name: name.to_string(),
            port: url.port(),
            wildcard,
        })
    }

    fn matches(&self, url: &Url) -> bool {
        let port = self.port.or_else(|| default_port(url));
        url.port_or_known_default() == port && self.matches_name(url)
    }

    fn matches_name(&self, url: &Url) -> bool {
        match (url.host(), self.wildcard) {
            (Some(Host::Domain(host)), true) => host
                .strip_suffix(&self.name)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            (Some(host), false) => host.to_string() == self.name,
            _ => false,
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        Self::parse(text)
    }
}

fn default_port(url: &Url) -> Option<u16> {
    match url.scheme() {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

/// What one upstream may reach.
#[derive(Clone, Debug)]
pub(super) struct AllowedHosts {
    own: Url,
    token_hosts: Vec<HostPattern>,
    redirect_hosts: Vec<HostPattern>,
}

impl AllowedHosts {
    pub(super) fn new(
        own: &Url,
        token_hosts: &[HostPattern],
        redirect_hosts: &[HostPattern],
    ) -> Self {
        Self {
            own: own.clone(),
            token_hosts: token_hosts.to_vec(),
            redirect_hosts: redirect_hosts.to_vec(),
        }
    }

    /// Whether a token may be asked for at `realm`, and credentials shown there.
    pub(super) fn check_realm(&self, realm: &Url) -> Result<(), UpstreamError> {
        self.check(&self.own, realm, &self.token_hosts, &HUB_TOKEN_HOSTS)
    }

    /// Whether an anonymous token for `at`, where a redirect led, may be asked for at
    /// `realm`.
    pub(super) fn check_anonymous_realm(&self, at: &Url, realm: &Url) -> Result<(), UpstreamError> {
        self.check(at, realm, &self.token_hosts, &[])
    }

    /// Whether a redirect may be followed.
    pub(super) fn check_redirect(&self, from: &Url, to: &Url) -> Result<(), UpstreamError> {
        self.check(from, to, &self.redirect_hosts, &HUB_REDIRECT_HOSTS)
    }

    /// Names that may lie at private addresses: the upstream's own and those
    /// listed in full.
    pub(super) fn trusted_names(&self) -> HashSet<String> {
        let listed = self.token_hosts.iter().chain(&self.redirect_hosts);
        let exact = listed.filter(|pattern| !pattern.wildcard);
        let own = self.own.host_str().map(str::to_owned);
        exact
            .map(|pattern| pattern.name.clone())
            .chain(own)
            .collect()
    }

    fn check(
        &self,
        from: &Url,
        to: &Url,
        listed: &[HostPattern],
        known: &[&str],
    ) -> Result<(), UpstreamError> {
        let refuse = |why| Err(refused(to, why));
        if !to.username().is_empty() || to.password().is_some() {
            return refuse(HostRefusal::UserInfo);
        }
        let plain = to.scheme() == "http" && from.scheme() == "http" && self.own.scheme() == "http";
        if to.scheme() != "https" && !plain {
            return refuse(HostRefusal::Downgrade);
        }
        // `from` was allowed itself.
        let own = same_authority(&self.own, to) || same_authority(from, to);
        if own || listed.iter().any(|host| host.matches(to)) || self.is_known(to, known) {
            return Ok(());
        }
        refuse(HostRefusal::NotListed)
    }

    /// Docker Hub's own helpers, for Docker Hub alone: a mirror that calls
    /// itself docker.io has credentials of another sort.
    fn is_known(&self, to: &Url, known: &[&str]) -> bool {
        let is_one_of = |url: &Url, hosts: &[&str]| {
            url.port().is_none() && url.host_str().is_some_and(|host| hosts.contains(&host))
        };
        is_one_of(&self.own, &HUB_HOSTS) && is_one_of(to, known)
    }
}

/// Whether both lie at one host and port.
pub(super) fn same_authority(one: &Url, other: &Url) -> bool {
    one.host() == other.host() && one.port_or_known_default() == other.port_or_known_default()
}

pub(super) fn refused(url: &Url, why: HostRefusal) -> UpstreamError {
    let host = match url.host_str() {
        Some(host) if !host.is_empty() => Arc::from(host),
        // An address of a file has none.
        _ => Arc::from(format!("a {}: address", printable(url.scheme(), 32))),
    };
    UpstreamError::RefusedHost { host, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(own: &str, hosts: &[&str]) -> AllowedHosts {
        let hosts: Vec<_> = hosts
            .iter()
            .map(|h| HostPattern::parse(h).unwrap())
            .collect();
        AllowedHosts::new(&own.parse().unwrap(), &hosts, &hosts)
    }

    fn why(allowed: &AllowedHosts, realm: &str) -> Option<HostRefusal> {
        match allowed.check_realm(&realm.parse().unwrap()) {
            Err(UpstreamError::RefusedHost { why, .. }) => Some(why),
            Err(error) => panic!("{error}"),
            Ok(()) => None,
        }
    }

    #[test]
    fn allows_its_own_authority_and_listed_ones() {
        let allowed = allowed(
            "https://r.corp:5000",
            &["auth.corp", "sso.corp:8443", "*.cdn.corp"],
        );
        for realm in [
            "https://r.corp:5000/token",
            "https://auth.corp/token",
            "https://sso.corp:8443/t",
            "https://a.cdn.corp/",
            "https://a.b.cdn.corp/",
        ] {
            assert_eq!(why(&allowed, realm), None, "{realm}");
        }
    }

    #[test]
    fn refuses_hosts_that_only_look_like_its_own() {
        let allowed = allowed("https://r.corp:5000", &["auth.corp", "*.cdn.corp"]);
        for realm in [
            "https://r.corp/token",
            "https://r.corp:5001/token",
            "https://r.corp.evil.test:5000/",
            "https://evilauth.corp/",
            "https://auth.corp:8443/",
            "https://auth.corp./",
            "https://cdn.corp/",
            "https://evilcdn.corp/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://auth.docker.io/token",
        ] {
            assert_eq!(
                why(&allowed, realm),
                Some(HostRefusal::NotListed),
                "{realm}"
            );
        }
    }

    #[test]
    fn never_leaves_https() {
        let own = allowed("https://r.corp", &["auth.corp"]);
        for realm in ["http://r.corp/", "http://auth.corp/", "ftp://auth.corp/"] {
            assert_eq!(why(&own, realm), Some(HostRefusal::Downgrade), "{realm}");
        }
        assert_eq!(
            why(&allowed("http://r.corp", &[]), "http://r.corp/token"),
            None
        );
        let plain = allowed("http://r.corp", &["auth.corp"]);
        let (https, http) = ("https://auth.corp/".parse(), "http://r.corp/".parse());
        assert!(
            plain
                .check_redirect(&https.unwrap(), &http.unwrap())
                .is_err()
        );
    }

    #[test]
    fn an_address_without_a_host_is_named_by_its_scheme() {
        for (to, told) in [
            (
                "file:///etc/passwd",
                "leads to a file: address, which is not",
            ),
            (
                "data:text/plain,x",
                "leads to a data: address, which is not",
            ),
            ("ftp://auth.corp/x", "leads to auth.corp, which is not"),
        ] {
            let refused = allowed("https://r.corp", &[]).check_realm(&to.parse().unwrap());
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn refuses_credentials_in_a_realm() {
        let own = allowed("https://r.corp", &[]);
        let realm = "https://me:secret@r.corp/";
        assert_eq!(why(&own, realm), Some(HostRefusal::UserInfo));
    }

    #[test]
    fn docker_hub_knows_its_helpers() {
        let hub = allowed("https://registry-1.docker.io", &[]);
        assert_eq!(why(&hub, "https://auth.docker.io/token"), None);
        let from = "https://registry-1.docker.io/".parse().unwrap();
        let to = "https://production.cloudflare.docker.com/x"
            .parse()
            .unwrap();
        assert_eq!(hub.check_redirect(&from, &to), Ok(()));
        assert!(!hub.trusted_names().contains("auth.docker.io"));
    }

    #[test]
    fn refuses_other_patterns() {
        for bad in [
            "",
            "*.",
            "*",
            "https://a",
            "a/b",
            "u@a",
            "*.1.2.3.4",
            "a:x",
            "*.*.a",
        ] {
            assert!(HostPattern::parse(bad).is_err(), "{bad:?}");
        }
    }
}
