//! A kubelet that leaves its machine alone: no cgroups of its own, no firewall
//! rules, every path below one folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{ControlPlane, User};
use crate::lab::{Missing, Part};

/// Starts it on this port; it registers the node `node1`.
pub fn start(
    control: &ControlPlane,
    runtime: &Path,
    folder: &Path,
    port: u16,
) -> Result<Part, Missing> {
    let program = control.version().program("kubelet")?;
    let config = folder.join("kubelet.yaml");
    fs::write(&config, configuration(folder, runtime, port)).unwrap();
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(config)
        .arg("--kubeconfig")
        .arg(control.kubeconfig(User::Node))
        .arg("--root-dir")
        .arg(folder.join("kubelet"))
        .arg("--cert-dir")
        .arg(folder.join("kubelet-certificates"))
        .arg("--hostname-override=node1");
    Ok(Part::start(
        "kubelet",
        &command,
        &folder.join("kubelet.log"),
    ))
}

fn configuration(folder: &Path, runtime: &Path, port: u16) -> String {
    let (folder, runtime) = (folder.display(), runtime.display());
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: {port}
healthzPort: 0
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
containerRuntimeEndpoint: unix://{runtime}
podLogsDir: {folder}/logs
volumePluginDir: {folder}/volumes
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
evictionHard: {{memory.available: 1Mi, nodefs.available: 0.1%, imagefs.available: 0.1%}}
clusterDNS: [10.96.0.10]
registryPullQPS: 0
eventRecordQPS: 0
"
    )
}
