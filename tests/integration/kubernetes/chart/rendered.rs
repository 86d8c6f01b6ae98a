//! What the chart makes: the objects that `kubernetes manifests` prints, and on wish more.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::values::{AgentFiles, POSTGRES, SAMPLE, by_hand, manifests, printed, with_agents};
use crate::lab::{Helm, or_skip};

const EVERYTHING: &str = r#"
gateway: {enabled: true, nodePort: 30080, loadBalancerSourceRanges: [10.0.0.0/8]}
autoscaling: {enabled: true, maxReplicas: 9}
networkPolicy:
  enabled: true
  opsFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  egress: [{ports: [{port: 443}]}]
serviceMonitor: {enabled: true, labels: {release: prometheus}}
certificate: {enabled: true, issuerRef: {name: corp, kind: ClusterIssuer}}
storage: {size: 80Gi, storageClassName: fast}
imagePullSecrets: [{name: pull}]
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{operator: Exists}]
podAnnotations: {a: b}
extraContainers: [{name: collector, image: registry.corp/collector}]
extraVolumes: [{name: collected, emptyDir: {}}]
nodeAgent:
  enabled: true
  snapshotKey: "-----BEGIN PUBLIC KEY-----\nMCo=\n-----END PUBLIC KEY-----\n"
  ca: "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
  gateways: ["https://gate-a.corp:5080", "https://gate-b.corp:5080"]
  nriSocket: /run/nri/nri.sock
  criSocket: /run/crio/crio.sock
  guardKubeSystem: true
  metricsAddress: "[::]:5999"
  seLinuxOptions: {type: spc_t}
  podMonitor: {enabled: true, labels: {release: prometheus}}
"#;

type ByName = BTreeMap<(String, String), Value>;

fn by_name(objects: impl IntoIterator<Item = Value>) -> ByName {
    let name = |object: &Value, pointer| object.pointer(pointer).unwrap().to_string();
    let keyed = objects.into_iter().map(|object| {
        let key = (name(&object, "/kind"), name(&object, "/metadata/name"));
        (key, object)
    });
    keyed.collect()
}

fn is_hook(object: &Value) -> bool {
    object["metadata"]["annotations"]["helm.sh/hook"].is_string()
}

/// Where the two may differ, and why.
fn alike(mut objects: ByName) -> ByName {
    // Helm makes the namespace, and whoever installs labels it.
    objects.retain(|(kind, _), object| kind != "\"Namespace\"" && !is_hook(object));
    for ((kind, _), object) in &mut objects {
        match kind.as_str() {
            // Helm would delete the ledger with the release.
            "\"PersistentVolumeClaim\"" => remove(&mut object["metadata"], "annotations"),
            // Nobody else knows that the configuration is another one.
            "\"Deployment\"" => remove(&mut object["spec"]["template"]["metadata"], "annotations"),
            _ => {}
        }
    }
    objects
}

fn remove(object: &mut Value, key: &str) {
    object.as_object_mut().unwrap().remove(key);
}

/// Configurations from which ports, names, rights, sizes and policies follow.
fn configurations() -> Vec<String> {
    let changed = |from: &str, to: &str| {
        assert!(SAMPLE.contains(from), "{from}");
        SAMPLE.replace(from, to)
    };
    vec![
        SAMPLE.to_owned(),
        format!("{SAMPLE}{POSTGRES}"),
        changed(
            "[ops]",
            "[admin]\naddress = \"0.0.0.0:6081\"\ninsecure = true\n[ops]",
        ),
        changed("nodes = \"rewrite-only\"", "nodes = \"mirror\""),
        changed(
            "0.0.0.0:5080\"\nenvironment = \"production\"",
            "[::]:5999\"",
        ),
        changed(
            "max_size = \"40GiB\"\nmin_free = \"2GiB\"",
            "path = \"/var/lib/sekisho/bytes\"\nmax_size = \"1025MiB\"",
        ),
        changed(
            "[[upstreams]]\nname = \"docker.io\"",
            "[[upstreams]]\nname = \"registry.other:5000\"\npath = \"other\"\nvouches = { environments = [\"production\"], for = [\"scan\"], until = 2099-12-31 }",
        ),
    ]
}

/// Both of this configuration, with these arguments of the command.
fn compare(helm: &Helm, config: &str, arguments: &[&str]) {
    let values = printed(config, arguments);
    let made = helm.template(&values, &[]);
    let made = alike(by_name(
        made.unwrap_or_else(|told| panic!("{told}\n{values}")),
    ));
    let json = [arguments, &["--output", "json"]].concat();
    let list = manifests(config, &json).expect_ok();
    let mut list: Value = serde_json::from_str(&list).unwrap();
    let Value::Array(items) = list["items"].take() else {
        panic!("{list}")
    };
    let wanted = alike(by_name(items));
    let names = |of: &ByName| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&wanted), "{config}");
    for (key, object) in wanted {
        assert_eq!(made[&key], object, "{config}");
    }
}

#[test]
fn the_chart_makes_what_the_command_prints() {
    let helm = or_skip!(Helm::alone());
    for config in configurations() {
        for version in ["1.30", "1.36"] {
            compare(&helm, &config, &["--kubernetes-version", version]);
        }
    }
}

#[test]
fn the_chart_makes_the_agents_that_the_command_prints() {
    let (helm, files) = (or_skip!(Helm::alone()), AgentFiles::new());
    for more in [
        &[][..],
        &["--cri-socket", "/run/containerd/containerd.sock"],
        &["--node-certificates", "/etc/corp/node"],
    ] {
        let arguments = files.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        compare(&helm, &with_agents(), &arguments);
    }
}

#[test]
fn helm_finds_nothing_to_say_of_the_chart() {
    let helm = or_skip!(Helm::alone());
    let shared = by_hand(&format!("{SAMPLE}{POSTGRES}"));
    let everything = by_hand(&format!("{}{POSTGRES}", with_agents()));
    let everything = with(&everything, EVERYTHING);
    for values in [printed(SAMPLE, &[]), shared, everything] {
        let told = helm.with_chart(&["lint", "--strict", "--quiet"], &values, &[]);
        assert!(told.ok(), "{}", told.text());
    }
}

/// The values with more of them, which are YAML.
fn with(values: &str, more: &str) -> String {
    let mut all: Value = serde_json::from_str(values).unwrap();
    let more: Value = serde_saphyr::from_str(more).unwrap();
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all.to_string()
}

/// Everything that can be switched on, over PostgreSQL.
fn everything(helm: &Helm) -> ByName {
    let config = format!("{}{POSTGRES}", with_agents());
    let values = with(&by_hand(&config), EVERYTHING);
    by_name(helm.template(&values, &[]).unwrap())
}

fn only<'o>(objects: &'o ByName, kind: &str, name: &str) -> &'o Value {
    let key = (format!("{kind:?}"), format!("{name:?}"));
    objects.get(&key).unwrap_or_else(|| panic!("{key:?}"))
}

#[test]
fn replicas_over_postgresql_are_spread_and_leave_no_gap() {
    let helm = or_skip!(Helm::alone());
    let values = by_hand(&format!("{SAMPLE}{POSTGRES}"));
    let objects = by_name(helm.template(&values, &[]).unwrap());
    let spec = &only(&objects, "Deployment", "sekisho")["spec"];
    assert_eq!(spec["replicas"], 2);
    let rolling = json!({ "maxUnavailable": 0, "maxSurge": 1 });
    assert_eq!(spec["strategy"]["rollingUpdate"], rolling);
    let pod = &spec["template"]["spec"];
    assert_eq!(
        pod["topologySpreadConstraints"][0]["topologyKey"],
        "kubernetes.io/hostname"
    );
    assert_eq!(
        pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"],
        10
    );
    let budget = only(&objects, "PodDisruptionBudget", "sekisho");
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
    let claims = objects.keys().filter(|(kind, _)| kind.contains("Claim"));
    assert_eq!(claims.count(), 0, "no claim that two would share");
}

#[test]
fn what_is_switched_on_leads_to_the_pods_of_the_program() {
    let helm = or_skip!(Helm::alone());
    let objects = everything(&helm);
    let spec = &only(&objects, "Deployment", "sekisho")["spec"];
    assert_eq!(spec["replicas"], Value::Null, "the autoscaler's");
    let labels = &spec["template"]["metadata"]["labels"];
    for (kind, name, pointer) in [
        ("Service", "sekisho-gateway", "/spec/selector"),
        ("Service", "sekisho-metrics", "/spec/selector"),
        ("NetworkPolicy", "sekisho", "/spec/podSelector/matchLabels"),
    ] {
        let selected = only(&objects, kind, name).pointer(pointer);
        assert_eq!(selected, Some(labels), "{name}");
    }
    let scaled = &only(&objects, "HorizontalPodAutoscaler", "sekisho")["spec"];
    assert_eq!(scaled["scaleTargetRef"]["name"], "sekisho");
    assert_eq!(scaled["maxReplicas"], 9);
    let monitored = &only(&objects, "ServiceMonitor", "sekisho")["spec"];
    let metrics = only(&objects, "Service", "sekisho-metrics");
    assert_eq!(
        monitored["selector"]["matchLabels"],
        metrics["metadata"]["labels"]
    );
    let certificate = &only(&objects, "Certificate", "sekisho")["spec"];
    assert_eq!(certificate["dnsNames"], json!(["registry.example"]));
    let volumes = spec["template"]["spec"]["volumes"].as_array().unwrap();
    let tls = volumes
        .iter()
        .find(|volume| volume["name"] == "tls")
        .unwrap();
    assert_eq!(tls["secret"]["secretName"], certificate["secretName"]);
}

#[test]
fn a_change_of_policy_restarts_nothing_and_one_of_an_address_does() {
    let helm = or_skip!(Helm::alone());
    let checksum = |config: &str| {
        let objects = by_name(helm.template(&by_hand(config), &[]).unwrap());
        let template = &only(&objects, "Deployment", "sekisho")["spec"]["template"];
        template["metadata"]["annotations"]["checksum/config"].clone()
    };
    let before = checksum(SAMPLE);
    assert!(before.is_string());
    let milder = SAMPLE.replace(
        "require = [\"scan\"]",
        "require = [\"scan\", \"promotion\"]",
    );
    assert_eq!(checksum(&milder), before);
    let moved = SAMPLE.replace("0.0.0.0:5082", "0.0.0.0:5083");
    assert_ne!(checksum(&moved), before);
}

#[test]
fn every_container_of_the_chart_is_restricted() {
    let helm = or_skip!(Helm::alone());
    let mut seen = 0;
    for object in everything(&helm).values() {
        let Some(pod) = object.pointer("/spec/template/spec") else {
            continue;
        };
        // The runtime's sockets are root's.
        let is_root = object["kind"] == "DaemonSet";
        assert_eq!(pod["securityContext"]["runAsNonRoot"] == true, !is_root);
        assert_eq!(
            pod["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        let container = &pod["containers"][0]["securityContext"];
        assert_eq!(container["readOnlyRootFilesystem"], true);
        assert_eq!(container["allowPrivilegeEscalation"], false);
        assert_eq!(container["capabilities"]["drop"], json!(["ALL"]));
        seen += 1;
    }
    assert_eq!(
        seen, 3,
        "the program, its agents, and the check of its configuration"
    );
}

#[test]
fn agents_are_told_what_the_values_say() {
    let helm = or_skip!(Helm::alone());
    let objects = everything(&helm);
    let set = only(&objects, "DaemonSet", "sekisho-node");
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].as_array().unwrap();
    for argument in [
        "--gateway=https://gate-a.corp:5080",
        "--gateway=https://gate-b.corp:5080",
        "--environment=production",
        "--nri-socket=/run/nri/nri.sock",
        "--cri-socket=/run/crio/crio.sock",
        "--canary-every=1h",
        "--guard-kube-system",
        "--metrics=[::]:5999",
    ] {
        assert!(
            arguments.contains(&json!(argument)),
            "{argument}: {arguments:?}"
        );
    }
    let port = json!([{ "name": "metrics", "containerPort": 5999 }]);
    assert_eq!(container["ports"], port);
    let monitor = &only(&objects, "PodMonitor", "sekisho-node")["spec"];
    assert_eq!(monitor["selector"], set["spec"]["selector"]);
    assert_eq!(monitor["podMetricsEndpoints"][0]["port"], "metrics");
}

/// Whatever YAML would make of it, where it stood bare.
#[test]
fn a_text_of_the_configuration_is_one_text_in_the_chart() {
    let helm = or_skip!(Helm::alone());
    let folder = "/data/a #b, {c}";
    let config = SAMPLE.replacen("/var/lib/sekisho", folder, 1);
    let objects = helm.template(&by_hand(&config), &[]).unwrap();
    let deployment = objects
        .iter()
        .find(|it| it["kind"] == "Deployment")
        .unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let mut mounts = container["volumeMounts"].as_array().unwrap().iter();
    let data = mounts.find(|mount| mount["name"] == "data").unwrap();
    assert_eq!(data["mountPath"], folder);
}
