//! The templates of the GitLab component hold together: what they use is declared,
//! and the scripts, jobs and variables that they name exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::lab::{Missing, SCRIPTS, installed, or_skip, outcome};

const TEMPLATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/gitlab/templates");
const TO_JSON: &str =
    "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";

/// Variables that jobs have from the project's settings or from the image of jobs.
const FROM_OUTSIDE: [&str; 6] = [
    "SEKISHO_SCANNER_TOKEN",
    "SEKISHO_PROMOTER_TOKEN",
    "SEKISHO_VIEWER_TOKEN",
    "SEKISHO_MANIFESTS_TOKEN",
    "SEKISHO_MANIFESTS_USER",
    "SEKISHO_REGISTRY_INSECURE",
];

/// One template: what it takes, and its jobs as text and as values.
struct Template {
    name: String,
    inputs: Value,
    jobs: Value,
}

#[test]
fn every_input_that_is_used_is_declared_and_the_reverse() {
    for template in or_skip!(templates()) {
        let text = template.jobs.to_string();
        let used: BTreeSet<&str> = text
            .split("$[[ inputs.")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once(" ]]")?.0))
            .collect();
        let declared = template.inputs.as_object().unwrap();
        let declared: BTreeSet<&str> = declared.keys().map(String::as_str).collect();
        assert_eq!(used, declared, "{}", template.name);
        for (name, input) in template.inputs.as_object().unwrap() {
            assert!(
                input["description"].is_string(),
                "{}: {name}",
                template.name
            );
        }
    }
}

#[test]
fn every_script_that_a_job_runs_exists_and_every_needed_job_too() {
    let mut run = BTreeSet::new();
    for template in or_skip!(templates()) {
        let jobs = template.jobs.as_object().unwrap();
        for (name, job) in jobs {
            for line in job["script"].as_array().into_iter().flatten() {
                let script = line
                    .as_str()
                    .unwrap()
                    .strip_prefix("$[[ inputs.scripts ]]/");
                let script = script.unwrap_or_else(|| panic!("{name} runs {line}"));
                assert!(
                    Path::new(SCRIPTS).join(script).is_file(),
                    "{name}: {script}"
                );
                run.insert(script.to_owned());
            }
            for need in job["needs"].as_array().into_iter().flatten() {
                let need = need.as_str().or(need["job"].as_str()).unwrap();
                assert!(jobs.contains_key(need), "{name} needs {need}");
            }
        }
    }
    let programs = ["shared.sh", "git.sh", "trivy.sh"];
    for script in fs::read_dir(SCRIPTS).unwrap() {
        let script = script.unwrap().file_name().into_string().unwrap();
        let known = run.contains(&script) || programs.contains(&&*script);
        assert!(known, "no job runs {script}");
    }
}

#[test]
fn every_variable_that_a_job_sets_is_documented_at_the_top_of_a_script() {
    let documented = documentation();
    for template in or_skip!(templates()) {
        for (name, job) in template.jobs.as_object().unwrap() {
            let variables = job["variables"].as_object();
            for variable in variables
                .into_iter()
                .flatten()
                .map(|(variable, _)| variable)
            {
                let ours = variable.starts_with("SEKISHO_");
                assert!(!ours || documented.contains(variable), "{name}: {variable}");
            }
        }
    }
}

#[test]
fn the_variables_of_project_and_runner_are_in_the_readme() {
    let readme = fs::read_to_string(format!("{TEMPLATES}/../README.md")).unwrap();
    for variable in FROM_OUTSIDE {
        assert!(readme.contains(variable), "{variable}");
    }
}

/// The comments at the top of all scripts.
fn documentation() -> String {
    let mut text = String::new();
    for script in fs::read_dir(SCRIPTS).unwrap() {
        let script = fs::read_to_string(script.unwrap().path()).unwrap();
        let comments = script.lines().take_while(|line| line.starts_with('#'));
        text.extend(comments.flat_map(|line| [line, "\n"]));
    }
    text
}

fn templates() -> Result<Vec<Template>, Missing> {
    let python = installed("python3")?;
    let mut templates = Vec::new();
    for file in fs::read_dir(TEMPLATES).unwrap() {
        let file = file.unwrap().path();
        let parsed = outcome(Command::new(&python).args(["-c", TO_JSON]).arg(&file));
        if parsed.stderr.contains("ModuleNotFoundError") {
            return Err(Missing::new("python3 has no yaml module"));
        }
        let mut documents: Vec<Value> = serde_json::from_str(&parsed.expect_ok()).unwrap();
        let (jobs, spec) = (documents.pop().unwrap(), documents.pop().unwrap());
        templates.push(Template {
            name: file.display().to_string(),
            inputs: spec["spec"]["inputs"].clone(),
            jobs,
        });
    }
    Ok(templates)
}
