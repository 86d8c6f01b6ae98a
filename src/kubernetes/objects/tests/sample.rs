//! One installation that all tests start from.

use serde_json::Value;

use crate::kubernetes::names::AGENT_NAMESPACE;
use crate::kubernetes::objects::{
    AgentIdentity, AgentWorkload, Endpoint, FailurePolicy, Installation, KubernetesVersion,
    NodeNames, Ports, Replicas, UpstreamRoute, Workload, webhook_configurations,
};
use crate::oci::RegistryHost;

pub fn host(text: &str) -> RegistryHost {
    RegistryHost::parse(text).unwrap()
}

pub fn route(host_name: &str, path: &str) -> UpstreamRoute {
    UpstreamRoute {
        host: host(host_name),
        path: path.to_owned(),
    }
}

pub fn installation() -> Installation {
    Installation {
        cluster: "prod".to_owned(),
        namespace: "sekisho".to_owned(),
        runs_here: false,
        gateway: host("registry.example:5080"),
        nodes: NodeNames::Mirror,
        upstreams: vec![
            route("docker.io", "docker.io"),
            route("registry.corp:5000", "corp"),
        ],
        exempt_namespaces: vec!["kube-system".to_owned(), "storage".to_owned()],
        namespaces: Vec::new(),
        allow_never: false,
        endpoint: Endpoint::Service,
        ca_bundle: None,
        failure_policy: FailurePolicy::Ignore,
    }
}

pub fn program() -> Workload {
    Workload {
        image: "registry.corp/platform/sekisho:1".to_owned(),
        config: "data_dir = \"/var/lib/sekisho\"\n\n[[listeners]]\naddress = \"0.0.0.0:5080\"\n"
            .to_owned(),
        data_dir: "/var/lib/sekisho".to_owned(),
        ports: Ports {
            registry: 5080,
            webhook: 5443,
            ops: 5082,
            admin: None,
        },
        storage_gib: 20,
        replicas: Replicas::One,
    }
}

/// The same with room for agents.
pub fn with_agents() -> Installation {
    let mut installation = installation();
    let namespaces = &mut installation.exempt_namespaces;
    namespaces.push(AGENT_NAMESPACE.to_owned());
    installation
}

pub fn agent() -> AgentWorkload {
    AgentWorkload {
        image: "registry.corp/platform/sekisho:1".to_owned(),
        environment: "production".to_owned(),
        snapshot_keys: "KEY".to_owned(),
        ca: Some("CA".to_owned()),
        cri_socket: Some("/run/containerd/containerd.sock".to_owned()),
        identity: AgentIdentity::Token,
    }
}

/// Everything, for a cluster that mutates by itself.
pub fn everything() -> Vec<Value> {
    let installation = installation();
    let mut objects = installation.workload(&program()).unwrap();
    objects.extend(installation.policies(version("1.36")));
    objects.extend(webhook_configurations(&installation));
    objects.extend(with_agents().node_agent(&agent()).unwrap());
    objects
}

pub fn version(text: &str) -> KubernetesVersion {
    text.parse().unwrap()
}

pub fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| object["kind"] == kind)
        .collect()
}
