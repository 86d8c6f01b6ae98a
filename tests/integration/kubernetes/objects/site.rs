//! One installation, applied to an API server of the test's own.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sekisho::kubernetes::names::AGENT_NAMESPACE;
use sekisho::kubernetes::objects::{
    AgentIdentity, AgentWorkload, Endpoint, FailurePolicy, Installation, KubernetesVersion,
    NodeNames, Ports, Replicas, UpstreamRoute, Workload, to_yaml,
};
use sekisho::oci::RegistryHost;
use serde_json::{Value, json};

use crate::lab::kubernetes::{ControlPlane, Kubectl, Version, shared};
use crate::lab::{Missing, Outcome};

pub const GATEWAY: &str = "registry.example:5080";
/// Until a policy that was applied is in force.
const IN_FORCE: Duration = Duration::from_secs(30);

pub fn installation() -> Installation {
    Installation {
        cluster: "prod".to_owned(),
        namespace: "sekisho".to_owned(),
        runs_here: true,
        gateway: host(GATEWAY),
        nodes: NodeNames::Mirror,
        upstreams: vec![
            route("docker.io", "docker.io"),
            route("registry.corp:5000", "corp"),
            route("quay.io", "quay.io"),
            route("[::1]:5000", "six"),
        ],
        exempt_namespaces: ["storage", AGENT_NAMESPACE].map(str::to_owned).to_vec(),
        namespaces: Vec::new(),
        allow_never: false,
        endpoint: Endpoint::Service,
        ca_bundle: None,
        failure_policy: FailurePolicy::Ignore,
    }
}

pub fn workload() -> Workload {
    Workload {
        image: "registry.corp/sekisho:1".to_owned(),
        config: "data_dir = \"/var/lib/sekisho\"\n".to_owned(),
        data_dir: "/var/lib/sekisho".to_owned(),
        ports: Ports {
            registry: 5080,
            webhook: 5443,
            ops: 5082,
            admin: Some(5081),
        },
        storage_gib: 20,
        replicas: Replicas::One,
    }
}

pub fn agent() -> AgentWorkload {
    AgentWorkload {
        image: "registry.corp/sekisho:1".to_owned(),
        environment: "production".to_owned(),
        snapshot_keys: "-----BEGIN PUBLIC KEY-----\n".to_owned(),
        ca: None,
        cri_socket: Some("/run/containerd/containerd.sock".to_owned()),
        identity: AgentIdentity::Token,
    }
}

fn host(text: &str) -> RegistryHost {
    RegistryHost::parse(text).unwrap()
}

fn route(name: &str, path: &str) -> UpstreamRoute {
    UpstreamRoute {
        host: host(name),
        path: path.to_owned(),
    }
}

/// The version as the command is told it.
pub fn version(version: Version) -> KubernetesVersion {
    match version {
        Version::V1_34 => "1.34".parse().unwrap(),
        Version::V1_37 => "1.37".parse().unwrap(),
    }
}

/// An API server with an installation.
#[derive(Debug)]
pub struct Cluster {
    pub control: ControlPlane,
}

impl Cluster {
    pub fn with_policies(of: Version, installation: &Installation) -> Result<Self, Missing> {
        let this = Self {
            control: ControlPlane::start(of)?,
        };
        this.kubectl().create_namespace("shop");
        this.apply(&installation.policies(version(of)));
        this.until_in_force(of);
        Ok(this)
    }

    /// The policies of [`installation`] on the newest version, in a cluster of this
    /// process.
    pub fn shared() -> Result<&'static Self, Missing> {
        static CLUSTER: OnceLock<Result<Cluster, Missing>> = OnceLock::new();
        shared(&CLUSTER, || {
            Self::with_policies(Version::V1_37, &installation())
        })
    }

    /// Everything but webhooks, with no Pod of the program's.
    pub fn with_all(of: Version, installation: &Installation) -> Result<Self, Missing> {
        let this = Self {
            control: ControlPlane::start(of)?,
        };
        this.apply(&installation.workload(&workload()).unwrap());
        this.apply(&installation.policies(version(of)));
        Ok(this)
    }

    pub fn kubectl(&self) -> Kubectl {
        self.control.kubectl()
    }

    #[track_caller]
    pub fn apply(&self, objects: &[Value]) {
        let text = to_yaml("", objects).unwrap();
        self.kubectl().applied(&text);
    }

    /// Policies reach the API server's own cache a moment after they are applied.
    pub fn until_in_force(&self, of: Version) {
        let deadline = Instant::now() + IN_FORCE;
        let unknown = || self.tried(&pod("shop", "probe", "unknown.example/x"));
        let mutates = || {
            let made = self.tried(&pod("shop", "probe", "nginx"));
            made.text().contains(GATEWAY)
        };
        while unknown().ok() || of == Version::V1_37 && !mutates() {
            assert!(Instant::now() < deadline, "the policies are not in force");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What the API server makes of an object, without keeping it.
    pub fn tried(&self, object: &Value) -> Outcome {
        tried(&self.kubectl(), object)
    }
}

pub fn tried(kubectl: &Kubectl, object: &Value) -> Outcome {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    serde_json::to_writer(&mut file, object).unwrap();
    let path = file.path().to_str().unwrap();
    kubectl.run(&["create", "--dry-run=server", "-o", "json", "-f", path])
}

pub fn pod(namespace: &str, name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "containers": [{ "name": "main", "image": image }] },
    })
}
