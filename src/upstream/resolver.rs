//! Names to addresses, with the guard where it cannot be walked around: the
//! addresses that are judged are those that are connected.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::ConfigError;
use super::address::is_internal;

/// The name resolves to a private address and is not listed.
#[derive(Debug, thiserror::Error)]
#[error("the name lies at a private address")]
pub(super) struct PrivateAddress;

/// A resolver after `/etc/resolv.conf` and `/etc/hosts`, read once. Without
/// name servers only `/etc/hosts` answers.
pub(super) fn system() -> Result<TokioResolver, ConfigError> {
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|_| {
        TokioResolver::builder_with_config(
            ResolverConfig::from_parts(None, Vec::new(), Vec::new()),
            TokioRuntimeProvider::default(),
        )
    });
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    builder
        .build()
        .map_err(|error| ConfigError::Resolver(error.to_string()))
}

/// Resolves for one upstream.
pub(super) struct GuardedResolver {
    resolver: Arc<TokioResolver>,
    /// Names that may lie at private addresses.
    trusted: Arc<HashSet<String>>,
}

impl GuardedResolver {
    pub(super) fn new(resolver: Arc<TokioResolver>, trusted: HashSet<String>) -> Self {
        let trusted = Arc::new(trusted);
        Self { resolver, trusted }
    }
}

impl GuardedResolver {
    /// Whether a name may be handed to a proxy. What does not resolve here is the
    /// proxy's to resolve.
    pub(super) async fn check(&self, name: &str) -> Result<(), PrivateAddress> {
        if self.trusted.contains(name) {
            return Ok(());
        }
        match lookup(&self.resolver, name).await {
            Ok(found) if found.iter().copied().any(is_internal) => Err(PrivateAddress),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, trusted) = (self.resolver.clone(), self.trusted.clone());
        Box::pin(async move {
            let found = lookup(&resolver, name.as_str()).await?;
            // One private address among public ones would be a way in as well.
            if !trusted.contains(name.as_str()) && found.iter().copied().any(is_internal) {
                return Err(PrivateAddress.into());
            }
            let addresses = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

async fn lookup(
    resolver: &TokioResolver,
    name: &str,
) -> Result<Vec<IpAddr>, Box<dyn std::error::Error + Send + Sync>> {
    // RFC 6761, section 6.3: never asked of a name server.
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    Ok(resolver.lookup_ip(name).await?.iter().collect())
}
