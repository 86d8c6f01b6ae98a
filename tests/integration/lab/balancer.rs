//! haproxy as a load balancer in front of several gateways, which it asks whether they
//! are ready.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::{Gateway, Missing, Part, free_port, get, installed};

/// What the balancer reads of what passes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Connections (layer 4): each goes to one gateway as long as it is open.
    Connections,
    /// Requests (layer 7): each goes to a gateway by itself.
    Requests,
}

#[derive(Debug)]
pub struct Balancer {
    _part: Part,
    _folder: TempDir,
    address: String,
}

impl Balancer {
    pub fn start(layer: Layer, gateways: &[Gateway]) -> Result<Self, Missing> {
        let program = installed("haproxy")?;
        let folder = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, configuration(layer, &address, gateways)).unwrap();
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(&file);
        let mut part = Part::start("haproxy", &command, &folder.path().join("log"));
        part.ready(|| get(&address, "/v2/").filter(|answer| answer.status == 200));
        Ok(Self {
            _part: part,
            _folder: folder,
            address,
        })
    }

    /// Where clients pull.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// A gateway that is not ready gets nothing more; one that cannot be connected to is
/// passed over for another.
fn configuration(layer: Layer, address: &str, gateways: &[Gateway]) -> String {
    let mode = match layer {
        Layer::Connections => "tcp",
        Layer::Requests => "http",
    };
    let servers: String = gateways.iter().enumerate().map(server).collect();
    format!(
        "defaults\n  mode {mode}\n  timeout connect 5s\n  timeout client 120s\n  \
         timeout server 120s\n  timeout check 5s\n  retries 3\n  option redispatch 1\n\
         frontend pulls\n  bind {address}\n  default_backend gateways\n\
         backend gateways\n  balance roundrobin\n  option httpchk GET /readyz\n\
         {servers}"
    )
}

fn server((index, gateway): (usize, &Gateway)) -> String {
    let (registry, admin) = (gateway.address(), gateway.server());
    let probes = admin.rsplit_once(':').unwrap().1;
    format!("  server g{index} {registry} check port {probes} inter 200ms fall 1 rise 1\n")
}
