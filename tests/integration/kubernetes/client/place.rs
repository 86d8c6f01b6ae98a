//! The API server that these tests share, each in a namespace of its own.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use sekisho::kubernetes::client::KubernetesClient;

use crate::lab::Missing;
use crate::lab::kubernetes::{ControlPlane, Kubectl, User, Version, shared};

pub struct Place {
    shared: &'static Shared,
    pub namespace: &'static str,
}

/// kubectl is made once: each making writes the kubeconfig that others may read.
struct Shared {
    control: ControlPlane,
    kubectl: Kubectl,
}

impl Place {
    /// `namespace` is new, and no other test's.
    pub fn new(namespace: &'static str) -> Result<Self, Missing> {
        static SHARED: OnceLock<Result<Shared, Missing>> = OnceLock::new();
        let shared = shared(&SHARED, Shared::start)?;
        shared.kubectl.create_namespace(namespace);
        Ok(Self { shared, namespace })
    }

    pub fn kubectl(&self) -> &Kubectl {
        &self.shared.kubectl
    }

    /// Creates objects in the namespace.
    pub fn create(&self, yaml: &str) {
        let place = format!("namespace: {}", self.namespace);
        self.kubectl()
            .applied(&yaml.replace("namespace: HERE", &place));
    }

    /// The cluster, as its admin sees it.
    pub async fn connect(&self) -> KubernetesClient {
        connect(self.kubectl().kubeconfig()).await
    }

    /// The cluster, as somebody sees it who has no rights in it.
    pub async fn connect_without_rights(&self) -> KubernetesClient {
        connect(&self.shared.control.kubeconfig(User::Developer)).await
    }
}

impl Shared {
    fn start() -> Result<Self, Missing> {
        let control = ControlPlane::start(Version::V1_37)?;
        let kubectl = control.kubectl();
        Ok(Self { control, kubectl })
    }
}

async fn connect(kubeconfig: &Path) -> KubernetesClient {
    let cluster = KubernetesClient::connect(Some(kubeconfig)).await;
    cluster.unwrap().unwrap()
}

/// What `found` finds, within a minute.
pub async fn soon<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1200 {
        if let Some(found) = found() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: waited in vain");
}
