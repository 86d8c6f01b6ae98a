//! From settings to a store: S3 and what speaks its protocol, Google Cloud Storage, Azure
//! Blob Storage, or a folder that replicas share.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStoreScheme, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::blob_store::BlobStore;
use super::connector::TrustingConnector;
use super::credentials::pairs;
use super::error::RemoteError;

/// Where the remote tier lies, and how it is reached.
#[derive(Clone, Debug)]
pub struct RemoteOptions {
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or
    /// `file:///folder`.
    pub url: Url,
    /// Of the S3 server, where it is not Amazon's; of the Azure account, where it is not
    /// the public cloud's.
    pub endpoint: Option<Url>,
    /// Of S3.
    pub region: Option<String>,
    /// Whether the bucket stands in the path of requests, rather than in the host.
    pub path_style: bool,
    /// What a file of credentials holds; `None`: the environment's, web identity among
    /// them.
    pub credentials: Option<SecretString>,
    /// PEM certificates to trust besides the public ones.
    pub ca: Option<String>,
}

impl BlobStore {
    /// Sets up the store. Sends nothing yet.
    ///
    /// # Errors
    /// [`RemoteError::Unusable`] where the settings do not fit together.
    pub fn connect(options: &RemoteOptions) -> Result<Self, RemoteError> {
        let (scheme, path) =
            ObjectStoreScheme::parse(&options.url).map_err(RemoteError::unusable)?;
        match scheme {
            ObjectStoreScheme::Local => folder(&options.url),
            ObjectStoreScheme::AmazonS3 => s3(options, path),
            ObjectStoreScheme::GoogleCloudStorage => google(options, path),
            ObjectStoreScheme::MicrosoftAzure => azure(options, path),
            _ => {
                let hint = "write s3://bucket/prefix, gs://…, az://… or file:///folder";
                Err(RemoteError::Unusable(format!("no such kind; {hint}")))
            }
        }
    }
}

fn folder(url: &Url) -> Result<BlobStore, RemoteError> {
    let folder = url
        .to_file_path()
        .map_err(|()| RemoteError::Unusable("a folder is written file:///folder".to_owned()))?;
    std::fs::create_dir_all(&folder).map_err(RemoteError::unusable)?;
    let files = LocalFileSystem::new_with_prefix(folder).map_err(RemoteError::unusable)?;
    Ok(BlobStore::new(
        Arc::new(files.with_fsync(true)),
        None,
        Path::default(),
    ))
}

fn s3(options: &RemoteOptions, prefix: Path) -> Result<BlobStore, RemoteError> {
    let mut builder = match &options.credentials {
        None => AmazonS3Builder::from_env(),
        Some(text) => {
            let mut builder = AmazonS3Builder::new();
            for (name, value) in pairs(text.expose_secret())? {
                builder = builder.with_config(s3_credential(&name)?, value);
            }
            builder
        }
    };
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint_of(options, endpoint));
    }
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    let store = builder
        .with_url(options.url.as_str())
        .with_virtual_hosted_style_request(!options.path_style)
        .with_client_options(client_options(options))
        .with_retry(retry())
        .with_http_connector(TrustingConnector::new(options.ca.as_deref())?)
        .build();
    let store = Arc::new(store.map_err(RemoteError::unusable)?);
    Ok(BlobStore::new(store.clone(), Some(store), prefix))
}

fn s3_credential(name: &str) -> Result<AmazonS3ConfigKey, RemoteError> {
    Ok(match name {
        "aws_access_key_id" => AmazonS3ConfigKey::AccessKeyId,
        "aws_secret_access_key" => AmazonS3ConfigKey::SecretAccessKey,
        "aws_session_token" => AmazonS3ConfigKey::Token,
        _ => {
            let hint = "write aws_access_key_id, aws_secret_access_key and aws_session_token";
            return Err(RemoteError::Unusable(format!(
                "its credentials have a name that is unknown; {hint}"
            )));
        }
    })
}

/// With the bucket in its host where the path has none.
fn endpoint_of(options: &RemoteOptions, endpoint: &Url) -> String {
    let mut endpoint = endpoint.clone();
    if let (false, Some(bucket), Some(host)) = (
        options.path_style,
        options.url.host_str(),
        endpoint.host_str().map(str::to_owned),
    ) {
        let _same = endpoint.set_host(Some(&format!("{bucket}.{host}")));
    }
    endpoint.as_str().trim_end_matches('/').to_owned()
}

fn google(options: &RemoteOptions, prefix: Path) -> Result<BlobStore, RemoteError> {
    let builder = match &options.credentials {
        None => GoogleCloudStorageBuilder::from_env(),
        Some(key) => GoogleCloudStorageBuilder::new().with_service_account_key(key.expose_secret()),
    };
    let store = builder
        .with_url(options.url.as_str())
        .with_client_options(client_options(options))
        .with_retry(retry())
        .with_http_connector(TrustingConnector::new(options.ca.as_deref())?)
        .build();
    let store = Arc::new(store.map_err(RemoteError::unusable)?);
    Ok(BlobStore::new(store.clone(), Some(store), prefix))
}

fn azure(options: &RemoteOptions, prefix: Path) -> Result<BlobStore, RemoteError> {
    let mut builder = match &options.credentials {
        None => MicrosoftAzureBuilder::from_env(),
        Some(text) => {
            let mut builder = MicrosoftAzureBuilder::new();
            for (name, value) in pairs(text.expose_secret())? {
                let key = AzureConfigKey::from_str(&name).map_err(RemoteError::unusable)?;
                builder = builder.with_config(key, value);
            }
            builder
        }
    };
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/').to_owned());
    }
    let store = builder
        .with_url(options.url.as_str())
        .with_client_options(client_options(options))
        .with_retry(retry())
        .with_http_connector(TrustingConnector::new(options.ca.as_deref())?)
        .build();
    let store = Arc::new(store.map_err(RemoteError::unusable)?);
    Ok(BlobStore::new(store.clone(), Some(store), prefix))
}

/// Without TLS only where the endpoint says so.
fn client_options(options: &RemoteOptions) -> ClientOptions {
    let endpoint = options.endpoint.as_ref();
    ClientOptions::new().with_allow_http(endpoint.is_some_and(|it| it.scheme() == "http"))
}

/// Few: who reads has an upstream, and who writes has a queue.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: 1,
        retry_timeout: Duration::from_secs(20),
    }
}

impl BlobStore {
    /// A store that is made already.
    #[cfg(test)]
    pub(in crate::cache) fn over(objects: Arc<dyn object_store::ObjectStore>) -> Self {
        Self::new(objects, None, Path::default())
    }
}
