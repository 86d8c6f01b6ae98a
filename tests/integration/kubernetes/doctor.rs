//! `kubernetes doctor` on a real API server, whose webhooks are a real gateway's.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho::kubernetes::objects::{
    Endpoint, FailurePolicy, Installation, NodeNames, UpstreamRoute, list, webhook_configurations,
};
use sekisho::oci::RegistryHost;
use serde_json::{Value, json};

use super::cluster::pod;
use crate::lab::kubernetes::{ControlPlane, Kubectl, User, Version};
use crate::lab::{Authority, Image, Missing, Site, free_port, or_skip, trivy_with};

/// An API server that asks a gateway about its Pods; two namespaces, one of them ours.
struct Cluster {
    control: ControlPlane,
    kubectl: Kubectl,
    site: Site,
    authority: Authority,
    webhook: String,
}

/// What the doctor printed, and how it ended.
struct Report {
    code: Option<i32>,
    body: Value,
}

impl Cluster {
    fn start() -> Result<Self, Missing> {
        let control = ControlPlane::start(Version::V1_34)?;
        let authority = Authority::create();
        let (certificate, key) = authority.leaf("127.0.0.1");
        let address = format!("127.0.0.1:{}", free_port());
        let tables = format!(
            "[webhook]\naddress = \"{address}\"\ntls = {{ certificate = \"{}\", key = \"{}\" }}\n\
             [[clusters]]\nname = \"lab\"\nenvironment = \"production\"\ngateway = \"GATEWAY\"\n\
             nodes = \"mirror\"\nnamespace = \"sekisho\"\nnamespaces = [{{ match = [\"legacy-*\"], mode = \"audit\" }}]\n",
            certificate.display(),
            key.display(),
        );
        let site = Site::open_with(|setup| setup.tables(&tables))?;
        let kubectl = control.kubectl();
        for namespace in ["sekisho", "shop"] {
            kubectl.create_namespace(namespace);
        }
        Ok(Self {
            control,
            kubectl,
            site,
            authority,
            webhook: format!("https://{address}"),
        })
    }

    /// As an administrator applies it.
    fn install(&self) {
        let upstream = |host: &str, path: &str| UpstreamRoute {
            host: RegistryHost::parse(host).unwrap(),
            path: path.to_owned(),
        };
        let development = self.site.development.address();
        let installation = Installation {
            cluster: "lab".to_owned(),
            namespace: "sekisho".to_owned(),
            runs_here: true,
            gateway: RegistryHost::parse(self.site.gateway.address()).unwrap(),
            nodes: NodeNames::Mirror,
            upstreams: vec![upstream(development, "development")],
            exempt_namespaces: vec!["kube-system".to_owned()],
            namespaces: Vec::new(),
            allow_never: false,
            endpoint: Endpoint::Url(self.webhook.clone()),
            ca_bundle: Some(fs::read_to_string(self.authority.certificate()).unwrap()),
            failure_policy: FailurePolicy::Ignore,
        };
        let mut objects = webhook_configurations(&installation);
        objects.extend(installation.policies("1.34".parse().unwrap()));
        self.kubectl.applied(&list(objects).to_string());
    }

    fn doctor(&self, user: User) -> Report {
        let kubeconfig = self.control.kubeconfig(user);
        let line = ["kubernetes", "doctor", "--output", "json", "--kubeconfig"];
        let file = kubeconfig.to_str().unwrap();
        let said = self.site.gateway.command(&[&line[..], &[file]].concat());
        let body = serde_json::from_str(&said.stdout);
        Report {
            code: said.code,
            body: body.unwrap_or_else(|_| panic!("{}", said.text())),
        }
    }

    fn run(&self, name: &str, image: &Image) {
        let image = self.site.at_gateway(image);
        self.kubectl.applied(&pod("shop", name, &image));
    }
}

impl Report {
    #[track_caller]
    fn assert_told(&self, severity: &str, words: &str) {
        let findings = self.body["findings"].as_array().unwrap();
        let told = findings.iter().any(|found| {
            found["severity"] == severity && found["what"].as_str().unwrap().contains(words)
        });
        assert!(told, "{severity} {words}: {:#}", self.body);
        assert_eq!(self.code, Some(1));
    }
}

#[test]
fn a_cluster_that_is_well_has_nothing_wrong_and_each_fault_is_reported() {
    let cluster = or_skip!(Cluster::start());
    let bare = cluster.doctor(User::Admin);
    bare.assert_told("wrong", "pods.mutate.sekisho.internal is not there");
    bare.assert_told(
        "wrong",
        "ValidatingAdmissionPolicy sekisho-registries-lab is not there",
    );
    bare.assert_told("wrong", "a new Pod's image");

    cluster.install();
    let (admitted, other) = (
        cluster.site.image("team/app"),
        cluster.site.image("team/other"),
    );
    cluster.site.admit(&admitted);
    cluster.run("app", &admitted);
    let well = cluster.doctor(User::Admin);
    assert_eq!(well.code, Some(0), "{:#}", well.body);
    assert_eq!(well.body["ok"], true);
    assert_eq!(well.body["images"], 1);

    cluster
        .doctor(User::Developer)
        .assert_told("unknown", "Pods could not be read");

    let image = cluster.site.upstream_name(&admitted);
    let revoke = ["revoke", &image, "--reason", "test"];
    cluster.site.gateway.command(&revoke).expect_ok();
    cluster
        .doctor(User::Admin)
        .assert_told("wrong", "was revoked and still runs in shop/app");

    spoil(&cluster);
    let ill = cluster.doctor(User::Admin);
    ill.assert_told("wrong", "zz-sekisho-lab does not answer as a webhook must");
    ill.assert_told(
        "wrong",
        "neighbours/pods.neighbour.example can keep Sekisho's Pods",
    );
    ill.assert_told(
        "wrong",
        "Group developers may make a namespace that is judged laxly: legacy-*",
    );

    cluster
        .kubectl
        .run(&["delete", "validatingwebhookconfiguration", "neighbours"])
        .expect_ok();
    cluster.site.admit(&other);
    cluster.run("other", &other);
    find_a_flaw(&cluster, &other);
    cluster
        .doctor(User::Admin)
        .assert_told("wrong", "runs in shop/other and would be denied now");
}

/// As a later scan does.
fn find_a_flaw(cluster: &Cluster, image: &Image) {
    let site = &cluster.site;
    let repository = format!("{}/{}", site.development.address(), image.repository);
    let report = trivy_with(&repository, image, &[("CVE-2026-0001", "CRITICAL")]);
    let name = site.upstream_name(image);
    site.gateway.submit(&name, &report).expect_ok();
}

/// Another authority in the mutating configuration, a neighbour that is down and
/// fatal, and a right too many.
fn spoil(cluster: &Cluster) {
    let other = fs::read(Authority::create().certificate()).unwrap();
    let patch = json!([{
        "op": "replace",
        "path": "/webhooks/0/clientConfig/caBundle",
        "value": STANDARD.encode(other),
    }]);
    let name = ["mutatingwebhookconfiguration", "zz-sekisho-lab"];
    let patch = ["--type=json", "-p", &patch.to_string()].map(str::to_owned);
    let line = ["patch"]
        .into_iter()
        .chain(name)
        .chain(patch.iter().map(String::as_str));
    cluster.kubectl.run(&line.collect::<Vec<_>>()).expect_ok();
    let neighbour = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "neighbours" },
        "webhooks": [{
            "name": "pods.neighbour.example",
            "clientConfig": { "service": { "namespace": "mesh", "name": "down" } },
            "rules": [{
                "operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
                "resources": ["pods"],
            }],
            "namespaceSelector": { "matchExpressions": [{
                "key": "kubernetes.io/metadata.name", "operator": "In", "values": ["sekisho"],
            }] },
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }],
    });
    cluster.kubectl.applied(&neighbour.to_string());
    let role = [
        "create",
        "clusterrole",
        "makers",
        "--verb=create",
        "--resource=namespaces",
    ];
    cluster.kubectl.run(&role).expect_ok();
    let binding = ["--clusterrole=makers", "--group=developers"];
    let line = ["create", "clusterrolebinding", "makers"];
    cluster
        .kubectl
        .run(&[&line[..], &binding].concat())
        .expect_ok();
}
