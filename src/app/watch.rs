//! Files that change while the program runs: their content is read once a
//! second, since ConfigMap symlinks and network file systems tell no events.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::Parts;
use super::config::Config;
use crate::tasks::Tasks;

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
/// last good state, and says so.
fn reload_once(parts: &Parts, file: PathBuf, now: Timestamp) {
    let content = std::fs::read_to_string(&file).ok();
    if parts.policy_file.seen().content == content {
        return;
    }
    let problem = match Config::load(Some(&file), |name| std::env::var_os(name), now) {
        Ok(config) => {
            parts.gate.set_rulebook(config.policy());
            tracing::info!(file = %file.display(), "policy reloaded");
            None
        }
        Err(problems) => {
            tracing::error!(file = %file.display(), %problems, "policy not reloaded");
            Some(problems.to_string())
        }
    };
    *parts.policy_file.seen() = Seen { content, problem };
}
