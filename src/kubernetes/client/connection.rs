//! The connection to one cluster's API.

use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::ClusterError;
use super::error::describe;

/// Longer than a watch lasts (290 s), so that only a dead connection meets it.
const READ_TIMEOUT: Duration = Duration::from_secs(300);
/// The timeout of one request to the API server, watches excepted.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Set by the kubelet in every container.
const SERVICE_HOST_VARIABLE: &str = "KUBERNETES_SERVICE_HOST";

/// The API of one cluster, with the credentials to use it. Cloning shares the
/// connections.
#[derive(Clone)]
pub struct KubernetesClient {
    client: Client,
}

impl KubernetesClient {
    /// By the given kubeconfig, in its current context; else by the service
    /// account of the Pod that this program runs in. None where there is
    /// neither: nothing can be known of the cluster then.
    ///
    /// Asks nothing of the API server yet. Must be called from within a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`ClusterError`] where what names the cluster cannot be read.
    pub async fn connect(kubeconfig: Option<&Path>) -> Result<Option<Self>, ClusterError> {
        let mut config = match kubeconfig {
            Some(path) => from_file(path).await?,
            None if std::env::var_os(SERVICE_HOST_VARIABLE).is_none() => return Ok(None),
            None => Config::incluster_env().map_err(ClusterError::ServiceAccount)?,
        };
        config.read_timeout = Some(READ_TIMEOUT);
        let client = Client::try_from(config).map_err(ClusterError::Client)?;
        Ok(Some(Self::new(client)))
    }

    /// The namespace of the Pod that this program runs in, or that of the
    /// kubeconfig's context.
    pub fn namespace(&self) -> &str {
        self.client.default_namespace()
    }

    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }
}

async fn from_file(path: &Path) -> Result<Config, ClusterError> {
    let failed = |source| ClusterError::Kubeconfig {
        path: path.to_owned(),
        source,
    };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    config.map_err(failed)
}

/// The answer to one question, or why there is none, in words.
pub(super) async fn with_timeout<T>(
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, String> {
    let called = tokio::time::timeout(REQUEST_TIMEOUT, call).await;
    let called =
        called.map_err(|_| format!("the API server did not answer in {REQUEST_TIMEOUT:?}"))?;
    called.map_err(|error| describe(&error))
}
