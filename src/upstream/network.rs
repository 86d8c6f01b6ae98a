//! What all upstreams share: the resolver and the public roots of trust.

use std::sync::Arc;

use hickory_resolver::TokioResolver;
use rustls::ClientConfig;

use super::allowed_hosts::AllowedHosts;
use super::resolver::{self, GuardedResolver};
use super::{ConfigError, UpstreamOptions};
use crate::http_client::{self, TrustedServers};

/// Made once and handed to every [`super::Upstream::new`].
#[derive(Clone)]
pub struct Network {
    resolver: Arc<TokioResolver>,
    public: Arc<TrustedServers>,
}

impl Network {
    /// Reads the system's name servers, hosts and certificates.
    ///
    /// # Errors
    /// [`ConfigError`] where the system's settings cannot be read.
    pub fn from_system() -> Result<Self, ConfigError> {
        Ok(Self {
            resolver: Arc::new(resolver::system()?),
            public: Arc::new(TrustedServers::public()),
        })
    }

    /// The client of one upstream. Redirects, retries, the environment's proxies,
    /// compression and cookies are off: what is sent where is decided by this room alone.
    pub(super) fn client(
        &self,
        config: &UpstreamOptions,
        allowed: &AllowedHosts,
    ) -> Result<reqwest::Client, ConfigError> {
        // Of the proxy alone a private address is expected; `Transport` looks at the rest.
        let proxy = config.proxy.as_ref();
        let mut trusted = allowed.trusted_names();
        trusted.extend(proxy.and_then(|proxy| proxy.url.host_str().map(str::to_owned)));
        let resolver = GuardedResolver::new(self.resolver.clone(), trusted);
        let client = http_client::client(self.tls(config)?)
            .dns_resolver(Arc::new(resolver))
            .connect_timeout(config.timeouts.connect)
            .read_timeout(config.timeouts.idle);
        let client = match proxy {
            Some(proxy) => client.proxy(proxy.route()?),
            None => client.no_proxy(),
        };
        Ok(client.build()?)
    }

    /// What a proxy may be asked for, where there is one: it resolves by itself.
    pub(super) fn guard(
        &self,
        config: &UpstreamOptions,
        allowed: &AllowedHosts,
    ) -> Option<GuardedResolver> {
        let guard = || GuardedResolver::new(self.resolver.clone(), allowed.trusted_names());
        config.proxy.is_some().then(guard)
    }

    fn tls(&self, config: &UpstreamOptions) -> Result<ClientConfig, ConfigError> {
        let mut trusted = TrustedServers::clone(&self.public);
        if let Some(pem) = &config.ca {
            let unusable = |_| ConfigError::Ca(config.name.clone());
            trusted.add(pem).map_err(unusable)?;
        }
        let mut tls = trusted.tls()?.with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(tls)
    }
}
