//! Files with the secrets of who is told: their content is read once a second, and used
//! from when it changed. What became invalid keeps what was last good.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::config::notify_secrets;
use crate::notify::{Notifier, NotifyFiles, NotifyTarget};
use crate::tasks::Tasks;

const WATCH_PERIOD: Duration = Duration::from_secs(1);

/// A target whose secrets lie in files, and what is wrong with them now.
struct FollowedTarget {
    target: NotifyTarget,
    problem: Mutex<Option<String>>,
}

/// Follows the files of all targets that have some.
pub(super) fn spawn(targets: &[NotifyTarget], notifier: &Arc<Notifier>, tasks: &Tasks) {
    let in_files = |it: &&NotifyTarget| it.files != NotifyFiles::default();
    let followed = targets
        .iter()
        .filter(in_files)
        .map(|target| FollowedTarget {
            target: target.clone(),
            problem: Mutex::default(),
        });
    let followed: Arc<[FollowedTarget]> = followed.collect();
    if followed.is_empty() {
        return;
    }
    let notifier = notifier.clone();
    tasks.every("notify files", WATCH_PERIOD, move |_| {
        let (notifier, followed) = (notifier.clone(), followed.clone());
        async move {
            let look = move || followed.iter().for_each(|it| it.follow_once(&notifier));
            // Files lie on disks that may be slow.
            let _done = tokio::task::spawn_blocking(look).await;
        }
    });
}

impl FollowedTarget {
    fn follow_once(&self, notifier: &Notifier) {
        let name = &self.target.name;
        let why = match notify_secrets(&self.target) {
            Ok(secrets) => {
                notifier.replace_secrets(name, &secrets);
                None
            }
            Err(why) => Some(why),
        };
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if *problem != why
            && let Some(why) = &why
        {
            tracing::error!(
                target.name = name,
                why,
                "secrets of a target are not in force; the last good ones hold"
            );
        }
        *problem = why;
    }
}
