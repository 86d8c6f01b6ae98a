//! The cluster that the tests of this folder share: its one node pulls everything
//! through the gateway of one site, which guards all namespaces but `default`.

use std::ops::Deref;
use std::sync::OnceLock;
use std::time::Duration;

use super::guarded::{ENFORCED, Guarded};
use crate::lab::kubernetes::{ControlPlane, Node, shared};
use crate::lab::{Image, Missing};

const UNGUARDED: &str = "exempt_namespaces = [\"kube-system\", \"default\"]\nevents = true\n";
const WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Cluster {
    pub node: Node,
    guarded: Guarded,
}

impl Deref for Cluster {
    type Target = Guarded;

    fn deref(&self) -> &Guarded {
        &self.guarded
    }
}

impl Cluster {
    /// The one of this process, started for the first who asks.
    pub fn shared() -> Result<&'static Self, Missing> {
        static CLUSTER: OnceLock<Result<Cluster, Missing>> = OnceLock::new();
        shared(&CLUSTER, Self::start)
    }

    fn start() -> Result<Self, Missing> {
        let guarded = Guarded::around(ControlPlane::with_controllers()?, UNGUARDED)?;
        let node = Node::join(&guarded.control, &guarded.site.development)?;
        node.pull_through(&guarded.site.gateway);
        guarded.guard(&["webhooks"]);
        let account = ["serviceaccount", "default", "-n", ENFORCED];
        let made = |account: &serde_json::Value| account.is_object();
        guarded.kubectl().wait(&account, WITHIN, made);
        Ok(Self { node, guarded })
    }

    /// A Pod of one container that runs this image, by its name at the gateway, for
    /// fifteen minutes at most.
    pub fn pod(&self, namespace: &str, name: &str, image: &Image) -> String {
        pod(namespace, name, &self.site.at_gateway(image))
    }
}

/// The same by any name of the image.
pub fn pod(namespace: &str, name: &str, image: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{{name: main, image: \"{image}\"}}]
"
    )
}
