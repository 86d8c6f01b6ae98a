//! The whole check-up: which runtimes, what their files say, what their pulls prove.

use std::path::Path;

use super::agent_gate::{AgentGate, CRIO_SOCKET, is_wanted};
use super::arguments::Node;
use super::containerd::Containerd;
use super::containers::Containers;
use super::docker::Docker;
use super::proof::Proof;
use super::report::{Found, NodeReport};
use super::work_folder::WorkFolder;
use super::{screen, tool};
use crate::cli::diagnosis;
use crate::cli::failure::{Exit, Failure};
use crate::diagnosis::{Diagnosis, Gravity};
use crate::nodes::doctor::{ExpectedNode, OnNode};
use crate::nodes::{GatewayUrl, Runtime};
use crate::oci::{ImageRef, RegistryHost};

pub async fn run(node: &Node) -> Result<Exit, Failure> {
    let containerd = Containerd::read(node).await?;
    let runtimes = runtimes(node, &containerd)?;
    let expected = ExpectedNode {
        gateways: gateways(node, &containerd, &runtimes)?,
        registries: node.registry.clone(),
        direct: node.direct.clone(),
    };
    let mut checkup = Checkup::new(node, &expected)?;
    for runtime in runtimes.iter().filter(|_| !node.agent_only) {
        checkup.examine(*runtime, &containerd).await?;
    }
    let agents = checkup.agents(&runtimes, &containerd).await?;
    let found = Found {
        findings: checkup.findings,
        proofs: checkup.proofs,
        agents,
    };
    let report = NodeReport::new(&expected.gateways, &runtimes, found);
    let raw = serde_json::to_string_pretty(&report)
        .map_err(|error| Failure::new(format!("cannot write the report: {error}")))?;
    node.screen
        .output
        .show(&raw, |palette| screen::render(&report, palette))?;
    Ok(diagnosis::exit(report.closed))
}

/// Those that were named, else those that are here.
fn runtimes(node: &Node, containerd: &Containerd) -> Result<Vec<Runtime>, Failure> {
    if !node.runtime.is_empty() {
        let mut named = node.runtime.clone();
        named.sort_by_key(|runtime| runtime.as_str());
        named.dedup();
        return Ok(named);
    }
    let here = [
        (Runtime::Containerd, containerd.is_here()),
        (Runtime::Crio, Path::new(CRIO_SOCKET).exists()),
        (Runtime::Docker, node.docker_address.exists()),
        (Runtime::Podman, tool::find("podman").is_some()),
    ];
    let found: Vec<_> = here
        .into_iter()
        .filter(|(_, here)| *here)
        .map(|(runtime, _)| runtime)
        .collect();
    match found.is_empty() {
        true => Err(
            Failure::new("no container runtime is found on this machine")
                .next("run it on a node, or name what is there by --runtime"),
        ),
        false => Ok(found),
    }
}

/// Those that were named, else the one that containerd's files name.
fn gateways(
    node: &Node,
    containerd: &Containerd,
    runtimes: &[Runtime],
) -> Result<Vec<GatewayUrl>, Failure> {
    if !node.gateway.is_empty() || node.agent_only {
        return Ok(node.gateway.clone());
    }
    let reads = runtimes.contains(&Runtime::Containerd);
    let named = reads.then(|| containerd.named_gateway()).flatten();
    named.map(|gateway| vec![gateway]).ok_or_else(|| {
        Failure::usage("which gateway should this node pull from? no file names one")
            .next("name it by --gateway https://gateway.example:5080")
    })
}

/// What is found on the way.
struct Checkup<'a> {
    node: &'a Node,
    expected: &'a ExpectedNode,
    work: WorkFolder,
    images: Vec<String>,
    findings: Vec<Diagnosis<OnNode>>,
    proofs: Vec<Proof>,
}

impl<'a> Checkup<'a> {
    fn new(node: &'a Node, expected: &'a ExpectedNode) -> Result<Self, Failure> {
        let images: Result<Vec<_>, _> = node.image.iter().map(|text| full_name(text)).collect();
        Ok(Self {
            node,
            expected,
            work: WorkFolder::new()?,
            images: images?,
            findings: Vec::new(),
            proofs: Vec::new(),
        })
    }

    async fn examine(&mut self, runtime: Runtime, containerd: &Containerd) -> Result<(), Failure> {
        match runtime {
            Runtime::Containerd => self.containerd(containerd).await,
            Runtime::Crio | Runtime::Podman => self.containers(runtime).await?,
            Runtime::Docker => self.docker().await?,
        }
        Ok(())
    }

    /// How each runtime would ask an agent, and whether one refuses, where one is wanted.
    async fn agents(
        &mut self,
        runtimes: &[Runtime],
        containerd: &Containerd,
    ) -> Result<Vec<AgentGate>, Failure> {
        let is_wanted = is_wanted(self.node);
        let has_nri = |runtime: &Runtime| matches!(runtime, Runtime::Containerd | Runtime::Crio);
        let can_ask = runtimes.iter().any(has_nri);
        let mut gates = Vec::new();
        for runtime in runtimes {
            let mut gate = match runtime {
                Runtime::Containerd => AgentGate::of_containerd(self.node, containerd).await,
                Runtime::Crio => AgentGate::of_crio(self.node).await?,
                // What the kubelet runs goes by the other runtime.
                Runtime::Docker | Runtime::Podman if can_ask || !is_wanted => continue,
                Runtime::Docker | Runtime::Podman => AgentGate::of_other(self.node, *runtime).await,
            };
            if is_wanted {
                gate.send_canary().await;
            }
            self.findings.extend(gate.findings(is_wanted));
            gates.push(gate);
        }
        Ok(gates)
    }

    async fn containerd(&mut self, containerd: &Containerd) {
        self.findings.extend(containerd.findings(self.expected));
        if !self.node.files_only {
            let proofs = containerd
                .prove(self.expected, &self.work, &self.images)
                .await;
            self.take(Runtime::Containerd, proofs);
        }
    }

    async fn containers(&mut self, runtime: Runtime) -> Result<(), Failure> {
        let containers = Containers::read(runtime, self.node)?;
        self.findings.extend(containers.findings(self.expected));
        if !self.node.files_only {
            let proofs = containers
                .prove(self.expected, &self.work, &self.images)
                .await;
            self.take(runtime, proofs);
        }
        Ok(())
    }

    async fn docker(&mut self) -> Result<(), Failure> {
        let docker = Docker::read(self.node).await?;
        self.findings.extend(docker.findings(self.expected));
        if !self.node.files_only {
            let proofs = docker.prove(&self.work, &self.images).await;
            self.take(Runtime::Docker, proofs);
        }
        Ok(())
    }

    /// A pull that cannot be tried leaves a finding; the other runtimes go on.
    fn take(&mut self, runtime: Runtime, proofs: Result<Vec<Proof>, Failure>) {
        match proofs {
            Ok(proofs) => self.proofs.extend(proofs),
            Err(failure) => self.findings.push(untried(runtime, &failure)),
        }
    }
}

fn untried(runtime: Runtime, failure: &Failure) -> Diagnosis<OnNode> {
    let about = OnNode {
        runtime,
        place: runtime.as_str().to_owned(),
    };
    Diagnosis::new(about, Gravity::Unknown, "no pull could be tried")
        .why(failure.message())
        .next(failure.next_step().unwrap_or("see above"))
}

/// As runtimes want it: with its registry.
fn full_name(text: &str) -> Result<String, Failure> {
    ImageRef::parse(text, &RegistryHost::docker_hub())
        .map(|image| image.to_string())
        .map_err(|error| Failure::usage(format!("--image {text}: {error}")))
}
