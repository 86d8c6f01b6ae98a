//! The life of the program: bind every socket, run, drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::audit_seal::seal_once;
use super::background;
use super::components::Components;
use super::config::Config;
use super::denied_before;
use super::doors::{self, Sockets};
use super::{StartError, token};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::ledger::NewAct;
use crate::metrics::SharedWork;
use crate::tasks::{SideThreads, Tasks};
use crate::traces::TraceExport;
use crate::trust::ActKind;

/// Decisions that wait are given this long to be written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(25);

/// Denials that are open when it ends, the last acts, and what is left then are each written
/// within this: a disk that hangs holds no process that is to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The audit log is opened again within this, or when it is next written.
const REOPEN_TIMEOUT: Duration = Duration::from_secs(1);

/// How often what waits goes to the collector of traces.
const TRACE_PERIOD: Duration = Duration::from_millis(250);

/// A program that serves.
pub struct App {
    tasks: Tasks,
    /// Writes decisions until the last request has ended.
    writing: Tasks,
    parts: Arc<Components>,
    /// Where the admin API and the console answer: until everything has ended, since what
    /// they opened serves others, too.
    side: SideThreads,
    registries: Vec<SocketAddr>,
    admin: SocketAddr,
    ops: Option<SocketAddr>,
    webhook: Option<SocketAddr>,
    traces: Option<Arc<TraceExport>>,
}

impl App {
    /// Opens everything, binds everything, and begins to serve.
    ///
    /// # Errors
    ///
    /// What cannot be opened or bound; nothing is served then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_by(Clock::system(), config).await
    }

    /// The same, where that clock says what time it is.
    ///
    /// # Errors
    ///
    /// As [`App::start`].
    pub async fn start_by(clock: Clock, config: Config) -> Result<Self, StartError> {
        let now = clock.now();
        let tasks = Tasks::with_clock(clock.clone());
        let sockets = Sockets::bind(&config).await?;
        let admin = sockets.admin_address();
        let (parts, writer) = Components::open(config, admin, &tasks, clock).await?;
        let parts = Arc::new(parts);
        token::ensure(&parts.ledger, &parts.config, now).await?;
        denied_before::count(&parts, now).await;
        let app = Self {
            registries: sockets.registry_addresses(),
            admin: sockets.admin_address(),
            ops: sockets.ops_address(),
            webhook: sockets.webhook_address(),
            parts: parts.clone(),
            side: SideThreads::start().map_err(StartError::Threads)?,
            tasks: tasks.clone(),
            writing: Tasks::new(),
            traces: None,
        };
        let written = writer.run(app.writing.cancelled());
        app.writing.spawn("decisions", written);
        parts.acts.note(started(&parts, now));
        background::spawn(&parts, &tasks);
        doors::open(sockets, &parts, &tasks, app.side.handle())?;
        app.announce();
        Ok(app)
    }

    /// Sends traces from now on, and what is left of them at the end.
    pub fn send_traces(&mut self, traces: Arc<TraceExport>) {
        let (sent, metrics) = (traces.clone(), self.parts.metrics.clone());
        self.tasks.every("traces", TRACE_PERIOD, move |_| {
            let (sent, metrics) = (sent.clone(), metrics.clone());
            async move { sent.once(&metrics).await }
        });
        self.traces = Some(traces);
    }

    fn announce(&self) {
        for address in &self.registries {
            tracing::info!(%address, "registry listens");
        }
        tracing::info!(address = %self.admin, "admin API listens");
        if let Some(address) = self.ops {
            tracing::info!(%address, "ops listens");
        }
        if let Some(address) = self.webhook {
            tracing::info!(%address, "webhook listens");
        }
    }

    /// Where nodes pull, in the order of the configuration.
    pub fn registries(&self) -> &[SocketAddr] {
        &self.registries
    }

    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub fn ops(&self) -> Option<SocketAddr> {
        self.ops
    }

    /// Where API servers ask.
    pub fn webhook(&self) -> Option<SocketAddr> {
        self.webhook
    }

    pub fn parts(&self) -> &Arc<Components> {
        &self.parts
    }

    /// How many rounds the background task of that name has finished: who changes
    /// what it looks at waits for the second one from then.
    pub fn rounds(&self, task: &str) -> u64 {
        self.tasks.rounds(task)
    }

    /// For who asks it to look at its files now.
    pub fn reloader(&self) -> Reloader {
        Reloader {
            tasks: self.tasks.clone(),
            audit: self.parts.audit.clone(),
        }
    }

    /// Serves until `stop`, or until a part fails; then drains. Whether it ended
    /// well.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> bool {
        let well = tokio::select! {
            () = stop => true,
            failed = self.tasks.failed() => part_failed(failed),
            failed = self.writing.failed() => part_failed(failed),
        };
        self.stop().await;
        well
    }

    /// Says that it leaves, and serves on until load balancers have seen that. Then accepts
    /// nothing more, finishes what began, and writes what waits.
    pub async fn stop(self) {
        self.leave().await;
        tracing::info!("draining");
        self.tasks.drain(self.parts.config.drain.timeout).await;
        let closed = self.parts.gate.recorder().close_all();
        in_time(closed, "counts of the last denials were not written").await;
        self.writing.drain(WRITE_TIMEOUT).await;
        let unlogged = "the audit log takes nothing; the next start writes what acts it lacks";
        in_time(self.log_last_acts(), unlogged).await;
        // Beside each other: what one of them hangs at is no other's.
        tokio::join!(
            in_time(
                self.leave_ledger(),
                "the ledger does not answer, and was not closed"
            ),
            in_time(
                self.parts.cache.save_pulls_once(),
                "the cache's disk does not answer; when files were last pulled was not written",
            ),
            in_time(self.send_last_traces(), "the last traces were not sent"),
        );
        tracing::info!("stopped");
    }
}

/// Waits for `work`, and no longer than the end may take.
async fn in_time(work: impl Future<Output = ()>, undone: &'static str) {
    if tokio::time::timeout(CLOSE_TIMEOUT, work).await.is_err() {
        tracing::error!("{undone}");
    }
}

impl App {
    async fn leave_ledger(&self) {
        self.parts.gate.write_facts_once().await;
        self.parts.leases.release().await;
        self.parts.replicas.forget(self.parts.gate.now()).await;
        self.parts.ledger.close().await;
    }

    async fn send_last_traces(&self) {
        if let Some(traces) = &self.traces {
            traces.once(&self.parts.metrics).await;
        }
    }

    async fn log_last_acts(&self) {
        let logs = self.parts.leases.held(SharedWork::Acts);
        if let Err(error) = self.parts.acts.write_once(logs).await {
            tracing::error!(%error, "acts are not in the audit log; the next start writes them");
        }
        seal_once(self.parts.clone(), self.parts.gate.now()).await;
    }

    /// Nobody is waited for once a part has failed.
    async fn leave(&self) {
        let delay = self.parts.config.drain.delay;
        self.tasks.leave();
        if !delay.is_zero() {
            tracing::info!(delay_s = delay.as_secs(), "leaving");
            let failed = self.tasks.cancelled();
            let _ = tokio::time::timeout(delay, failed).await;
        }
    }
}

/// Looks at files that may have changed, before their second has passed.
#[derive(Clone)]
pub struct Reloader {
    tasks: Tasks,
    audit: Audit,
}

impl Reloader {
    /// Begins a round of every background task, and opens the audit log again if it was
    /// moved away.
    pub async fn reload(&self) {
        self.tasks.hurry();
        match tokio::time::timeout(REOPEN_TIMEOUT, self.audit.reopen()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the audit log is not opened again"),
            // What it hangs at must not keep the program from hearing further signals.
            Err(_) => tracing::error!("the audit log hangs, and is opened again once it does not"),
        }
    }
}

fn started(parts: &Components, now: Timestamp) -> NewAct {
    let revision = parts.gate.rulebook().revision();
    NewAct {
        detail: format!(
            "version {}, policy {revision:016x}",
            env!("CARGO_PKG_VERSION")
        ),
        ..NewAct::new(ActKind::Start, now)
    }
}

fn part_failed(task: &'static str) -> bool {
    tracing::error!(task, "a part failed; stopping");
    false
}
