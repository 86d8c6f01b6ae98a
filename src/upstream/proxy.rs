//! The way out by an egress proxy.

use reqwest::NoProxy;
use secrecy::ExposeSecret;
use url::Url;

use super::UpstreamCredentials;

/// Where calls go out, if not directly. Its credentials are shown to it alone.
#[derive(Clone, Debug)]
pub struct EgressProxy {
    /// `http` or `https`, host and port.
    pub url: Url,
    pub credentials: Option<UpstreamCredentials>,
    /// Hosts that are reached directly, as `NO_PROXY` lists them.
    pub except: String,
}

impl EgressProxy {
    pub(super) fn route(&self) -> Result<reqwest::Proxy, reqwest::Error> {
        let proxy = reqwest::Proxy::all(self.url.clone())?;
        let proxy = proxy.no_proxy(NoProxy::from_string(&self.except));
        Ok(match &self.credentials {
            None => proxy,
            Some(shown) => proxy.basic_auth(&shown.username, shown.password.expose_secret()),
        })
    }
}
