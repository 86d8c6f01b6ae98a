//! `sekisho kubernetes doctor`.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::verdicts;
use crate::app::config::{ClusterConfig, Config};
use crate::app::{self, bounded};
use crate::cli::arguments::{OutputArgs, SharedArgs};
use crate::cli::client::RemoteArgs;
use crate::cli::diagnosis::{self, Entry};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Palette;
use crate::diagnosis::{Diagnosis, Gravity, is_sound};
use crate::kubernetes::client::{KubernetesClient, SnapshotScope};
use crate::kubernetes::doctor::{
    ExpectedCluster, LenientNamespaces, PrintedObjects, judge, judge_images, questions,
};
use crate::kubernetes::objects::{
    Endpoint, Installation, KubernetesVersion, webhook_configurations,
};
use crate::trust::{Exposure, Mode};

/// Columns of the word before each thing.
const SEVERITY_COLUMNS: usize = 7;
/// Set by the kubelet in every container.
const SERVICE_HOST_VARIABLE: &str = "KUBERNETES_SERVICE_HOST";

/// Say what is wrong in a cluster; exit 1 if anything is
#[derive(Debug, Args)]
#[command(
    after_help = "Reads the cluster as its API server has it: our webhooks and their certificate, the
webhooks of others that could hold up Sekisho itself, time-outs, exempt namespaces
and who could make one. Then one Pod is tried in a dry run, and every image that
runs is judged as if it were pulled now. Nothing is changed.

Examples:
  sekisho kubernetes doctor
  sekisho kubernetes doctor --cluster production-a --kubeconfig ~/.kube/config
  sekisho kubernetes doctor --output json | jq '.findings[] | select(.severity == \"wrong\")'"
)]
pub struct KubernetesDoctorArgs {
    /// Its name in [[clusters]]; may be left out where there is one
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// How the API server is reached; by default what the configuration names, else the
    /// Pod's service account, else KUBECONFIG and ~/.kube/config
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Where the Pod of the dry run would be made; a namespace that is judged
    #[arg(long, value_name = "NAME", default_value = "default")]
    trial_namespace: String,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    screen: OutputArgs,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct ClusterReport<'a> {
    cluster: &'a str,
    ok: bool,
    images: usize,
    findings: Vec<ClusterFindingView<'a>>,
}

#[derive(Serialize)]
struct ClusterFindingView<'a> {
    severity: &'static str,
    what: &'a str,
    why: &'a str,
    next_step: &'a str,
}

impl KubernetesDoctorArgs {
    pub async fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let config = shared.load_parts(Some(&["clusters", "upstreams", "webhook"]))?;
        let table = super::cluster::named(&config, self.cluster.as_deref())?;
        let expected = expected(table, printed(&config, table)?);
        let now = Timestamp::now();
        let snapshot = self
            .connect(table)
            .await?
            .snapshot(&self.scope(&config, &expected), now)
            .await;
        let mut findings = judge(&snapshot, &expected, now);
        let questions = questions(&snapshot, &expected);
        let images = questions.len();
        let client = self.remote.client(shared)?;
        let answers = verdicts::ask(&client, table, questions).await;
        findings.extend(judge_images(&answers));
        findings.sort_by_key(|finding| finding.gravity);
        self.show(&expected, images, &findings)
    }

    async fn connect(&self, table: &ClusterConfig) -> Result<KubernetesClient, Failure> {
        let configured = self.kubeconfig.clone().or_else(|| table.kubeconfig.clone());
        let file = configured.or_else(usual_kubeconfig);
        if let Some(file) = &file {
            // The library would read what has no end.
            bounded::bytes(file)
                .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        }
        let cluster = KubernetesClient::connect(file.as_deref()).await;
        let cluster = cluster.map_err(|error| Failure::new(error.to_string()))?;
        cluster.ok_or_else(|| {
            Failure::new("no way to the API server is known").next("name it by --kubeconfig FILE")
        })
    }

    fn scope(&self, config: &Config, expected: &ExpectedCluster) -> SnapshotScope {
        let trial = config.upstreams.first().map(|upstream| {
            let image = format!("{}/library/sekisho-doctor:1", upstream.name);
            (self.trial_namespace.clone(), image)
        });
        SnapshotScope {
            namespace: expected.namespace.clone(),
            configuration: expected.configuration(),
            trial,
            inside: env::var_os(SERVICE_HOST_VARIABLE).is_some(),
        }
    }

    fn show(
        &self,
        expected: &ExpectedCluster,
        images: usize,
        findings: &[Diagnosis],
    ) -> Result<Exit, Failure> {
        let ok = is_sound(findings);
        let report = ClusterReport {
            cluster: &expected.cluster,
            ok,
            images,
            findings: findings.iter().map(view).collect(),
        };
        let raw = serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::new(format!("cannot write the report: {error}")))?;
        self.screen
            .output
            .show(&raw, |palette| render(&report, palette))?;
        Ok(diagnosis::exit(ok))
    }
}

/// Outside a cluster, where `kubectl` looks.
fn usual_kubeconfig() -> Option<PathBuf> {
    if env::var_os(SERVICE_HOST_VARIABLE).is_some() {
        return None;
    }
    let named = env::var_os("KUBECONFIG").and_then(|paths| env::split_paths(&paths).next());
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".kube/config"));
    named.or(home).filter(|file| file.is_file())
}

/// What `manifests` prints for the cluster, whatever it is told of where the webhook is.
fn printed(config: &Config, table: &ClusterConfig) -> Result<PrintedObjects, Failure> {
    let mut installation =
        app::installation(config, table).map_err(|error| Failure::new(error.to_string()))?;
    let print = |installation: &Installation| {
        let mut objects = webhook_configurations(installation);
        objects.extend(installation.policies(KubernetesVersion::MUTATES));
        objects
    };
    let at_home = print(&installation);
    installation.endpoint = Endpoint::Url(String::new());
    Ok(PrintedObjects {
        at_home,
        elsewhere: print(&installation),
    })
}

fn expected(table: &ClusterConfig, printed: PrintedObjects) -> ExpectedCluster {
    let lenient = |mode: Mode| mode != Mode::Enforce;
    let rules = table.namespaces.iter().filter_map(|rule| {
        let mode = rule.mode.filter(|mode| lenient(*mode))?;
        Some(LenientNamespaces {
            globs: rule.globs.clone(),
            mode: mode.as_str().to_owned(),
        })
    });
    ExpectedCluster {
        cluster: table.name.clone(),
        namespace: table.home().to_owned(),
        runs_here: table.namespace.is_some(),
        exempt: table.exempt_namespaces.clone(),
        lenient: rules.collect(),
        gateway: table.gateway.to_string(),
        internal: table.exposure == Exposure::Internal,
        printed,
    }
}

const fn word(gravity: Gravity) -> &'static str {
    match gravity {
        Gravity::Wrong => "wrong",
        Gravity::Unknown => "unknown",
        Gravity::Note => "note",
    }
}

fn view(finding: &Diagnosis) -> ClusterFindingView<'_> {
    ClusterFindingView {
        severity: word(finding.gravity),
        what: &finding.what,
        why: &finding.why,
        next_step: &finding.next_step,
    }
}

fn render(report: &ClusterReport<'_>, palette: Palette) -> String {
    let findings: String = report
        .findings
        .iter()
        .map(|finding| line(finding, palette))
        .collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &report.findings {
        *counts.entry(finding.severity).or_default() += 1;
    }
    let count = |severity| counts.get(severity).copied().unwrap_or(0);
    let end = format!(
        "{}: {} wrong, {} unknown, {} to note; {} running images were judged",
        report.cluster,
        count("wrong"),
        count("unknown"),
        count("note"),
        report.images
    );
    let end = match report.ok {
        true => palette.good(&end),
        false => palette.bad(&end),
    };
    format!("{findings}{end}")
}

fn line(finding: &ClusterFindingView<'_>, palette: Palette) -> String {
    let entry = Entry {
        word: finding.severity,
        width: SEVERITY_COLUMNS,
        indent: 0,
        what: finding.what,
        why: finding.why,
        next_step: finding.next_step,
    };
    entry.render(palette)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_has_its_next_step_and_the_end_counts_them() {
        let finding = ClusterFindingView {
            severity: "wrong",
            what: "no Pod is ready",
            why: "Pods are not judged\u{1b}",
            next_step: "bring it up",
        };
        let report = ClusterReport {
            cluster: "prod",
            ok: false,
            images: 3,
            findings: vec![finding],
        };
        assert_eq!(
            render(&report, Palette::plain()),
            "wrong    no Pod is ready\n         Pods are not judged?\n         next: bring it up\n\
             prod: 1 wrong, 0 unknown, 0 to note; 3 running images were judged"
        );
    }
}
