//! How one cluster's API is reached.

use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::ClusterError;
use super::error::in_words;

/// Longer than a watch lasts (290 s), so that only a dead connection meets it.
const READ: Duration = Duration::from_secs(300);
/// How long one question to the API server may take; watches are not questions.
const QUESTION: Duration = Duration::from_secs(10);
/// Set by the kubelet in every container.
const IN_CLUSTER: &str = "KUBERNETES_SERVICE_HOST";

/// The API of one cluster, with the credentials to use it. Cloning shares the
/// connections.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

impl Cluster {
    /// By the given kubeconfig, in its current context; else by the service
    /// account of the Pod that this program runs in. None where there is
    /// neither: nothing can be known of the cluster then.
    ///
    /// Asks nothing of the API server yet. Must be called from within a tokio
    /// runtime.
    pub async fn connect(kubeconfig: Option<&Path>) -> Result<Option<Self>, ClusterError> {
        let mut config = match kubeconfig {
            Some(path) => from_file(path).await?,
            None if std::env::var_os(IN_CLUSTER).is_none() => return Ok(None),
            None => Config::incluster_env().map_err(ClusterError::ServiceAccount)?,
        };
        config.read_timeout = Some(READ);
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
pub(super) async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
    let called = tokio::time::timeout(QUESTION, call).await;
    let called = called.map_err(|_| format!("the API server did not answer in {QUESTION:?}"))?;
    called.map_err(|error| in_words(&error))
}
