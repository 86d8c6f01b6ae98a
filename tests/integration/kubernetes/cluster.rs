//! The cluster that the tests of this folder share: its one node pulls everything
//! through the gateway of one site.

use std::sync::OnceLock;

use crate::lab::kubernetes::{ControlPlane, Kubectl, Node, Sweeper, shared};
use crate::lab::{Image, Missing, Site};

#[derive(Debug)]
pub struct Cluster {
    pub control: ControlPlane,
    pub node: Node,
    pub site: Site,
    _sweeper: Sweeper,
}

impl Cluster {
    /// The one of this process, started for the first who asks.
    pub fn shared() -> Result<&'static Self, Missing> {
        static CLUSTER: OnceLock<Result<Cluster, Missing>> = OnceLock::new();
        shared(&CLUSTER, Self::start)
    }

    fn start() -> Result<Self, Missing> {
        let control = ControlPlane::with_controllers()?;
        let site = Site::open()?;
        let node = Node::join(&control, &site.development)?;
        node.pull_through(&site.gateway);
        let sweeper = Sweeper::over(&[
            site.gateway.folder(),
            site.development.folder(),
            site.production.folder(),
        ]);
        Ok(Self {
            control,
            node,
            site,
            _sweeper: sweeper,
        })
    }

    pub fn kubectl(&self) -> Kubectl {
        self.control.kubectl()
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
