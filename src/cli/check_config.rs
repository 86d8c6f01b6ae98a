//! `sekisho check-config`.

use clap::Args;
use serde::Serialize;

use super::arguments::{OutputArgs, SharedArgs};
use super::exceptions::CheckedFiles;
use super::failure::{Exit, Failure};
use super::output::{Output, say};
use crate::app::config::{Config, LimitsConfig, Problems};
use crate::oci::counted;

/// Check the configuration: every problem at once; exit 64 if there is any
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sekisho check-config --config /etc/sekisho/sekisho.toml
  sekisho check-config --output json | jq '.problems[].key'")]
pub struct CheckConfig {
    #[command(flatten)]
    screen: OutputArgs,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct ConfigReport<'a> {
    #[serde(flatten)]
    files: CheckedFiles<'a>,
    /// What follows is of a good configuration alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    listeners: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstreams: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environments: Option<usize>,
    /// In hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<&'a LimitsConfig>,
}

impl CheckConfig {
    pub fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        match (self.screen.output, shared.read()) {
            (Output::Text, Ok(config)) => say(&render(&config))?,
            (Output::Text, Err(problems)) => return Err(Failure::config(&problems)),
            (Output::Json, loaded) => return json(&loaded),
        }
        Ok(Exit::Done)
    }
}

/// The file is good; what is worth a second look follows.
fn render(config: &Config) -> String {
    let file = config.file.as_ref();
    let file = file.map_or_else(|| "defaults".to_owned(), |file| file.display().to_string());
    let policy = config.policy();
    let mut text = format!(
        "{file}: good: {}, {}, {}, {}, {}, policy {:016x}",
        counted(config.listeners.len(), "listener"),
        counted(config.upstreams.len(), "upstream"),
        counted(policy.environments().count(), "environment"),
        counted(policy.exceptions().len(), "exception"),
        counted(policy.advisories().len(), "advisory"),
        policy.revision(),
    );
    text.push_str(&format!("\nlimits of each listener: {}", config.limits));
    for warning in config.all_warnings() {
        text.push_str(&format!("\n{warning} (warning)"));
    }
    text
}

fn json(loaded: &Result<Config, Problems>) -> Result<Exit, Failure> {
    let (report, exit) = match loaded {
        Ok(config) => (good(config), Exit::Done),
        Err(found) => (bad(found), Exit::Config),
    };
    let text = serde_json::to_string_pretty(&report)
        .map_err(|error| Failure::new(format!("cannot write the report: {error}")))?;
    say(&text)?;
    Ok(exit)
}

fn good(config: &Config) -> ConfigReport<'_> {
    let policy = config.policy();
    ConfigReport {
        files: CheckedFiles {
            ok: true,
            problems: &[],
            warnings: config.all_warnings().collect(),
            exceptions: policy.exceptions().len(),
            advisories: policy.advisories().len(),
        },
        listeners: Some(config.listeners.len()),
        upstreams: Some(config.upstreams.len()),
        environments: Some(policy.environments().count()),
        policy_revision: Some(format!("{:016x}", policy.revision())),
        limits: Some(&config.limits),
    }
}

fn bad(found: &Problems) -> ConfigReport<'_> {
    ConfigReport {
        files: CheckedFiles::bad(found),
        listeners: None,
        upstreams: None,
        environments: None,
        policy_revision: None,
        limits: None,
    }
}
