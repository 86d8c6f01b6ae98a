//! The program as it is to run in the cluster, by its configuration.

use std::net::SocketAddr;

use crate::app::bounded;
use crate::app::config::{ClusterConfig, Config, ListenerConfig, NamedPath, TlsConfig};
use crate::cli::failure::Failure;
use crate::kubernetes::objects::{
    Installation, Ports, Replicas, Workload, mount_problem, plain_path,
};

/// So that one may end while the others serve.
const DEFAULT_REPLICAS: u32 = 2;

/// The comment above the workload.
pub(super) fn preface(config: &Config) -> String {
    let webhook = config.webhook.as_ref().map(|webhook| &webhook.tls);
    let webhooks = match webhook {
        Some(TlsConfig::Files(_)) => WEBHOOKS_BY_HAND,
        Some(TlsConfig::Auto) | None => WEBHOOKS_BY_PROGRAM,
    };
    format!("{webhooks}{NODES_PREFACE}")
}

const WEBHOOKS_BY_PROGRAM: &str = "
The webhooks are not in here: the program puts them in force itself, once its own
endpoint has answered under the certificate that they publish. Until then, and while
it does not run, Pods are made as ever, and the policies hold their names alone.
";
const WEBHOOKS_BY_HAND: &str = "
The webhooks are not in here. Their certificate is yours, so the program does not put
them in force: when it answers, print and apply them with --only webhooks --ca FILE.
Until then, and while it does not run, Pods are made as ever, and the policies hold
their names alone.
";
const NODES_PREFACE: &str = "
Nodes must reach the gateway under its name, which is yours to lead to the Service,
and get Sekisho's own image without it.
";

const GIB_BYTES: u64 = 1 << 30;
/// For the ledger and the audit log, beside the cache.
const RECORDS_GIB: u64 = 10;

/// What runs there, or what the configuration lacks for it.
pub(super) fn workload(
    config: &Config,
    installation: &Installation,
    image: &str,
    replicas: Option<u32>,
) -> Result<Workload, Failure> {
    speaks_for(config, installation)?;
    let text = text_of(config)?;
    let data_dir = data_dir(config, &text)?;
    let replicas = of_ledger(config, replicas)?;
    Ok(Workload {
        image: image.to_owned(),
        data_dir,
        ports: ports(config, installation)?,
        storage_gib: (config.cache.max_size + config.cache.min_free).div_ceil(GIB_BYTES)
            + RECORDS_GIB,
        config: text,
        replicas,
    })
}

/// The Pod's own account speaks for the cluster that has no kubeconfig, where that is
/// one.
fn speaks_for(config: &Config, installation: &Installation) -> Result<(), Failure> {
    let by_account = config
        .clusters
        .iter()
        .filter(|one| one.kubeconfig.is_none());
    let names: Vec<&str> = by_account.map(|one| one.name.as_str()).collect();
    match names.as_slice() {
        [only] if *only == installation.cluster => Ok(()),
        _ => Err(lacks(
            &format!("the Pod's own account for: {}", names.join(", ")),
            &format!(
                "write kubeconfig for every cluster but {}",
                installation.cluster
            ),
        )),
    }
}

fn text_of(config: &Config) -> Result<String, Failure> {
    let Some(file) = &config.file else {
        return Err(lacks("no file", "name it: --config FILE"));
    };
    bounded::text(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}

/// As it is written: relative paths begin elsewhere in the Pod, where nothing can be
/// written.
fn data_dir(config: &Config, text: &str) -> Result<String, Failure> {
    let step = "write data_dir = \"/var/lib/sekisho\"";
    let table = read(text)?;
    let written = table.get("data_dir").and_then(toml::Value::as_str);
    let Some(folder) = written.filter(|path| path.starts_with('/')) else {
        return Err(lacks("no absolute data_dir", step));
    };
    if let Some(problem) = mount_problem(folder) {
        return Err(lacks(&format!("data_dir = {folder:?}, {problem}"), step));
    }
    let kept = [&config.cache.path, &config.audit.path];
    let ledger = config.ledger.location.file();
    match kept
        .into_iter()
        .chain(ledger)
        .find(|path| !plain_path(path).starts_with(folder))
    {
        None => Ok(folder.to_owned()),
        Some(path) => {
            let what = format!("{} outside data_dir, the only volume", path.display());
            Err(lacks(
                &what,
                "put the cache, the ledger and the audit log below it",
            ))
        }
    }
}

/// As many as were asked for, where the ledger can be shared.
fn of_ledger(config: &Config, asked: Option<u32>) -> Result<Replicas, Failure> {
    let is_shared = config.ledger.location.file().is_none();
    match (is_shared, asked) {
        (true, asked) => Ok(Replicas::Shared(asked.unwrap_or(DEFAULT_REPLICAS))),
        (false, None | Some(1)) => Ok(Replicas::One),
        (false, Some(asked)) => Err(Failure::usage(format!(
            "--replicas {asked}: the ledger is a file, which one program holds"
        ))
        .next("write [ledger] with url = \"postgres://…\"")),
    }
}

/// The folder of the chart's own certificate, beside the configuration.
const CHART_FOLDERS: [&str; 1] = ["tls"];

/// Each file that the configuration names has to be one that the Pod has.
pub(super) fn check_files(
    config: &Config,
    workload: &Workload,
    is_chart: bool,
) -> Result<(), Failure> {
    let more = if is_chart { &CHART_FOLDERS[..] } else { &[] };
    let named = config.named_paths.iter();
    let absent: Vec<&NamedPath> = named
        .filter(|it| !workload.may_hold(&it.written, more))
        .collect();
    let Some(first) = absent.first() else {
        return Ok(());
    };
    let told: Vec<String> = absent
        .iter()
        .map(|it| format!("{} = {:?}", it.key, it.written.display().to_string()))
        .collect();
    let step = match first.key.strip_suffix("_dir") {
        Some(folder) => {
            format!("write {folder:?}, where the ConfigMap sekisho-{folder} is mounted")
        }
        None => {
            let name = first.written.file_name().unwrap_or_default();
            let name = name.to_string_lossy();
            format!("put it into the Secret sekisho-secrets, and write \"secrets/{name}\"")
        }
    };
    let what = format!("{}, which no Pod mounts", told.join(", "));
    Err(lacks(&what, &step))
}

fn read(text: &str) -> Result<toml::Table, Failure> {
    toml::from_str(text).map_err(|error| Failure::new(error.to_string()))
}

fn ports(config: &Config, installation: &Installation) -> Result<Ports, Failure> {
    let webhook = config.webhook.as_ref().map(|webhook| webhook.address);
    let ops = config.ops.map(|ops| ops.address);
    let admin = Some(config.admin.address).filter(is_open);
    let open = |key: &str, address: Option<SocketAddr>, example: u16| {
        let step = format!("write [{key}] with address = \"0.0.0.0:{example}\"");
        let missing = || lacks(&format!("no [{key}] that others reach"), &step);
        address
            .filter(is_open)
            .map(|address| address.port())
            .ok_or_else(missing)
    };
    Ok(Ports {
        registry: registry(config, installation)?,
        webhook: open("webhook", webhook, 5443)?,
        ops: open("ops", ops, 5082)?,
        admin: admin.map(|address| address.port()),
    })
}

/// The listener that nodes of the cluster reach.
pub(super) fn of_cluster<'c>(
    config: &'c Config,
    cluster: &ClusterConfig,
) -> Option<&'c ListenerConfig> {
    let mut listeners = config.listeners.iter();
    listeners.find(|it| is_open(&it.address) && it.environment == cluster.environment)
}

/// What keeps nodes from the gateway where there is no such listener, and the next step.
pub(super) fn no_listener(config: &Config, cluster: &ClusterConfig) -> (String, String) {
    let environment = &cluster.environment;
    let near = config
        .listeners
        .iter()
        .find(|it| it.environment == *environment);
    match near.map(|it| it.address) {
        Some(address) => (
            format!("for {environment} the listener {address} alone, which no node reaches"),
            format!(
                "write address = \"0.0.0.0:{}\" there, and tls",
                address.port()
            ),
        ),
        None => (
            format!("no listener of the environment {environment}"),
            format!(
                "write [[listeners]] with address = \"0.0.0.0:5080\", environment = \
                 \"{environment}\" and tls"
            ),
        ),
    }
}

/// Its port.
fn registry(config: &Config, installation: &Installation) -> Result<u16, Failure> {
    let mut clusters = config.clusters.iter();
    let cluster = clusters.find(|one| one.name == installation.cluster);
    let Some(cluster) = cluster else {
        return Err(lacks("no such cluster", "write [[clusters]]"));
    };
    match of_cluster(config, cluster) {
        Some(listener) => Ok(listener.address.port()),
        None => {
            let (what, step) = no_listener(config, cluster);
            Err(lacks(&what, &step))
        }
    }
}

fn is_open(address: &SocketAddr) -> bool {
    !address.ip().is_loopback()
}

fn lacks(what: &str, step: &str) -> Failure {
    Failure::bad_config(format!(
        "sekisho: to run in a cluster, the configuration has {what}"
    ))
    .next(step)
}
