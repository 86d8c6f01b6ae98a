//! `registries.conf` with drop-ins, as containers/image reads it: files that the doctor finds
//! closed lead to the gateway alone.

use sekisho::diagnosis::Gravity;
use sekisho::nodes::doctor::{ConfFile, ExpectedNode, read_registries};
use sekisho::nodes::{GatewayUrl, Runtime};
use sekisho::oci::RegistryHost;

use super::{assert_agree, corpus};

#[derive(serde::Deserialize)]
struct Row {
    files: Vec<String>,
    asked: Option<Vec<String>>,
}

fn is_closed(files: &[String]) -> bool {
    let expected = ExpectedNode {
        gateways: vec![GatewayUrl::parse("https://gate.corp:5080").unwrap()],
        registries: vec![RegistryHost::parse("quay.io").unwrap()],
        direct: Vec::new(),
    };
    let each = files.iter().enumerate().map(|(at, text)| ConfFile {
        path: format!("{at}.conf"),
        text: text.clone(),
    });
    let read = read_registries(&each.collect::<Vec<_>>());
    let found = read.findings(Runtime::Podman, "/etc/containers", &expected);
    found.iter().all(|found| found.gravity == Gravity::Note)
}

#[test]
fn registries_files_found_closed_lead_to_the_gateway_alone() {
    let (mut taken, mut differences) = (0, Vec::new());
    for row in corpus::<Row>("registries") {
        if !is_closed(&row.files) {
            continue;
        }
        taken += 1;
        let asked = row.asked.as_deref().unwrap_or_default();
        let elsewhere = |place: &String| !place.eq_ignore_ascii_case("gate.corp:5080");
        if asked.iter().any(elsewhere) {
            differences.push(format!("{:?}: it asks {asked:?}", row.files));
        }
    }
    assert_agree(&differences, taken, 25);
}
