//! What all upstreams share: the resolver and the public roots of trust.

use std::sync::Arc;

use hickory_resolver::TokioResolver;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::allowed_hosts::AllowedHosts;
use super::resolver::{self, GuardedResolver};
use super::verifier::RegistryVerifier;
use super::{ConfigError, UpstreamOptions};

/// Made once and handed to every [`super::Upstream::new`].
#[derive(Clone)]
pub struct Network {
    resolver: Arc<TokioResolver>,
    roots: Arc<RootCertStore>,
}

impl Network {
    /// Reads the system's name servers, hosts and certificates. Mozilla's roots
    /// are built in, so an image without any works too.
    ///
    /// # Errors
    /// [`ConfigError`] where the system's settings cannot be read.
    pub fn from_system() -> Result<Self, ConfigError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Ok(Self {
            resolver: Arc::new(resolver::system()?),
            roots: Arc::new(roots),
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
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls(config)?)
            .dns_resolver(Arc::new(resolver))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("sekisho/", env!("CARGO_PKG_VERSION")))
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
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (roots, named) = (RootCertStore::clone(&self.roots), private_roots(config)?);
        let verifier = RegistryVerifier::new(roots, named, provider.clone())?;
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(tls)
    }
}

fn private_roots(config: &UpstreamOptions) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let Some(pem) = &config.ca else {
        return Ok(Vec::new());
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(ConfigError::Ca(config.name.clone())),
    }
}
