//! `sekisho kubernetes manifests`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::node_agent::NodeAgentArgs;
use super::{cluster, helm, node_agent, outside, program};
use crate::app;
use crate::app::config::{ClusterConfig, Config};
use crate::cli::arguments::{SharedArgs, output};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Output, say};
use crate::kubernetes::objects::{
    AgentWorkload, Endpoint, Installation, InstallationError, KubernetesVersion, Workload, list,
    to_yaml, webhook_configurations,
};

/// Print what to apply to a cluster, as YAML
#[derive(Debug, Args)]
#[command(
    after_help = "What is printed follows the configuration of `serve`: the cluster's table in
[[clusters]], the upstreams, the addresses. With the program in the cluster that is
the workload and the policies; the webhooks are put in force by the program itself,
once they have answered. With --webhook-url it is the webhooks and the policies.
With --node-agent it is the agent of each node, too, in a namespace of its own.

Examples:
  sekisho kubernetes manifests --image registry.corp/sekisho:1 | kubectl apply --server-side -f -
  sekisho kubernetes manifests --image registry.corp/sekisho:1 --helm-values > values.yaml
  sekisho kubernetes manifests --only policies --kubernetes-version 1.36
  sekisho kubernetes manifests --cluster production-a --webhook-url https://sekisho.corp:5443
  sekisho kubernetes manifests --only node-agent --image registry.corp/sekisho:1 --snapshot-key nodes.pub --gateway-ca ca.crt"
)]
pub struct ManifestsArgs {
    /// Its name in [[clusters]]; may be left out where there is one
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Where Sekisho runs in it; must be what [[clusters]] says
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Sekisho's own image, from a registry that nodes reach without the gateway
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// How many Pods run, where [ledger] url leads to PostgreSQL; else one does [default: 2]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100))]
    replicas: Option<u32>,
    /// Only this part
    #[arg(
        long,
        value_name = "workload|webhooks|policies|node-agent",
        conflicts_with = "node_agent"
    )]
    only: Option<Part>,
    /// The webhook of a Sekisho outside the cluster, as its API server reaches it
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// PEM certificates that the API server is to trust the webhook by; by default
    /// those of Sekisho's own authority in data_dir
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The cluster's version; from 1.36 on it can rewrite images by itself
    #[arg(long, value_name = "VERSION", default_value = "1.30")]
    kubernetes_version: KubernetesVersion,
    /// The values of the chart in config/helm/sekisho instead, which makes the same objects
    #[arg(long, conflicts_with_all = ["only", "webhook_url", "output"])]
    helm_values: bool,
    #[command(flatten)]
    agent: NodeAgentArgs,
    /// text for YAML, json for one List
    #[arg(short, long, value_name = "text|json", default_value = "text", value_parser = output())]
    output: Output,
}

/// A part of what is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Workload,
    Webhooks,
    Policies,
    NodeAgent,
}

impl ManifestsArgs {
    pub fn run(self, shared: &SharedArgs) -> Result<Exit, Failure> {
        let config = shared.load_parts(None)?;
        let cluster = cluster::named(&config, self.cluster.as_deref())?;
        self.check_namespace(cluster)?;
        let installation = self.installation(&config, cluster)?;
        if self.helm_values {
            return self.say_values(&config, cluster, &installation);
        }
        let mut objects = Vec::new();
        for part in self.parts()? {
            objects.extend(match part {
                Part::Workload => self.workload(&config, &installation)?,
                Part::Webhooks => webhook_configurations(&installation),
                Part::Policies => installation.policies(self.kubernetes_version),
                Part::NodeAgent => {
                    let agent = self.node_agent(&config, cluster)?;
                    installation.node_agent(&agent).map_err(refused)?
                }
            });
        }
        match self.output {
            Output::Json => say(&format!("{:#}", list(objects)))?,
            Output::Text => {
                say(&to_yaml(&self.preface(&config, cluster)?, &objects).map_err(refused)?)?
            }
        }
        Ok(Exit::Done)
    }

    /// What is printed, in an order in which it can be applied.
    fn parts(&self) -> Result<Vec<Part>, Failure> {
        let mut parts = match (self.only, &self.webhook_url) {
            (Some(Part::Workload), Some(_)) => {
                return Err(Failure::usage(
                    "--webhook-url is for a Sekisho outside the cluster, --only workload for one in it",
                ));
            }
            (Some(part), _) => vec![part],
            (None, None) => vec![Part::Workload, Part::Policies],
            (None, Some(_)) => vec![Part::Policies, Part::Webhooks],
        };
        parts.extend(self.agent.node_agent.then_some(Part::NodeAgent));
        Ok(parts)
    }

    /// The running program knows its namespace from its configuration alone.
    fn check_namespace(&self, cluster: &ClusterConfig) -> Result<(), Failure> {
        match &self.namespace {
            Some(name) if name != cluster.home() => {
                let message = format!("--namespace {name}: configured is {}", cluster.home());
                let step = format!("write namespace = {name:?} in its table of [[clusters]]");
                Err(Failure::usage(message).next(step))
            }
            _ => Ok(()),
        }
    }

    fn installation(
        &self,
        config: &Config,
        cluster: &ClusterConfig,
    ) -> Result<Installation, Failure> {
        let mut installation = app::installation(config, cluster).map_err(refused)?;
        if let Some(url) = &self.webhook_url {
            let bare = url.strip_suffix('/').unwrap_or(url);
            installation.endpoint = Endpoint::Url(bare.to_owned());
        }
        if self.parts()?.contains(&Part::Webhooks) {
            installation.ca_bundle =
                Some(outside::bundle(self.ca.as_deref(), config, &installation)?);
        }
        installation.check().map_err(refused)?;
        Ok(installation)
    }

    fn say_values(
        &self,
        config: &Config,
        cluster: &ClusterConfig,
        installation: &Installation,
    ) -> Result<Exit, Failure> {
        let program = self.program(config, installation)?;
        // Whatever is refused there is refused here.
        installation.workload(&program).map_err(refused)?;
        let mut values = helm::values(&program, installation.policies(self.kubernetes_version));
        if self.agent.node_agent {
            let agent = self.node_agent(config, cluster)?;
            installation.node_agent(&agent).map_err(refused)?;
            values["nodeAgent"] = helm::node_agent(&agent);
        }
        let preface = helm::preface(installation);
        say(&to_yaml(&preface, &[values]).map_err(refused)?)?;
        Ok(Exit::Done)
    }

    fn workload(
        &self,
        config: &Config,
        installation: &Installation,
    ) -> Result<Vec<serde_json::Value>, Failure> {
        let program = self.program(config, installation)?;
        installation.workload(&program).map_err(refused)
    }

    fn program(&self, config: &Config, installation: &Installation) -> Result<Workload, Failure> {
        let program = program::workload(config, installation, self.image()?, self.replicas)?;
        program::check_files(config, &program, self.helm_values)?;
        Ok(program)
    }

    fn node_agent(
        &self,
        config: &Config,
        cluster: &ClusterConfig,
    ) -> Result<AgentWorkload, Failure> {
        self.agent.workload(config, cluster, self.image()?)
    }

    fn image(&self) -> Result<&str, Failure> {
        let missing = || {
            Failure::usage("--image is missing")
                .next("name Sekisho's own image, as registry.corp/sekisho:1")
        };
        self.image.as_deref().ok_or_else(missing)
    }

    fn preface(&self, config: &Config, cluster: &ClusterConfig) -> Result<String, Failure> {
        let parts = self.parts()?;
        let mut text = format!(
            "Sekisho for the cluster {}. Apply it as a whole:\n\
             kubectl apply --server-side -f FILE\n",
            cluster.name
        );
        if parts.contains(&Part::Workload) {
            text.push_str(&program::preface(config));
        }
        if parts.contains(&Part::Webhooks) {
            text.push_str(outside::WEBHOOKS_PREFACE);
        }
        if parts.contains(&Part::NodeAgent) {
            text.push_str(&node_agent::preface(cluster));
        }
        Ok(text)
    }
}

fn refused(error: InstallationError) -> Failure {
    Failure::new(error.to_string())
}
