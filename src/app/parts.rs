//! What the program consists of.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use tokio::sync::mpsc;

use super::StartError;
use super::aliases::Aliases;
use super::authority;
use super::clusters::Clusters;
use super::config::{Config, Credentials, Record, UpstreamConfig};
use super::invalid_files::InvalidFiles;
use super::shown_certificates::Kept;
use crate::audit::{self, Audit};
use crate::cache::{self, Cache, CacheError, OnFilled};
use crate::clock::Clock;
use crate::gate::{self, DecisionWriter, Gate, Reachable, Recorder, RecorderConfig};
use crate::ledger::{self, Access, Ledger};
use crate::metrics::Metrics;
use crate::tasks::Tasks;
use crate::tls::manager::Keeper;
use crate::trust::Decision;
use crate::uploads::{UploadConfig, Uploads};
use crate::upstream::{self, HostPattern, HostPatternError, Network, TagMemory, Upstream};

/// Decisions that wait to be written, at most.
const DECISIONS: usize = 16_384;
/// Manifests kept in memory, in bytes.
const MANIFEST_MEMORY: u64 = 256 << 20;
/// Verdicts kept in memory, in bytes.
const VERDICT_MEMORY: u64 = 256 << 20;

/// Everything that outlives a request.
pub struct Parts {
    pub config: Config,
    pub ledger: Arc<Ledger>,
    pub cache: Arc<Cache>,
    pub gate: Arc<Gate>,
    pub uploads: Arc<Uploads>,
    pub metrics: Metrics,
    /// With which links in denials begin.
    pub public_url: String,
    /// Where something shows a certificate of the program's own.
    pub authority: Option<Keeper>,
    pub(super) clusters: Clusters,
    pub(super) aliases: Aliases,
    pub(super) certificates: Kept,
    pub(super) invalid_files: InvalidFiles,
}

impl Parts {
    /// Opens all of them. `admin` is where the admin API is bound.
    pub async fn open(
        config: Config,
        admin: SocketAddr,
        tasks: &Tasks,
        clock: Clock,
    ) -> Result<(Self, DecisionWriter), StartError> {
        let now = clock.now();
        let metrics = Metrics::new();
        let authority = match config.wants_authority() {
            true => Some(authority::open(&config, now).await?),
            false => None,
        };
        let clusters = match config.webhook {
            Some(_) => Clusters::connect(&config, tasks).await?,
            None => Clusters::default(),
        };
        let ledger = open_ledger(&config, now).await?.measured(metrics.clone());
        let ledger = Arc::new(ledger);
        let aliases = Aliases::new(ledger.clone());
        let cache = Arc::new(open_cache(&config, tasks, aliases.recorder()).await?);
        let uploads = Arc::new(open_uploads(&config).await?);
        let audit = Audit::open(audit_config(&config))?;
        let public_url = public_url(&config, admin);
        let (recorder, decisions) = recorder(&config, &public_url, &metrics);
        let writer = DecisionWriter::new(decisions, audit, ledger.clone());
        let network = Network::from_system()?;
        let upstreams = config
            .upstreams
            .iter()
            .map(|upstream| reachable(upstream, &network, tasks, &metrics))
            .collect::<Result<_, _>>()?;
        let gate = Arc::new(Gate::new(gate::Parts {
            rulebook: config.policy(),
            upstreams,
            ledger: ledger.clone(),
            cache: cache.clone(),
            recorder,
            metrics: metrics.clone(),
            clock,
            tasks: tasks.clone(),
        }));
        aliases.follow(&gate);
        let parts = Self {
            config,
            ledger,
            cache,
            gate,
            uploads,
            metrics,
            public_url,
            authority,
            clusters,
            aliases,
            certificates: Kept::default(),
            invalid_files: InvalidFiles::default(),
        };
        Ok((parts, writer))
    }
}

async fn open_ledger(config: &Config, now: Timestamp) -> Result<Ledger, StartError> {
    let config = ledger::Config {
        path: config.ledger.path.clone(),
        max_silence: signed(config.ledger.max_silence),
        verdict_bytes: VERDICT_MEMORY,
    };
    let ledger = Ledger::open(config, Access::Serve, now).await?;
    ledger.follow_once(now).await?;
    Ok(ledger)
}

fn audit_config(config: &Config) -> audit::Config {
    audit::Config {
        target: audit::Target::File(config.audit.path.clone()),
        mode: 0o640,
        sync: false,
    }
}

/// Opens the cache in the blocking pool: it reads all of its folders.
async fn open_cache(
    config: &Config,
    tasks: &Tasks,
    on_filled: OnFilled,
) -> Result<Cache, StartError> {
    let config = cache::Config {
        path: config.cache.path.clone(),
        max_size: config.cache.max_size,
        min_free: config.cache.min_free,
        manifest_memory: MANIFEST_MEMORY,
    };
    let (path, tasks) = (config.path.clone(), tasks.clone());
    let open = move || Cache::open(config, tasks, on_filled);
    let opened = tokio::task::spawn_blocking(open).await;
    let broken_off = |error| CacheError::Io {
        path,
        source: io::Error::other(error),
    };
    Ok(opened.map_err(broken_off).flatten()?)
}

/// Bodies lie below the data directory while they come.
async fn open_uploads(config: &Config) -> Result<Uploads, StartError> {
    let path = config.data_dir.join("uploads");
    let uploads = UploadConfig::at(&path);
    let opened = tokio::task::spawn_blocking(move || Uploads::open(uploads)).await;
    let opened = opened.map_err(io::Error::other).flatten();
    opened.map_err(|source| StartError::File { path, source })
}

fn recorder(
    config: &Config,
    public_url: &str,
    metrics: &Metrics,
) -> (Recorder, mpsc::Receiver<Decision>) {
    let recorder = RecorderConfig {
        public_url: public_url.to_owned(),
        every_pass: config.audit.record == Record::All,
    };
    Recorder::new(recorder, metrics.clone(), DECISIONS)
}

/// The configured one; with port 0, the port that was given.
fn public_url(config: &Config, admin: SocketAddr) -> String {
    let mut url = config.admin.public_url.clone();
    if url.port() == Some(0) {
        let _ = url.set_port(Some(admin.port()));
    }
    url.to_string()
}

fn reachable(
    config: &UpstreamConfig,
    network: &Network,
    tasks: &Tasks,
    metrics: &Metrics,
) -> Result<Reachable, StartError> {
    let client = upstream_config(config)?;
    let upstream = Upstream::new(client, network, metrics.clone())?;
    Ok(Reachable {
        host: config.name.clone(),
        path: config.path.clone(),
        repositories: config.repositories.clone(),
        url: config.url.clone(),
        tag_ttl: signed(config.tag_ttl),
        tags: TagMemory::new(upstream.clone(), tasks.clone()),
        upstream,
    })
}

fn upstream_config(config: &UpstreamConfig) -> Result<upstream::Config, StartError> {
    let patterns = |hosts: &[String]| -> Result<Vec<_>, HostPatternError> {
        hosts.iter().map(|host| HostPattern::parse(host)).collect()
    };
    Ok(upstream::Config {
        path: config.path.clone(),
        credentials: credentials(config)?,
        ca: config.ca_pem.clone().map(String::into_bytes),
        token_hosts: patterns(&config.token_hosts)?,
        redirect_hosts: patterns(&config.redirect_hosts)?,
        tag_ttl: config.tag_ttl,
        ..upstream::Config::new(config.name.clone(), config.url.clone())
    })
}

fn credentials(config: &UpstreamConfig) -> Result<Option<upstream::Credentials>, StartError> {
    Ok(match &config.credentials {
        None => None,
        Some(Credentials::Password { username, password }) => Some(upstream::Credentials {
            username: username.clone(),
            password: password.clone(),
        }),
        Some(Credentials::DockerConfig(text)) => {
            let text = text.expose_secret().as_bytes();
            Some(upstream::Credentials::from_docker_config(
                text,
                &config.name,
            )?)
        }
    })
}

fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
