//! One entry for all runtimes.

use super::{NodeFile, NodeGateway, NodesError, Runtime, containerd, docker, registries_conf};

/// Plans the files that send a node of the `runtime` to the gateway.
///
/// `existing`: names of what lies in [`Runtime::existing_in`] already. Of containerd,
/// its directories: one without our file would shadow `_default` and go straight to
/// the source. Of CRI-O and podman, its files: one read after ours could undo it.
///
/// # Errors
/// [`NodesError`] where the runtime cannot be sent there.
pub fn plan(
    runtime: Runtime,
    gateway: &NodeGateway,
    existing: &[String],
) -> Result<Vec<NodeFile>, NodesError> {
    gateway.check()?;
    match runtime {
        Runtime::Containerd => containerd::plan(gateway, existing),
        Runtime::Crio | Runtime::Podman => registries_conf::plan(runtime, gateway, existing),
        Runtime::Docker => docker::plan(gateway),
    }
}
