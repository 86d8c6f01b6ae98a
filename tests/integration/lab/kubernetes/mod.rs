//! A real Kubernetes on loopback: etcd and an API server up in seconds, and on
//! wish the controllers, the scheduler and a node that really runs Pods.
//!
//! - [`ControlPlane::start`] is an API server that accepts Pods and runs none: it
//!   is enough for admission, costs a few seconds, and each test may have its own.
//!   Without controllers the aggregated roles (`edit`, `view`, `admin`) are empty.
//! - [`ControlPlane::with_controllers`] also has the `default` service account,
//!   Deployments that become Pods, and a scheduler; 1.37 only.
//! - [`Node::join`] adds a kubelet with a containerd of its own. It needs root and
//!   the controllers; [`Node::pull_through`] makes `sekisho node-config` write the
//!   node's `hosts.toml`, which containerd reads anew at every pull.
//! - [`BareNode`] is the node's runtime alone, asked by [`Cri`](super::Cri): Pods within a
//!   second, without a cluster.
//! - [`ControlPlane::kubectl`] is kubectl as the cluster's admin,
//!   [`ControlPlane::kubectl_as`] as somebody else of [`User`] or, by
//!   [`ControlPlane::kubeconfig_of`], as whom a service account's token names.
//! - [`shared`] keeps what it starts until the process ends, for tests that can
//!   live in one cluster. Webhooks and admission policies are cluster-wide: tests
//!   that install some need a control plane of their own or namespaces apart.
//!
//! Webhooks work by `url: https://127.0.0.1:PORT/…`; there is no Service network and
//! no DNS. Pods name images of `Origin` or of the gateway as `127.0.0.1:PORT/…`;
//! `team/sleeper:1` is the image that stays up. The end of a part takes its processes,
//! mounts and files along, also when the test process is killed ([`Sweeper`]).

mod bare_node;
mod containerd;
mod control_plane;
mod identities;
mod kubectl;
mod kubelet;
mod node;
mod shared;
mod sweeper;
mod version;

pub use bare_node::BareNode;
pub use control_plane::ControlPlane;
pub use identities::User;
pub use kubectl::Kubectl;
pub use node::Node;
pub use shared::shared;
pub use sweeper::Sweeper;
pub use version::Version;
