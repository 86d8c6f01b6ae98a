//! Files that change while the program runs: their content is read once a
//! second, since ConfigMap symlinks and network file systems tell no events.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Parts;
use super::config::Config;
use crate::tasks::Tasks;
use crate::trust::Rulebook;

const LOOK: Duration = Duration::from_secs(1);

/// Whether the file on disk is the policy in force.
#[derive(Clone, Debug, Default)]
pub(super) struct PolicyFile {
    last: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    content: Option<String>,
    problem: Option<String>,
}

impl PolicyFile {
    /// Why the file on disk is not in force, if it is not.
    pub(super) fn problem(&self) -> Option<String> {
        self.seen().problem.clone()
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn spawn(parts: &Arc<Parts>, tasks: &Tasks) {
    let Some(file) = parts.config.file.clone() else {
        return;
    };
    parts.policy_file.seen().content = std::fs::read_to_string(&file).ok();
    let parts = parts.clone();
    tasks.every("policy", LOOK, move |now| {
        let (parts, file) = (parts.clone(), file.clone());
        async move { reload_once(&parts, file, now) }
    });
}

/// Takes over the policy sections of a changed file. An invalid one keeps the
/// last good state, says so, and is tried again: what it names may be what was
/// missing.
fn reload_once(parts: &Parts, file: PathBuf, now: Timestamp) {
    let content = std::fs::read_to_string(&file).ok();
    let before = parts.policy_file.problem();
    if before.is_none() && parts.policy_file.seen().content == content {
        return;
    }
    let problem = match load(parts, &file, now) {
        Ok(rulebook) => {
            parts.gate.set_rulebook(rulebook);
            tracing::info!(file = %file.display(), "policy reloaded");
            None
        }
        Err(problem) => Some(problem),
    };
    if let Some(problem) = problem.as_ref().filter(|it| before.as_ref() != Some(it)) {
        tracing::error!(file = %file.display(), problem, "policy not reloaded");
    }
    *parts.policy_file.seen() = Seen { content, problem };
}

/// A policy has every environment that a running listener belongs to.
fn load(parts: &Parts, file: &Path, now: Timestamp) -> Result<Rulebook, String> {
    let config = Config::load(Some(file), |name| std::env::var_os(name), now)
        .map_err(|problems| problems.to_string())?;
    let rulebook = config.policy();
    for listener in &parts.config.listeners {
        let environment = &listener.environment;
        if rulebook.environment(environment).is_none() {
            let address = listener.address;
            return Err(format!(
                "{}: environments.{environment} is gone, and the listener at {address} still \
                 belongs to it; restart to change listeners",
                file.display(),
            ));
        }
    }
    Ok(rulebook)
}
