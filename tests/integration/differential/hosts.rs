//! `hosts.toml`, as containerd 1.7 and 2.4 read it: a file that the doctor finds closed
//! leads to the gateway alone.

use sekisho::diagnosis::Gravity;
use sekisho::nodes::doctor::{ExpectedNode, HostsDirectory, HostsRoot, judge_containerd};
use sekisho::nodes::{GatewayUrl, Runtime};

use super::{assert_agree, corpus};

#[derive(serde::Deserialize)]
struct Row {
    #[serde(rename = "in")]
    text: String,
    newer: Option<Vec<String>>,
    older: Option<Vec<String>>,
}

fn expected() -> ExpectedNode {
    ExpectedNode {
        gateways: vec![GatewayUrl::parse("https://gate.corp:5080").unwrap()],
        registries: Vec::new(),
        direct: Vec::new(),
    }
}

fn is_closed(text: &str) -> bool {
    let directory = |name: &str| HostsDirectory {
        name: name.to_owned(),
        hosts_toml: Some(text.to_owned()),
        missing: Vec::new(),
    };
    let root = HostsRoot {
        path: "/certs.d".to_owned(),
        directories: vec![directory("quay.io"), directory("_default")],
    };
    let found = judge_containerd(Runtime::Containerd, &[root], &expected());
    found.iter().all(|found| found.gravity == Gravity::Note)
}

#[test]
fn hosts_files_found_closed_lead_to_the_gateway_alone() {
    let (mut taken, mut differences) = (0, Vec::new());
    for row in corpus::<Row>("hosts") {
        if !is_closed(&row.text) {
            continue;
        }
        taken += 1;
        for (version, asked) in [("2.4", &row.newer), ("1.7", &row.older)] {
            // A port may begin with zeros.
            let named = |place: &String| place.replace(":0", ":").to_ascii_lowercase();
            let elsewhere = |place: &String| named(place) != "https://gate.corp:5080";
            let asked = asked.as_deref().unwrap_or_default();
            if asked.iter().any(elsewhere) {
                let text = &row.text;
                differences.push(format!("{text:?}: containerd {version} asks {asked:?}"));
            }
        }
    }
    assert_agree(&differences, taken, 200);
}
