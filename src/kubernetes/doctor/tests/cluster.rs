//! A cluster as the API server would write it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use super::super::{
    DryRun, ExpectedCluster, LenientNamespaces, ObjectList, PrintedObjects, Snapshot,
};
use crate::kubernetes::objects::{
    Endpoint, FailurePolicy, Installation, KubernetesVersion, NodeNames, UpstreamRoute,
    webhook_configurations,
};
use crate::oci::RegistryHost;

pub(super) const GATEWAY: &str = "gate.example:5080";

pub(super) fn expected() -> ExpectedCluster {
    let printed = |runs_here| {
        let mut installation = installation();
        installation.runs_here = runs_here;
        if !runs_here {
            installation.endpoint = Endpoint::Url("https://gate.example:5443".to_owned());
        }
        let mut objects = webhook_configurations(&installation);
        objects.extend(installation.policies(KubernetesVersion::MUTATES));
        objects
    };
    ExpectedCluster {
        cluster: "prod".to_owned(),
        namespace: "sekisho".to_owned(),
        runs_here: true,
        exempt: vec!["kube-system".to_owned()],
        lenient: Vec::new(),
        gateway: GATEWAY.to_owned(),
        internal: false,
        printed: PrintedObjects {
            at_home: printed(true),
            elsewhere: printed(false),
        },
    }
}

pub(super) fn installation() -> Installation {
    Installation {
        cluster: "prod".to_owned(),
        namespace: "sekisho".to_owned(),
        runs_here: true,
        gateway: RegistryHost::parse(GATEWAY).unwrap(),
        nodes: NodeNames::Mirror,
        upstreams: vec![UpstreamRoute {
            host: RegistryHost::docker_hub(),
            path: "docker.io".to_owned(),
        }],
        exempt_namespaces: vec!["kube-system".to_owned(), "storage".to_owned()],
        namespaces: Vec::new(),
        allow_never: false,
        endpoint: Endpoint::Service,
        ca_bundle: None,
        failure_policy: FailurePolicy::Ignore,
    }
}

pub(super) fn lenient(glob: &str) -> LenientNamespaces {
    LenientNamespaces {
        globs: vec![glob.to_owned()],
        mode: "audit".to_owned(),
    }
}

/// An authority and a leaf for the Service, valid through a range of years.
pub(super) struct TestCertificates {
    pub bundle: String,
    pub leaf: String,
}

pub(super) fn certificates(name: &str, until: (i32, u8, u8)) -> TestCertificates {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = ca.self_signed(&key).unwrap();
    let issuer = Issuer::from_params(&ca, &key);
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    leaf.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
    let leaf = leaf
        .signed_by(&KeyPair::generate().unwrap(), &issuer)
        .unwrap();
    TestCertificates {
        bundle: STANDARD.encode(authority.pem()),
        leaf: STANDARD.encode(leaf.pem()),
    }
}

pub(super) fn healthy() -> Snapshot {
    let certificates = certificates("sekisho.sekisho.svc", (2030, 1, 1));
    let names = ["default", "kube-system", "sekisho", "shop"];
    let mut own = webhook_configurations(&installation());
    for configuration in &mut own {
        for webhook in configuration["webhooks"].as_array_mut().unwrap() {
            webhook["clientConfig"]["caBundle"] = json!(certificates.bundle);
        }
    }
    let [mutating, validating] = own.try_into().unwrap();
    let [policy, _, ..] = &installation().policies(KubernetesVersion::FIRST)[..] else {
        panic!("there is no policy");
    };
    let policy = policy.clone();
    Snapshot {
        mutating: items(vec![mutating]),
        validating: items(vec![validating]),
        policies: items(vec![policy]),
        policy_bindings: items(vec![binding(&["Deny", "Audit"])]),
        mutating_policies: ObjectList::NoSuchKind,
        mutating_policy_bindings: ObjectList::NoSuchKind,
        namespaces: items(names.map(namespace).to_vec()),
        pods: items(vec![
            pod("sekisho", "sekisho-0", "registry.example/sekisho:1"),
            pod("shop", "web", "gate.example:5080/docker.io/library/nginx:1"),
        ]),
        slices: items(vec![slice(2)]),
        secrets: items(vec![secret(&certificates.leaf)]),
        deployments: items(Vec::new()),
        budgets: items(Vec::new()),
        autoscalers: items(Vec::new()),
        cluster_roles: items(Vec::new()),
        cluster_role_bindings: items(Vec::new()),
        exposed_pods: Vec::new(),
        probes: Vec::new(),
        dry_run: DryRun::Admitted {
            asked: "docker.io/library/nginx".to_owned(),
            image: format!("{GATEWAY}/docker.io/library/nginx"),
        },
    }
}

pub(super) fn items(items: Vec<Value>) -> ObjectList {
    ObjectList::Items(items)
}

pub(super) fn namespace(name: &str) -> Value {
    json!({ "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } } })
}

pub(super) fn pod(namespace: &str, name: &str, image: &str) -> Value {
    json!({
        "metadata": { "namespace": namespace, "name": name, "labels": { "app": name } },
        "spec": { "containers": [{ "name": "main", "image": image }] },
    })
}

pub(super) fn binding(actions: &[&str]) -> Value {
    json!({
        "metadata": { "name": "sekisho-registries-prod" },
        "spec": { "policyName": "sekisho-registries-prod", "validationActions": actions },
    })
}

pub(super) fn slice(ready: usize) -> Value {
    let endpoints: Vec<Value> = (0..3)
        .map(|index| json!({ "conditions": { "ready": index < ready } }))
        .collect();
    json!({
        "metadata": {
            "name": "sekisho-x",
            "labels": { "kubernetes.io/service-name": "sekisho" },
        },
        "endpoints": endpoints,
    })
}

pub(super) fn secret(leaf: &str) -> Value {
    json!({ "metadata": { "name": "sekisho-webhook-tls" }, "data": { "tls.crt": leaf } })
}

/// A webhook of somebody else, which takes every Pod and stops the cluster.
pub(super) fn other_webhook(name: &str) -> Value {
    json!({
        "name": name,
        "clientConfig": { "service": { "namespace": "mesh", "name": "injector" } },
        "rules": [{
            "operations": ["CREATE"], "apiGroups": ["*"], "apiVersions": ["*"],
            "resources": ["pods"],
        }],
        "failurePolicy": "Fail",
        "timeoutSeconds": 5,
    })
}

/// Another configuration with these webhooks.
pub(super) fn add(listed: &mut ObjectList, name: &str, webhooks: Vec<Value>) {
    let ObjectList::Items(items) = listed else {
        panic!("there are none");
    };
    items.push(json!({ "metadata": { "name": name }, "webhooks": webhooks }));
}

/// One of our webhooks, to be changed.
pub(super) fn webhook_mut<'a>(snapshot: &'a mut Snapshot, name: &str) -> &'a mut Value {
    let configurations = [&mut snapshot.mutating, &mut snapshot.validating];
    let webhooks = configurations.into_iter().flat_map(|listed| match listed {
        ObjectList::Items(items) => items.iter_mut(),
        _ => panic!("there are none"),
    });
    let mut webhooks = webhooks.flat_map(|object| object["webhooks"].as_array_mut().unwrap());
    webhooks.find(|webhook| webhook["name"] == name).unwrap()
}
