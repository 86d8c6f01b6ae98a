//! A first client: anonymous, without retries.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::metrics::Metrics;
use crate::oci::*;
use crate::tasks::Tasks;

#[derive(Clone, Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("not found")]
    NotFound,
    #[error("protocol: {0}")]
    Protocol(String),
}
impl UpstreamError {
    pub fn retry_after(&self) -> Option<Duration> {
        None
    }
    pub fn protocol(s: String) -> Self {
        Self::Protocol(s)
    }
}
fn p(e: impl std::fmt::Display) -> UpstreamError {
    UpstreamError::Protocol(e.to_string())
}
pub struct Upstream {
    client: reqwest::Client,
    base: String,
}
pub struct ManifestHead {
    pub digest: Digest,
}
pub struct FetchedManifest {
    pub media_type: MediaType,
    pub bytes: Bytes,
}
pub struct TagPage {
    pub tags: Vec<Tag>,
    pub more: bool,
}
pub struct Config {
    pub name: RegistryHost,
    pub url: url::Url,
    pub credentials: Option<Credentials>,
    pub ca_pem: Option<String>,
    pub token_hosts: Vec<String>,
    pub redirect_hosts: Vec<String>,
}
pub enum Credentials {
    Basic {
        username: String,
        password: SecretString,
    },
}
impl Credentials {
    pub fn of_docker_config(
        _: &SecretString,
        _: &RegistryHost,
    ) -> Result<Option<Self>, UpstreamError> {
        Ok(None)
    }
}
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
impl Upstream {
    pub fn new(c: Config, _: Metrics) -> Result<Self, UpstreamError> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Ok(Self {
            client: reqwest::Client::builder().build().map_err(p)?,
            base: c.url.as_str().trim_end_matches('/').to_owned(),
        })
    }
    async fn ask(
        &self,
        m: reqwest::Method,
        path: String,
        off: u64,
    ) -> Result<reqwest::Response, UpstreamError> {
        let mut r = self
            .client
            .request(m, format!("{}/v2/{path}", self.base))
            .header("accept", ACCEPT);
        if off > 0 {
            r = r.header("range", format!("bytes={off}-"));
        }
        let r = r.send().await.map_err(p)?;
        match r.status().as_u16() {
            200 | 206 => Ok(r),
            404 => Err(UpstreamError::NotFound),
            s => Err(p(format!("status {s}"))),
        }
    }
    pub async fn head_manifest(
        &self,
        n: &RepositoryName,
        r: &Reference,
    ) -> Result<ManifestHead, UpstreamError> {
        let a = self
            .ask(reqwest::Method::HEAD, format!("{n}/manifests/{r}"), 0)
            .await?;
        let d = a
            .headers()
            .get("docker-content-digest")
            .and_then(|v| v.to_str().ok())
            .ok_or_else(|| p("no digest"))?;
        Ok(ManifestHead {
            digest: Digest::parse(d).map_err(p)?,
        })
    }
    pub async fn get_manifest(
        &self,
        n: &RepositoryName,
        r: &Reference,
    ) -> Result<FetchedManifest, UpstreamError> {
        let a = self
            .ask(reqwest::Method::GET, format!("{n}/manifests/{r}"), 0)
            .await?;
        let t = a
            .headers()
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Ok(FetchedManifest {
            media_type: MediaType::new(&t),
            bytes: a.bytes().await.map_err(p)?,
        })
    }
    pub async fn head_blob(&self, n: &RepositoryName, d: &Digest) -> Result<u64, UpstreamError> {
        self.ask(reqwest::Method::HEAD, format!("{n}/blobs/{d}"), 0)
            .await
            .map(|_| 0)
    }
    pub async fn get_blob(
        &self,
        n: &RepositoryName,
        d: &Digest,
        off: u64,
    ) -> Result<BoxStream<'static, Result<Bytes, UpstreamError>>, UpstreamError> {
        let a = self
            .ask(reqwest::Method::GET, format!("{n}/blobs/{d}"), off)
            .await?;
        Ok(a.bytes_stream().map(|r| r.map_err(p)).boxed())
    }
    pub async fn read_blob(
        &self,
        n: &RepositoryName,
        d: &Digest,
        _: u64,
    ) -> Result<Bytes, UpstreamError> {
        self.ask(reqwest::Method::GET, format!("{n}/blobs/{d}"), 0)
            .await?
            .bytes()
            .await
            .map_err(p)
    }
    pub async fn tags(
        &self,
        n: &RepositoryName,
        _: usize,
        _: Option<&Tag>,
    ) -> Result<TagPage, UpstreamError> {
        let a = self
            .ask(reqwest::Method::GET, format!("{n}/tags/list"), 0)
            .await?;
        let v: serde_json::Value = a.json().await.map_err(p)?;
        let tags = v["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|t| Tag::parse(t.as_str()?).ok())
            .collect();
        Ok(TagPage { tags, more: false })
    }
    pub async fn referrers(
        &self,
        _: &RepositoryName,
        _: &Digest,
        _: Option<&MediaType>,
    ) -> Result<Option<Bytes>, UpstreamError> {
        Ok(None)
    }
    pub fn health(&self) -> Health {
        Health::Unknown
    }
}
pub enum Health {
    Unknown,
    Up,
    BackingOff(String),
    Down(String),
}
pub struct TagMemory(Arc<Upstream>);
pub struct Found {
    pub digest: Digest,
    pub stale: bool,
}
impl TagMemory {
    pub fn new(u: Arc<Upstream>, _: SignedDuration, _: Tasks) -> Self {
        Self(u)
    }
    pub fn peek(&self, _: &RepositoryName, _: &Tag, _: Timestamp) -> Option<Digest> {
        None
    }
    pub fn last_known(&self, _: &RepositoryName, _: &Tag) -> Option<Digest> {
        None
    }
    pub fn forget(&self, _: &RepositoryName, _: &Tag) {}
    pub async fn resolve(
        &self,
        n: &RepositoryName,
        t: &Tag,
        _: Timestamp,
    ) -> Result<Found, UpstreamError> {
        let h = self.0.head_manifest(n, &Reference::Tag(t.clone())).await?;
        Ok(Found {
            digest: h.digest,
            stale: false,
        })
    }
}
