//! The rules for Prometheus: `promtool` reads them and runs their unit tests; each alert
//! says what to do, and nothing names a metric that there is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::lab::{Missing, Outcome, installed, or_skip, outcome};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus");

fn promtool(arguments: &[&str]) -> Result<Outcome, Missing> {
    let mut command = Command::new(installed("promtool")?);
    Ok(outcome(command.args(arguments).current_dir(FOLDER)))
}

fn yaml(name: &str) -> Value {
    let text = fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn alerts() -> Vec<Value> {
    let rules = yaml("rules.yml");
    let groups = rules["groups"].as_array().unwrap().clone();
    let rules = groups
        .into_iter()
        .flat_map(|group| group["rules"].as_array().unwrap().clone());
    rules.filter(|rule| rule["alert"].is_string()).collect()
}

fn name(alert: &Value) -> &str {
    alert["alert"].as_str().unwrap()
}

#[test]
fn prometheus_reads_the_rules_and_both_examples() {
    for arguments in [
        ["check", "rules", "rules.yml"],
        ["check", "config", "prometheus.yml"],
        ["check", "config", "federation.yml"],
    ] {
        let told = or_skip!(promtool(&arguments));
        assert!(told.ok(), "{arguments:?}: {}", told.text());
    }
}

#[test]
fn each_alert_fires_in_its_test_and_none_in_a_healthy_series() {
    let told = or_skip!(promtool(&["test", "rules", "rules.test.yml"]));
    assert!(told.ok(), "{}", told.text());
    let tests = yaml("rules.test.yml");
    let named: BTreeSet<&str> = tests["tests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|test| test["name"].as_str().unwrap())
        .collect();
    for alert in alerts() {
        assert!(named.contains(name(&alert)), "{} has no test", name(&alert));
    }
}

#[test]
fn each_alert_says_what_it_is_how_grave_and_what_to_do() {
    for alert in alerts() {
        let severity = alert["labels"]["severity"].as_str().unwrap();
        let known = ["critical", "warning", "info"].contains(&severity);
        assert!(known, "{alert}");
        for text in ["summary", "description"] {
            let text = alert["annotations"][text].as_str().unwrap();
            assert!(text.len() > 15, "{alert}");
        }
    }
}

#[test]
fn each_alert_leads_to_its_paragraph_and_no_paragraph_is_of_another() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/operations.md")).unwrap();
    let described: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|title| title.starts_with("Sekisho"))
        .collect();
    let alerts = alerts();
    let named: BTreeSet<&str> = alerts.iter().map(name).collect();
    assert_eq!(described, named);
    for alert in &alerts {
        let link = alert["annotations"]["runbook_url"].as_str().unwrap();
        let end = format!("docs/operations.md#{}", name(alert).to_lowercase());
        assert!(link.ends_with(&end), "{link}");
    }
}

/// How grave it is, and how long it lasts before it fires: who is woken reads that first.
#[test]
fn each_paragraph_says_how_grave_its_alert_is() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/operations.md")).unwrap();
    for alert in alerts() {
        let severity = alert["labels"]["severity"].as_str().unwrap();
        let after = alert["for"].as_str();
        let after = after.map_or_else(String::new, |time| format!(", after {time}"));
        let begins = format!("\n### {}\n\n`{severity}`{after}. ", name(&alert));
        assert!(page.contains(&begins), "{begins}");
    }
}

#[test]
fn rules_and_dashboards_name_no_metric_that_there_is_not() {
    let known = fs::read_to_string(Path::new(ROOT).join("docs/metrics.md")).unwrap();
    for folder in ["config/prometheus", "config/grafana"] {
        for file in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
            let file = file.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            let words = text.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '_'));
            for word in words.filter(|word| word.starts_with("sekisho_") && *word != "sekisho_") {
                let base = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|part| word.strip_suffix(part))
                    .unwrap_or(word);
                let row = format!("| `{base}` |");
                assert!(known.contains(&row), "{}: {word}", file.display());
            }
        }
    }
}
