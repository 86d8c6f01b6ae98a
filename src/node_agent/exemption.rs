//! What an agent never refuses, whatever speaks against it: without these a node might not
//! come up. Platform images are not among them: the gateway denies none in its snapshots.

use crate::kubernetes::names::SYSTEM_NAMESPACE;
use crate::nri::ContainerInPod;

/// Why a container is never refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exemption {
    /// It is of the agent's own Pod.
    OwnPod,
    /// The kubelet has its Pod from a file of the node.
    StaticPod,
    /// It is of `kube-system`.
    SystemNamespace,
}

/// A Pod by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPod {
    pub namespace: String,
    pub name: String,
}

/// What is exempt on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exemptions {
    /// The Pod in which this agent runs; `None`: it runs in none.
    pub own_pod: Option<OwnPod>,
    /// Whether `kube-system` is judged like any other namespace.
    pub guards_system_namespace: bool,
}

impl Exemption {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnPod => "own-pod",
            Self::StaticPod => "static-pod",
            Self::SystemNamespace => "system-namespace",
        }
    }
}

impl Exemptions {
    pub(super) fn of(&self, container: &ContainerInPod) -> Option<Exemption> {
        let is_own =
            |own: &OwnPod| (&own.namespace, &own.name) == (&container.namespace, &container.pod);
        if self.own_pod.as_ref().is_some_and(is_own) {
            Some(Exemption::OwnPod)
        } else if container.is_static {
            Some(Exemption::StaticPod)
        } else if container.namespace == SYSTEM_NAMESPACE && !self.guards_system_namespace {
            Some(Exemption::SystemNamespace)
        } else {
            None
        }
    }
}
