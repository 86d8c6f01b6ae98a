//! The example of a registry behind Sekisho holds together.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::lab::{Missing, installed, or_skip, outcome, run};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docker");
const TO_JSON: &str =
    "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";

#[test]
fn the_compose_file_names_only_what_exists() {
    let compose = or_skip!(read());
    let services = compose["services"].as_object().unwrap();
    for (service, it) in services {
        for volume in texts(&it["volumes"]) {
            let source = volume.split(':').next().unwrap();
            let exists = match source.strip_prefix("./") {
                Some(file) => Path::new(FOLDER).join(file).is_file(),
                None => compose["volumes"].get(source).is_some(),
            };
            assert!(exists, "{service}: {volume}");
        }
        for secret in texts(&it["secrets"]) {
            assert!(
                compose["secrets"].get(secret).is_some(),
                "{service}: {secret}"
            );
        }
        for other in names(&it["depends_on"]) {
            assert!(services.contains_key(other), "{service}: {other}");
        }
    }
    let dockerfile = services["sekisho"]["build"]["dockerfile"].as_str().unwrap();
    assert!(Path::new(FOLDER).join("..").join(dockerfile).is_file());
}

/// What is for two replicas does not start unasked, and no port of it is another's.
#[test]
fn the_replicas_of_the_compose_file_start_on_demand_alone() {
    let compose = or_skip!(read());
    let services = compose["services"].as_object().unwrap();
    let mut ports: Vec<&str> = Vec::new();
    for (service, it) in services {
        let is_plain = ["registry", "sekisho"].contains(&service.as_str());
        let profiles = texts(&it["profiles"]);
        assert_eq!(profiles.is_empty(), is_plain, "{service}: {profiles:?}");
        ports.extend(texts(&it["ports"]));
    }
    let published = |port: &&str| port.rsplit_once(':').unwrap().0.to_owned();
    let mut once: Vec<String> = ports.iter().map(published).collect();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ports.len(), "{ports:?}");
    assert!(ports.iter().all(|port| port.starts_with("127.0.0.1:")));
}

/// The replicas are not told twice where their stores are.
#[test]
fn the_replicas_of_the_compose_file_lead_to_its_services() {
    let compose = or_skip!(read());
    let text = fs::read_to_string(format!("{FOLDER}/replicas.toml")).unwrap();
    let config: toml::Table = toml::from_str(&text).unwrap();
    let read = |table: &str, key: &str| config[table][key].as_str().unwrap().to_owned();
    let (ledger, endpoint) = (read("ledger", "url"), read("cache", "remote_endpoint"));
    assert!(ledger.contains("@ledger/"), "{ledger}");
    assert!(endpoint.starts_with("http://bytes:"), "{endpoint}");
    let bucket = read("cache", "remote");
    let folder = texts(&compose["services"]["bytes"]["volumes"])[0];
    let (_, folder) = folder.rsplit_once('/').unwrap();
    assert!(bucket.starts_with(&format!("s3://{folder}/")), "{bucket}");
}

#[test]
fn haproxy_reads_the_load_balancer_of_the_compose_file() {
    let haproxy = or_skip!(installed("haproxy"));
    let file = format!("{FOLDER}/haproxy.cfg");
    let told = outcome(Command::new(haproxy).args(["-c", "-q", "-f", &file]));
    assert!(told.ok(), "{}", told.text());
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.map(|one| one.as_str().unwrap()).collect()
}

/// Of a list, or of a table.
fn names(of: &Value) -> Vec<&str> {
    match of.as_object() {
        Some(table) => table.keys().map(String::as_str).collect(),
        None => texts(of),
    }
}

/// By Docker's own reading where it has the plugin, else as plain YAML.
fn read() -> Result<Value, Missing> {
    let file = format!("{FOLDER}/compose.yaml");
    if installed("docker").is_ok()
        && outcome(Command::new("docker").args(["compose", "version"])).ok()
    {
        outcome(Command::new("docker").args(["compose", "--file", &file, "config", "--quiet"]))
            .expect_ok();
    }
    let parsed = outcome(Command::new(installed("python3")?).args(["-c", TO_JSON, &file]));
    if parsed.stderr.contains("ModuleNotFoundError") {
        return Err(Missing::new("python3 has no yaml module"));
    }
    Ok(serde_json::from_str(&parsed.expect_ok()).unwrap())
}

#[test]
fn the_configuration_of_the_compose_file_is_good() {
    run(&[
        "check-config",
        "--config",
        &format!("{FOLDER}/sekisho.toml"),
    ])
    .expect_ok();
}

#[test]
fn the_configuration_of_its_replicas_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(format!("{FOLDER}/replicas.toml")).unwrap();
    let secret = "/run/secrets/ledger-password";
    assert!(text.contains(secret));
    fs::write(folder.path().join("password"), "sesame").unwrap();
    let file = folder.path().join("replicas.toml");
    fs::write(&file, text.replace(secret, "password")).unwrap();
    run(&["check-config", "--config", file.to_str().unwrap()]).expect_ok();
}
