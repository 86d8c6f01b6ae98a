//! What the program consists of.

use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::StartError;
use super::act_records::ActRecords;
use super::aliases::Aliases;
use super::authority;
use super::clusters::Clusters;
use super::config::{Config, ConfiguredProxy, RecordedPasses, UpstreamConfig};
use super::invalid_files::InvalidFiles;
use super::leases::Leases;
use super::listener_certificates::ListenerCertificates;
use super::log_end::hold_log_end;
use super::memory_limit::large_memory;
use super::policy_warnings::PolicyWarnings;
use super::remote_tier::{self, RemoteCredentialProblem};
use super::replicas::KnownReplicas;
use super::running_denied::RunningDenied;
use super::running_nodes::NodesInMemory;
use super::upstream_credentials::{self, CredentialProblems};
use crate::audit::{self, Audit, AuditError, AuditOptions};
use crate::cache::{self, Cache, CacheError, DigestRecords, RemoteTier};
use crate::clock::Clock;
use crate::gate::{
    self, ConfiguredUpstream, DecisionFeed, DecisionWriter, Gate, RecentDecisions, RecordHealth,
    Recorder, RecorderConfig,
};
use crate::ledger::{self, Ledger, LedgerAccess, LedgerLoss};
use crate::metrics::{Activity, Metrics};
use crate::node_feed::{NodeFeed, NodeFeedParts};
use crate::replica_count::ReplicaCount;
use crate::tasks::Tasks;
use crate::tls::manager::AuthorityManager;
use crate::trust::Decision;
use crate::uploads::{UploadConfig, Uploads};
use crate::upstream::{
    self, HostPattern, HostPatternError, ListMemory, Network, TagMemory, Upstream,
};

/// Decisions that wait to be written, at most.
const MAX_QUEUED_DECISIONS: usize = 16_384;

/// Everything that outlives a request.
pub struct Components {
    pub config: Config,
    pub ledger: Arc<Ledger>,
    pub cache: Arc<Cache>,
    pub gate: Arc<Gate>,
    pub uploads: Arc<Uploads>,
    pub metrics: Metrics,
    /// The base URL of links in denials.
    pub public_url: String,
    pub(super) acts: ActRecords,
    /// How decisions get to where they are written.
    pub(super) records: RecordHealth,
    /// Tells decisions when they are written.
    pub feed: Arc<DecisionFeed>,
    /// What agents on nodes are told; `None`: no environment has any.
    pub nodes: Option<Arc<NodeFeed>>,
    /// What runs on nodes, as their agents tell it.
    pub(super) running_nodes: NodesInMemory,
    /// Work that one replica at a time does.
    pub leases: Leases,
    /// The replicas of this ledger.
    pub replicas: KnownReplicas,
    /// Denials of the last hours, for people.
    pub(super) recent: Arc<RecentDecisions>,
    /// How much was pulled and denied over time, for people.
    pub(super) activity: Arc<Activity>,
    /// Where something shows a certificate of the program's own.
    pub authority: Option<AuthorityManager>,
    pub(super) audit: Audit,
    /// The line of the audit log that the ledger knows as its last.
    pub(super) sealed_line: AtomicU64,
    pub(super) clusters: Clusters,
    pub(super) aliases: Aliases,
    pub(super) certificates: ListenerCertificates,
    pub(super) invalid_files: InvalidFiles,
    pub(super) policy_warnings: PolicyWarnings,
    pub(super) running_denied: RunningDenied,
    pub(super) credential_problems: CredentialProblems,
    pub(super) remote_credentials: RemoteCredentialProblem,
}

impl Components {
    /// Opens all of them. `admin` is where the admin API is bound.
    ///
    /// # Errors
    /// [`StartError`] names the first part that cannot be opened.
    pub async fn open(
        config: Config,
        admin: SocketAddr,
        tasks: &Tasks,
        clock: Clock,
    ) -> Result<(Self, DecisionWriter), StartError> {
        let (now, metrics) = (clock.now(), Metrics::new());
        let authority = open_authority(&config, now).await?;
        let clusters = Clusters::connect(&config, tasks).await?;
        let ledger = Arc::new(open_ledger(&config, now).await?.measured(metrics.clone()));
        let (aliases, public_url) = (Aliases::new(ledger.clone()), public_url(&config, admin));
        let remote = remote_tier::open(&config, &metrics)?;
        let cache = Arc::new(open_cache(&config, remote, tasks, aliases.records()).await?);
        let audit = open_audit(&config, &ledger, now).await?;
        let (recorder, decisions) = recorder(&config, &public_url, &metrics);
        let writer = DecisionWriter::new(decisions, audit.clone(), ledger.clone(), metrics.clone());
        let (replicas, leases) = beside_others(&ledger, &metrics, now);
        let gate = Arc::new(Gate::new(gate::GateParts {
            rulebook: config.policy(),
            upstreams: reachable_upstreams(&config, tasks, &metrics, replicas.count())?,
            ledger: ledger.clone(),
            cache: cache.clone(),
            recorder,
            audit_loss: gate::AuditLossRule::new(config.audit.on_loss, writer.health()),
            metrics: metrics.clone(),
            clock: clock.clone(),
            tasks: tasks.clone(),
        }));
        aliases.follow(&gate);
        let parts = Self {
            uploads: Arc::new(open_uploads(&config).await?),
            acts: ActRecords::new(audit.clone(), ledger.clone()),
            recent: recent_decisions(&config, &ledger, &metrics),
            activity: activity(&config, &metrics, now),
            policy_warnings: PolicyWarnings::of(&config),
            running_denied: RunningDenied::default(),
            running_nodes: NodesInMemory::default(),
            nodes: node_feed(&config, &ledger, &gate, (clock, tasks), &metrics),
            config,
            ledger,
            cache,
            gate,
            metrics,
            public_url,
            sealed_line: AtomicU64::new(0),
            records: writer.health(),
            feed: writer.feed(),
            leases,
            replicas,
            authority,
            audit,
            clusters,
            aliases,
            certificates: ListenerCertificates::default(),
            invalid_files: InvalidFiles::default(),
            credential_problems: CredentialProblems::default(),
            remote_credentials: RemoteCredentialProblem::default(),
        };
        Ok((parts, writer))
    }
}

fn node_feed(
    config: &Config,
    ledger: &Arc<Ledger>,
    gate: &Arc<Gate>,
    (clock, tasks): (Clock, &Tasks),
    metrics: &Metrics,
) -> Option<Arc<NodeFeed>> {
    let (key, gate) = (config.node_key.clone()?, gate.clone());
    Some(Arc::new(NodeFeed::new(NodeFeedParts {
        ledger: ledger.clone(),
        rulebook: Arc::new(move || gate.rulebook()),
        key,
        clock,
        leaving: tasks.leaving(),
        metrics: metrics.clone(),
    })))
}

fn recent_decisions(
    config: &Config,
    ledger: &Arc<Ledger>,
    metrics: &Metrics,
) -> Arc<RecentDecisions> {
    let (ledger, metrics) = (ledger.clone(), metrics.clone());
    Arc::new(RecentDecisions::new(ledger, metrics, config.default_host()))
}

/// Counts from `now` on.
fn activity(config: &Config, metrics: &Metrics, now: Timestamp) -> Arc<Activity> {
    let rulebook = config.policy();
    let environments = rulebook.environments().map(|it| it.name.as_str().into());
    let environments: Vec<Arc<str>> = environments.collect();
    let upstreams = config.upstreams.iter().map(|it| it.name.as_str().into());
    let upstreams: Vec<Arc<str>> = upstreams.collect();
    let activity = Activity::new(metrics.clone(), &environments, &upstreams);
    activity.sample_once(now);
    Arc::new(activity)
}

async fn open_authority(
    config: &Config,
    now: Timestamp,
) -> Result<Option<AuthorityManager>, StartError> {
    match config.wants_authority() {
        true => Ok(Some(authority::open(config, now).await?)),
        false => Ok(None),
    }
}

fn beside_others(
    ledger: &Arc<Ledger>,
    metrics: &Metrics,
    now: Timestamp,
) -> (KnownReplicas, Leases) {
    let replicas = KnownReplicas::new(ledger.clone(), metrics.clone(), now);
    let leases = Leases::new(ledger.clone(), metrics.clone(), replicas.id().to_owned());
    (replicas, leases)
}

async fn open_ledger(config: &Config, now: Timestamp) -> Result<Ledger, StartError> {
    let known = audit::newest_mark(&config.audit.path)?;
    let options = ledger::LedgerOptions {
        max_silence: signed(config.ledger.max_silence),
        verdict_bytes: large_memory(),
        ..ledger::LedgerOptions::of(config.ledger.location.clone())
    };
    let loss = |found| known.as_ref().and_then(|it| LedgerLoss::of(it, found));
    // No ledger is made in the place of one that is gone.
    if let Some(loss) = loss(None).filter(|_| !config.accept_loss)
        && !options.location.holds_ledger().await?
    {
        return Err(lost(loss, config));
    }
    let place = options.location.clone();
    let opened = Ledger::open(options, LedgerAccess::Serve, now).await;
    let mut ledger = opened.map_err(|error| StartError::of_ledger(&place, error))?;
    ledger.follow_once(now).await?;
    match loss(Some(&ledger.mark())) {
        None => {}
        Some(loss) if config.accept_loss => {
            tracing::warn!(%loss, "a loss is accepted: do again what was revoked since");
            ledger.accept_loss(&loss, now).await?;
        }
        Some(loss) => {
            ledger.close().await;
            return Err(lost(loss, config));
        }
    }
    Ok(ledger)
}

fn lost(loss: LedgerLoss, config: &Config) -> StartError {
    StartError::Loss {
        loss,
        log: config.audit.path.clone(),
    }
}

/// The data directory may not be there yet, where the ledger lies on a server.
async fn open_audit(config: &Config, ledger: &Ledger, now: Timestamp) -> Result<Audit, AuditError> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir);
    made.map_err(|source| AuditError::Open {
        path: config.data_dir.clone(),
        source,
    })?;
    let audit = Audit::open(AuditOptions {
        rotation: config.audit.rotation,
        ..AuditOptions::at(&config.audit.path)
    })?;
    if let Err(error) = hold_log_end(&audit, ledger, &config.audit, now).await {
        tracing::error!(%error, "the end of the audit log is not held against the ledger");
    }
    Ok(audit)
}

/// Opens the cache in the blocking pool: it reads all of its folders.
async fn open_cache(
    config: &Config,
    remote: Option<Arc<RemoteTier>>,
    tasks: &Tasks,
    records: DigestRecords,
) -> Result<Cache, StartError> {
    let config = cache::CacheOptions {
        path: config.cache.path.clone(),
        max_size: config.cache.max_size,
        min_free: config.cache.min_free,
        memory: large_memory(),
    };
    let (path, tasks) = (config.path.clone(), tasks.clone());
    let open = move || Cache::open(config, remote, tasks, records);
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
    let uploads = UploadConfig {
        memory: usize::try_from(large_memory()).unwrap_or(usize::MAX),
        ..UploadConfig::at(&path)
    };
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
        every_pass: config.audit.record == RecordedPasses::All,
    };
    Recorder::new(recorder, metrics.clone(), MAX_QUEUED_DECISIONS)
}

/// The configured one; with port 0, the port that was given.
fn public_url(config: &Config, admin: SocketAddr) -> String {
    let mut url = config.admin.public_url.clone();
    if url.port() == Some(0) {
        let _ = url.set_port(Some(admin.port()));
    }
    url.to_string()
}

fn reachable_upstreams(
    config: &Config,
    tasks: &Tasks,
    metrics: &Metrics,
    replicas: &ReplicaCount,
) -> Result<Vec<ConfiguredUpstream>, StartError> {
    let network = Network::from_system()?;
    let each = config.upstreams.iter();
    each.map(|upstream| reachable(upstream, &network, tasks, metrics, replicas))
        .collect()
}

fn reachable(
    config: &UpstreamConfig,
    network: &Network,
    tasks: &Tasks,
    metrics: &Metrics,
    replicas: &ReplicaCount,
) -> Result<ConfiguredUpstream, StartError> {
    let client = upstream::UpstreamOptions {
        replicas: replicas.clone(),
        ..upstream_config(config)?
    };
    let upstream = Upstream::new(client, network, metrics.clone())?;
    Ok(ConfiguredUpstream {
        host: config.name.clone(),
        path: config.path.clone(),
        repositories: config.repositories.clone(),
        url: config.url.clone(),
        tag_ttl: signed(config.tag_ttl),
        tags: TagMemory::new(upstream.clone(), tasks.clone()),
        lists: ListMemory::new(upstream.clone(), tasks.clone()),
        upstream,
    })
}

fn upstream_config(config: &UpstreamConfig) -> Result<upstream::UpstreamOptions, StartError> {
    let patterns = |hosts: &[String]| -> Result<Vec<_>, HostPatternError> {
        hosts.iter().map(|host| HostPattern::parse(host)).collect()
    };
    Ok(upstream::UpstreamOptions {
        path: config.path.clone(),
        credentials: upstream_credentials::source(config)?,
        ca: config.ca_pem.clone().map(String::into_bytes),
        token_hosts: patterns(&config.token_hosts)?,
        redirect_hosts: patterns(&config.redirect_hosts)?,
        traceparent: config.traceparent,
        timeouts: config.timeouts,
        max_concurrent: config.max_concurrent,
        proxy: config.proxy.as_ref().map(egress_proxy),
        tag_ttl: config.tag_ttl,
        ..upstream::UpstreamOptions::new(config.name.clone(), config.url.clone())
    })
}

fn egress_proxy(config: &ConfiguredProxy) -> upstream::EgressProxy {
    let credentials = config.credentials.clone();
    upstream::EgressProxy {
        url: config.url.clone(),
        credentials: credentials
            .map(|(username, password)| upstream::UpstreamCredentials { username, password }),
        except: config.except.clone(),
    }
}

fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
