//! `sekisho node agent`: from arguments to tasks that run until a signal.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use super::arguments::RunAgent;
use crate::app::{self, Signals, bounded};
use crate::cli::failure::{Exit, Failure};
use crate::cli::service_manager::{tell_ready, tell_stopping};
use crate::clock::Clock;
use crate::http::{BoundListener, Connection, ConnectionLimits, StackLimits};
use crate::metrics::AgentMetrics;
use crate::node_agent::{
    AgentCondition, AgentOptions, Exemptions, GatewayAccess, NodeAgent, OwnPod,
};
use crate::node_snapshot::SnapshotPublicKey;
use crate::ops::{Health, HealthPart, MetricsPage, Ops, Readiness, ops_door};
use crate::tasks::Tasks;

/// For what is under way when the end comes.
const DRAIN_TIME: Duration = Duration::from_secs(5);

pub(super) async fn run(arguments: RunAgent) -> Result<Exit, Failure> {
    // Before any secret is read.
    app::forbid_core_dumps();
    let signals = Signals::hear();
    let (clock, tasks) = (Clock::system(), Tasks::new());
    let metrics_address = arguments.metrics;
    let options = options(arguments)?;
    let agent = NodeAgent::start(options, AgentMetrics::new(), &clock, &tasks)
        .map_err(|error| Failure::new(error.to_string()))?;
    if let Some(address) = metrics_address {
        serve_metrics(address, Arc::new(agent), clock, &tasks).await?;
    }
    tell_ready();
    let failed = tokio::select! {
        () = signals.stop() => false,
        task = tasks.failed() => {
            tracing::error!(task, "a part of the agent failed");
            true
        }
    };
    tell_stopping();
    tasks.drain(DRAIN_TIME).await;
    Ok(if failed { Exit::Failure } else { Exit::Done })
}

fn options(arguments: RunAgent) -> Result<AgentOptions, Failure> {
    for gateway in &arguments.gateway {
        check(gateway, arguments.token_file.is_some())?;
    }
    check_state_dir(&arguments.state_dir)?;
    let own_pod = arguments.pod_namespace.zip(arguments.pod_name);
    let own_pod = own_pod.map(|(namespace, name)| OwnPod { namespace, name });
    let client_certificate = arguments.client_certificate.zip(arguments.client_key);
    let machine = || {
        let system = rustix::system::uname();
        system.nodename().to_string_lossy().into_owned()
    };
    Ok(AgentOptions {
        access: GatewayAccess {
            gateways: arguments.gateway,
            token_file: arguments.token_file,
            client_certificate,
            ca: arguments.ca,
        },
        environment: arguments.environment,
        node: arguments.node.unwrap_or_else(machine),
        keys: keys(&arguments.key)?,
        state_dir: arguments.state_dir,
        nri_socket: arguments.nri_socket,
        cri_socket: arguments.cri_socket,
        exemptions: Exemptions {
            own_pod,
            guards_system_namespace: arguments.guard_kube_system,
        },
        canary_every: arguments.canary_every,
    })
}

fn keys(file: &Path) -> Result<Vec<SnapshotPublicKey>, Failure> {
    let failed = |problem: &dyn std::fmt::Display| {
        Failure::new(format!("--key {}: {problem}", file.display()))
    };
    let pem = bounded::text(file).map_err(|error| failed(&error))?;
    SnapshotPublicKey::all_from_pem(&pem).map_err(|error| failed(&error))
}

/// What is not there yet is made when there is something to keep; a file in its place would
/// let the agent forget, at each start, what it has to refuse.
fn check_state_dir(folder: &Path) -> Result<(), Failure> {
    let is_wrong = match fs::metadata(folder) {
        Ok(met) => !met.is_dir(),
        Err(error) => error.kind() == io::ErrorKind::NotADirectory,
    };
    match is_wrong {
        true => Err(
            Failure::usage(format!("--state-dir {} is no folder", folder.display()))
                .next("name a folder that outlives the agent, as /var/lib/sekisho-node"),
        ),
        false => Ok(()),
    }
}

/// A token goes over TLS, or not beyond this machine.
fn check(gateway: &Url, has_token: bool) -> Result<(), Failure> {
    let is_near = match gateway.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let wrong = match gateway.scheme() {
        _ if !gateway.has_host() || !gateway.username().is_empty() => "is no plain web address",
        "https" => return Ok(()),
        "http" if is_near || !has_token => return Ok(()),
        "http" => "would send the token in the clear",
        _ => "is no web address",
    };
    let named = gateway.host_str().unwrap_or_default();
    let failure = Failure::usage(format!("--gateway {named}: {wrong}"));
    Err(failure.next("write it as https://gateway.corp:5080"))
}

async fn serve_metrics(
    address: SocketAddr,
    agent: Arc<NodeAgent>,
    clock: Clock,
    tasks: &Tasks,
) -> Result<(), Failure> {
    let bound = BoundListener::bind("metrics", address).await;
    let bound = bound.map_err(|error| Failure::new(error.to_string()))?;
    tracing::info!(address = %bound.local_addr(), "metrics");
    let page = agent.clone();
    let ops = Ops {
        metrics: MetricsPage::new(move || page.metrics_page()),
        readiness: Readiness::new(move || health(&agent.condition(clock.now()))),
    };
    let door = Arc::new(ops_door(ops, StackLimits::OPS));
    let limits = ConnectionLimits::default();
    bound.serve(tasks, limits, None, move |peer| {
        Connection::new(door.clone(), peer)
    });
    Ok(())
}

/// Ready is who would refuse.
fn health(condition: &AgentCondition) -> Vec<HealthPart> {
    let runtime = match condition.is_asked {
        true => Health::Ok,
        false => Health::Failed("the runtime does not ask this agent".to_owned()),
    };
    let snapshot = match (condition.snapshot, condition.is_expired) {
        (None, _) => Health::Failed("there is none yet".to_owned()),
        (Some(_), true) => {
            Health::Degraded("it has expired; what it denies stays denied".to_owned())
        }
        (Some(_), false) => Health::Ok,
    };
    let gateway = match condition.is_gateway_reached {
        true => Health::Ok,
        false => Health::Degraded("none answers".to_owned()),
    };
    vec![
        HealthPart::new("runtime", runtime),
        HealthPart::new("snapshot", snapshot),
        HealthPart::new("gateway", gateway),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_dir_that_is_a_file_is_refused_and_one_that_is_to_be_made_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for bad in [file.clone(), file.join("below")] {
            let told = check_state_dir(&bad).unwrap_err().to_string();
            assert!(told.contains("is no folder"), "{told}");
        }
        for good in [folder.path().to_owned(), folder.path().join("to/be/made")] {
            assert!(check_state_dir(&good).is_ok(), "{}", good.display());
        }
    }

    #[test]
    fn a_token_is_never_sent_in_the_clear() {
        let fine = |url: &str, token| check(&Url::parse(url).unwrap(), token).is_ok();
        assert!(fine("https://gate.corp:5080", true));
        assert!(fine("http://127.0.0.1:5080", true));
        assert!(fine("http://gate.corp:5080", false));
        for bad in [
            "http://gate.corp:5080",
            "ftp://gate.corp",
            "https://u@gate.corp",
        ] {
            assert!(!fine(bad, true), "{bad}");
        }
    }

    #[test]
    fn is_ready_when_it_would_refuse() {
        let well = AgentCondition {
            is_asked: true,
            is_gateway_reached: true,
            snapshot: Some(7),
            is_expired: false,
        };
        let failed = |it: AgentCondition| {
            let parts = health(&it);
            parts
                .iter()
                .any(|part| matches!(part.health, Health::Failed(_)))
        };
        assert!(!failed(well));
        assert!(!failed(AgentCondition {
            is_gateway_reached: false,
            is_expired: true,
            ..well
        }));
        assert!(failed(AgentCondition {
            is_asked: false,
            ..well
        }));
        assert!(failed(AgentCondition {
            snapshot: None,
            ..well
        }));
    }
}
