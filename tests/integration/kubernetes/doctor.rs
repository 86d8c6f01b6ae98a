//! `kubernetes doctor` on a real API server, whose webhooks are a real gateway's.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
    fn start(version: Version) -> Result<Self, Missing> {
        let control = ControlPlane::start(version)?;
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
    fn install(&self, version: &str) {
        self.kubectl.applied(&self.printed(version));
    }

    fn printed(&self, version: &str) -> String {
        let (webhook, ca) = (&self.webhook, self.authority.certificate());
        let line = ["kubernetes", "manifests", "--webhook-url", webhook, "--ca"];
        let more = [ca.to_str().unwrap(), "--kubernetes-version", version];
        let said = self.site.gateway.command(&[&line[..], &more].concat());
        said.expect_ok()
    }

    /// Whatever was done to them, or is no more.
    fn install_anew(&self, version: &str) {
        let printed = self.printed(version);
        let again = ["replace", "--force"];
        self.kubectl.on_file(&again, &printed).expect_ok();
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
    let cluster = or_skip!(Cluster::start(Version::V1_34));
    let bare = cluster.doctor(User::Admin);
    bare.assert_told("wrong", "pods.mutate.sekisho.internal is not there");
    bare.assert_told(
        "wrong",
        "ValidatingAdmissionPolicy sekisho-registries-lab is not there",
    );
    bare.assert_told("wrong", "a new Pod's image");

    cluster.install("1.34");
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

/// Each leaves everything in its place, and judges less or nothing.
#[test]
fn whatever_makes_the_installed_objects_do_less_is_wrong() {
    const POLICY: [&str; 2] = ["validatingadmissionpolicy", "sekisho-registries-lab"];
    const BINDING: [&str; 2] = ["validatingadmissionpolicybinding", POLICY[1]];
    const MUTATING: [&str; 2] = ["mutatingwebhookconfiguration", "zz-sekisho-lab"];
    const VALIDATING: [&str; 2] = ["validatingwebhookconfiguration", "zz-sekisho-lab"];
    let cluster = or_skip!(Cluster::start(Version::V1_37));
    cluster.install("1.37");
    let well = cluster.doctor(User::Admin);
    assert_eq!(well.code, Some(0), "{:#}", well.body);
    let nothing = json!({ "matchLabels": { "no": "where" } });
    let off = json!([{ "name": "off", "expression": "false" }]);
    let exempt = "namespaceSelector/matchExpressions/0/values/-";
    let elsewhere = format!("{}/clusters/other/mutate", cluster.webhook);
    for (object, operation, at, value) in [
        (
            POLICY,
            "replace",
            "/spec/validations/0/expression",
            json!("true"),
        ),
        (POLICY, "replace", "/spec/failurePolicy", json!("Ignore")),
        (POLICY, "replace", "/spec/matchConditions", off.clone()),
        (
            POLICY,
            "replace",
            "/spec/matchConstraints/resourceRules/0/resources",
            json!(["configmaps"]),
        ),
        (
            POLICY,
            "add",
            &format!("/spec/matchConstraints/{exempt}"),
            json!("shop"),
        ),
        (
            BINDING,
            "add",
            "/spec/matchResources",
            json!({ "namespaceSelector": nothing }),
        ),
        (
            VALIDATING,
            "add",
            "/webhooks/0/matchConditions/-",
            off[0].clone(),
        ),
        (
            VALIDATING,
            "add",
            "/webhooks/0/objectSelector",
            nothing.clone(),
        ),
        (
            VALIDATING,
            "add",
            &format!("/webhooks/0/{exempt}"),
            json!("shop"),
        ),
        (
            VALIDATING,
            "replace",
            "/webhooks/0/rules/0/operations",
            json!(["UPDATE"]),
        ),
        (
            MUTATING,
            "replace",
            "/webhooks/0/clientConfig/url",
            json!(elsewhere),
        ),
    ] {
        let patch = json!([{ "op": operation, "path": at, "value": value }]).to_string();
        let line = ["patch", object[0], object[1], "--type=json", "-p", &patch];
        cluster.kubectl.run(&line).expect_ok();
        let ill = cluster.doctor(User::Admin);
        ill.assert_told(
            "wrong",
            "does less than `sekisho kubernetes manifests` prints",
        );
        cluster.install_anew("1.37");
    }
    let binding = ["mutatingadmissionpolicybinding", "sekisho-rewrite-lab"];
    cluster
        .kubectl
        .run(&["delete", binding[0], binding[1]])
        .expect_ok();
    cluster
        .doctor(User::Admin)
        .assert_told("wrong", "Binding sekisho-rewrite-lab is not there");
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
