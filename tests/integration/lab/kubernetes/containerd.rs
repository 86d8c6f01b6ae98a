//! What a node's containerd and its network plugin are configured with.

use std::fs;
use std::path::Path;

use crate::lab::Release;

/// Where Debian keeps the network plugins.
pub const PLUGINS: &str = "/usr/lib/cni";

/// The CRI with this sandbox image, hosts files below `folder/hosts`, a network of its own,
/// and NRI at `folder/nri/nri.sock`. Nothing is shared with another containerd of the machine.
pub fn configuration(release: Release, folder: &Path, sandbox: &str) -> String {
    match release {
        Release::V1_7 => older(folder, sandbox),
        Release::Debian | Release::V2_4 => newest(folder, sandbox),
    }
}

fn older(folder: &Path, sandbox: &str) -> String {
    let folder = folder.display();
    format!(
        r#"version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
address = "{folder}/socket"
[plugins."io.containerd.nri.v1.nri"]
disable = false
disable_connections = false
socket_path = "{folder}/nri/nri.sock"
plugin_path = "{folder}/nri-plugins"
plugin_config_path = "{folder}/nri-config"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{sandbox}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{folder}/hosts"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{PLUGINS}"
conf_dir = "{folder}/cni"
"#
    )
}

fn newest(folder: &Path, sandbox: &str) -> String {
    let folder = folder.display();
    format!(
        r#"version = 3
root = "{folder}/root"
state = "{folder}/state"
[grpc]
address = "{folder}/socket"
[plugins."io.containerd.nri.v1.nri"]
disable = false
socket_path = "{folder}/nri/nri.sock"
plugin_path = "{folder}/nri-plugins"
plugin_config_path = "{folder}/nri-config"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{sandbox}"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "{folder}/hosts"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{PLUGINS}"]
conf_dir = "{folder}/cni"
"#
    )
}

/// The address of the machine in the network of that number.
pub fn gateway(number: u16) -> String {
    format!("{}.1", begins(number))
}

fn begins(number: u16) -> String {
    let [high, low] = number.to_be_bytes();
    format!("10.{}.{low}", 128 | high)
}

/// A network of point-to-point links on a subnet of its own, chosen by a number
/// that nobody else on this machine uses.
pub fn write_network(folder: &Path, number: u16) {
    let (state, subnet) = (folder.join("addresses"), format!("{}.0/24", begins(number)));
    let text = format!(
        r#"{{"cniVersion": "1.0.0", "name": "lab", "plugins": [{{"type": "ptp", "ipam":
            {{"type": "host-local", "dataDir": "{}", "ranges": [[{{"subnet": "{subnet}"}}]],
              "routes": [{{"dst": "0.0.0.0/0"}}]}}}}]}}"#,
        state.display()
    );
    fs::create_dir_all(folder.join("cni")).unwrap();
    fs::write(folder.join("cni/lab.conflist"), text).unwrap();
}
