//! Files of policy that change while the program runs: their content is read once
//! a second, since ConfigMap symlinks and network file systems tell no events.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::config::{
    Config, Fingerprint, InvalidFile, PolicyFile, PolicyFiles, Problem, Problems, Settling,
    StartKeys,
};
use super::{Components, bounded};
use crate::ledger::NewAct;
use crate::metrics::{PolicyFileKind, PolicyFileLabels};
use crate::tasks::Tasks;
use crate::trust::{ActKind, EnvironmentName, Rulebook};

const WATCH_PERIOD: Duration = Duration::from_secs(1);

pub(super) fn spawn(parts: &Arc<Components>, tasks: &Tasks) {
    let Some(file) = parts.config.file.clone() else {
        return;
    };
    let watched = Arc::new(Mutex::new(WatchedFiles::new(file, &parts.config)));
    let parts = parts.clone();
    tasks.every("policy", WATCH_PERIOD, move |now| {
        reload_once(parts.clone(), watched.clone(), now)
    });
}

/// Takes over what changed. Files lie on disks that may be slow.
async fn reload_once(parts: Arc<Components>, watched: Arc<Mutex<WatchedFiles>>, now: Timestamp) {
    let looked = tokio::task::spawn_blocking(move || {
        let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.reload(now) {
            take_over(&parts, watched.files.rulebook(), now);
        }
        for problem in watched.newly_pending() {
            tracing::warn!(%problem, "not in force");
        }
        report(&parts, watched.invalid());
        parts.policy_warnings.replace(watched.warnings());
    });
    if let Err(error) = looked.await
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// A file that changed may say the same as before.
fn take_over(parts: &Components, rulebook: Rulebook, now: Timestamp) {
    let before = parts.gate.rulebook().revision();
    let after = rulebook.revision();
    parts.gate.set_rulebook(rulebook);
    if before != after {
        parts.acts.note(reloaded((before, after), now));
        tracing::info!("policy reloaded");
    }
}

fn reloaded((before, after): (u64, u64), now: Timestamp) -> NewAct {
    NewAct {
        detail: format!("policy {after:016x} in place of {before:016x}"),
        ..NewAct::new(ActKind::PolicyReload, now)
    }
}

/// Reports invalid files: once in the log, and in metrics and status while they stay
/// invalid.
fn report(parts: &Components, invalid: Vec<InvalidFile>) {
    for kind in PolicyFile::ALL {
        let labels = PolicyFileLabels { kind: shown(kind) };
        let count = invalid.iter().filter(|file| file.kind == kind).count();
        let gauge = parts.metrics.policy_files_invalid.get_or_create(&labels);
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    for file in parts.invalid_files.see(invalid) {
        for problem in &file.problems {
            let kind = file.kind.as_str();
            tracing::error!(kind, %problem, "not in force; what was last good holds");
        }
    }
}

fn shown(kind: PolicyFile) -> PolicyFileKind {
    match kind {
        PolicyFile::Config => PolicyFileKind::Config,
        PolicyFile::Exceptions => PolicyFileKind::Exceptions,
        PolicyFile::Advisories => PolicyFileKind::Advisories,
    }
}

/// The files, as they were last seen and as they were last good.
#[derive(Debug)]
struct WatchedFiles {
    file: PathBuf,
    /// Of the configuration file; `None`: it could not be read.
    seen: Option<Fingerprint>,
    /// What the last look found in its place.
    settling: Settling,
    /// Why the configuration file is not in force; empty: it is.
    problems: Vec<Problem>,
    files: PolicyFiles,
    /// Of the configuration file, as it is in force.
    warnings: Vec<Problem>,
    /// What was said at the start that needs another one to change.
    at_start: StartKeys,
    /// Of each key that says otherwise now.
    pending: Vec<Problem>,
    /// Whether the log has them.
    is_pending_told: bool,
    /// Listeners and clusters by name, with the environment that each belongs to.
    tenants: Vec<(String, EnvironmentName)>,
}

impl WatchedFiles {
    /// `config` is what was read of `file` at the start.
    fn new(file: PathBuf, config: &Config) -> Self {
        Self {
            file,
            seen: config.fingerprint,
            settling: Settling::default(),
            problems: Vec::new(),
            files: config.policy_files.clone(),
            warnings: config.warnings.clone(),
            at_start: config.start_keys.clone(),
            pending: Vec::new(),
            is_pending_told: true,
            tenants: tenants(config),
        }
    }

    /// Reads what is new. Whether anything in force changed.
    fn reload(&mut self, now: Timestamp) -> bool {
        let sections = self.reload_config(now);
        // Both, whatever the first found.
        self.files.follow(now) || sections
    }

    /// An invalid file keeps the last good state, and is read again each time: what
    /// it names may be what was missing.
    fn reload_config(&mut self, now: Timestamp) -> bool {
        let text = bounded::text(&self.file);
        let seen = text.as_deref().map(Fingerprint::of).ok();
        let is_news = self.seen != seen;
        if is_news && !self.settling.is_settled(seen) {
            if self.settling.is_restless() {
                self.problems = vec![Problem::of_file(&self.file, Settling::RESTLESS)];
            }
            return false;
        }
        self.settling = Settling::default();
        if !is_news && self.problems.is_empty() {
            return false;
        }
        let loaded = self.load(now);
        if loaded.as_ref().is_ok_and(|it| it.fingerprint != seen) {
            return false;
        }
        self.seen = seen;
        let problems = loaded.map(|config| self.adopt(config)).err();
        self.problems = problems.map(|found| found.problems).unwrap_or_default();
        self.problems.is_empty()
    }

    /// A file that lost what it said at the start may have been cut off, and the rest of it
    /// would be taken for the whole policy. And a policy has every environment that a running
    /// listener or cluster belongs to.
    fn load(&self, now: Timestamp) -> Result<Config, Problems> {
        let config = Config::load_file(&self.file, |name| std::env::var_os(name), now)?;
        if let Some(key) = self.at_start.gone(&config.start_keys).next() {
            let text = format!(
                "{key} is gone, which was there at the start, so the file may be cut off; \
                 restart to run without it"
            );
            return Err(Problem::of_file(&self.file, text).into());
        }
        let policy = config.policy();
        let missing = self
            .tenants
            .iter()
            .find(|(_, name)| policy.environment(name).is_none());
        match missing {
            None => Ok(config),
            Some((tenant, environment)) => {
                let text = format!(
                    "environments.{environment} is gone, and {tenant} still belongs to it; \
                     restart to change listeners and clusters"
                );
                Err(Problem::of_file(&self.file, text).into())
            }
        }
    }

    fn adopt(&mut self, config: Config) {
        self.files.adopt(config.policy_files);
        self.warnings = config.warnings;
        let changed = self.at_start.changed(&config.start_keys);
        let pending: Vec<Problem> = changed.into_iter().map(|key| self.pending(key)).collect();
        self.is_pending_told = self.pending == pending;
        self.pending = pending;
    }

    fn pending(&self, key: String) -> Problem {
        let text = "changed since the start, and takes effect at the next one; restart";
        Problem {
            key,
            ..Problem::of_file(&self.file, text)
        }
    }

    /// Keys that wait for a restart, once for each change of what they are.
    fn newly_pending(&mut self) -> &[Problem] {
        match std::mem::replace(&mut self.is_pending_told, true) {
            true => &[],
            false => &self.pending,
        }
    }

    /// What is worth a second look in what is in force.
    fn warnings(&self) -> Vec<Problem> {
        let of_folders = self.files.vulnerability_policy().warnings();
        let of_file = self.warnings.iter().chain(&self.pending);
        of_file.chain(of_folders).cloned().collect()
    }

    fn invalid(&self) -> Vec<InvalidFile> {
        let config = (!self.problems.is_empty()).then(|| InvalidFile {
            kind: PolicyFile::Config,
            name: file_name(&self.file),
            problems: self.problems.clone(),
        });
        config
            .into_iter()
            .chain(self.files.vulnerability_policy().invalid())
            .collect()
    }
}

fn tenants(config: &Config) -> Vec<(String, EnvironmentName)> {
    let listeners = config.listeners.iter().map(|listener| {
        let called = format!("the listener at {}", listener.address);
        (called, listener.environment.clone())
    });
    let clusters = config.clusters.iter().map(|cluster| {
        let called = format!("the cluster {}", cluster.name);
        (called, cluster.environment.clone())
    });
    listeners.chain(clusters).collect()
}

fn file_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
