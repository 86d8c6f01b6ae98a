//! What the agents of nodes may, and what is refused of them.

use serde_json::{Value, json};

use super::sample::{agent, installation, of_kind, program, with_agents};
use crate::kubernetes::objects::{AgentIdentity, AgentWorkload, InstallationError};

fn pod_of(agent: &AgentWorkload) -> Value {
    let objects = with_agents().node_agent(agent).unwrap();
    of_kind(&objects, "DaemonSet")[0]["spec"]["template"]["spec"].clone()
}

fn folders_of_the_node(pod: &Value) -> Vec<&str> {
    let volumes = pod["volumes"].as_array().unwrap();
    let paths = volumes.iter().map(|volume| &volume["hostPath"]["path"]);
    paths.filter_map(Value::as_str).collect()
}

fn arguments(pod: &Value) -> Vec<&str> {
    let arguments = pod["containers"][0]["args"].as_array().unwrap();
    arguments.iter().filter_map(Value::as_str).collect()
}

#[test]
fn agents_see_of_their_node_what_they_need_and_no_more() {
    let pod = pod_of(&agent());
    assert_eq!(
        folders_of_the_node(&pod),
        ["/var/lib/sekisho-node", "/var/run/nri", "/run/containerd"]
    );
    let without = AgentWorkload {
        cri_socket: None,
        ..agent()
    };
    let folders = ["/var/lib/sekisho-node", "/var/run/nri"];
    assert_eq!(folders_of_the_node(&pod_of(&without)), folders);
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let written = mounts.iter().filter(|mount| mount["readOnly"] != true);
    let written: Vec<&Value> = written.map(|mount| &mount["name"]).collect();
    assert_eq!(written, ["state"]);
}

#[test]
fn agents_are_root_and_nothing_else() {
    let pod = pod_of(&agent());
    assert_eq!(pod["automountServiceAccountToken"], false);
    for absent in ["hostPID", "hostIPC"] {
        assert!(pod[absent].is_null(), "{absent}");
    }
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    let container = &pod["containers"][0]["securityContext"];
    let expected = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    });
    assert_eq!(container, &expected);
}

#[test]
fn the_programs_service_does_not_lead_to_agents() {
    let objects = installation().workload(&program()).unwrap();
    let selector = &of_kind(&objects, "Service")[0]["spec"]["selector"];
    let agents = with_agents().node_agent(&agent()).unwrap();
    let set = &of_kind(&agents, "DaemonSet")[0]["spec"];
    assert_eq!(
        set["selector"]["matchLabels"],
        set["template"]["metadata"]["labels"]
    );
    let name = "app.kubernetes.io/name";
    assert_ne!(selector[name], set["template"]["metadata"]["labels"][name]);
}

#[test]
fn agents_show_the_token_or_what_their_node_has() {
    let by_token = pod_of(&agent());
    assert!(arguments(&by_token).contains(&"--token-file=/etc/sekisho/token/token"));
    let by_certificate = pod_of(&AgentWorkload {
        identity: AgentIdentity::Certificate("/etc/corp/node".to_owned()),
        ..agent()
    });
    assert!(folders_of_the_node(&by_certificate).contains(&"/etc/corp/node"));
    let arguments = arguments(&by_certificate);
    assert!(!arguments.iter().any(|it| it.starts_with("--token-file")));
    assert!(arguments.contains(&"--client-key=/etc/sekisho/certificate/tls.key"));
}

#[test]
fn other_keys_make_other_pods() {
    let checksum = |agent: &AgentWorkload| {
        let objects = with_agents().node_agent(agent).unwrap();
        let template = &of_kind(&objects, "DaemonSet")[0]["spec"]["template"];
        template["metadata"]["annotations"]["checksum/trust"].clone()
    };
    let exchanged = AgentWorkload {
        snapshot_keys: "OTHER".to_owned(),
        ..agent()
    };
    assert_ne!(checksum(&agent()), checksum(&exchanged));
}

#[test]
fn refuses_a_namespace_whose_pods_would_wait_for_evidence() {
    let refused = installation().node_agent(&agent());
    assert_eq!(refused, Err(InstallationError::AgentNamespace));
}

#[test]
fn refuses_to_mount_the_root_of_a_node() {
    for bad in [
        "/containerd.sock",
        "containerd.sock",
        "/run/",
        "/a/../s",
        "//s",
        "/run/a b/s",
        "/run/x\n- evil: y",
        "/run/..",
        "",
    ] {
        let socket = AgentWorkload {
            cri_socket: Some(bad.to_owned()),
            ..agent()
        };
        let refused = with_agents().node_agent(&socket);
        assert_eq!(refused, Err(InstallationError::NodePath(bad.to_owned())));
    }
    for bad in ["/", "", "/etc/", "/etc/..", "etc"] {
        let folder = AgentWorkload {
            identity: AgentIdentity::Certificate(bad.to_owned()),
            ..agent()
        };
        let refused = with_agents().node_agent(&folder).unwrap_err();
        assert_eq!(refused, InstallationError::NodeFolder(bad.to_owned()));
        let told = refused.to_string();
        assert!(!told.contains("containerd.sock"), "{told}");
    }
}

#[test]
fn refuses_an_image_that_comes_through_the_gateway() {
    let own = AgentWorkload {
        image: "registry.example:5080/corp/sekisho:1".to_owned(),
        ..agent()
    };
    assert!(matches!(
        with_agents().node_agent(&own),
        Err(InstallationError::OwnImage(_))
    ));
}
