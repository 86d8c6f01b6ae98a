//! The example of a registry behind Sekisho holds together.

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
    let services = &compose["services"];
    for service in ["registry", "sekisho"] {
        let volumes = services[service]["volumes"].as_array().unwrap();
        for volume in volumes.iter().map(|volume| volume.as_str().unwrap()) {
            let source = volume.split(':').next().unwrap();
            let exists = match source.strip_prefix("./") {
                Some(file) => Path::new(FOLDER).join(file).is_file(),
                None => compose["volumes"].get(source).is_some(),
            };
            assert!(exists, "{service}: {volume}");
        }
    }
    let dockerfile = services["sekisho"]["build"]["dockerfile"].as_str().unwrap();
    assert!(Path::new(FOLDER).join("..").join(dockerfile).is_file());
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
