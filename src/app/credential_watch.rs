//! Files of upstreams' credentials: their content is read once a second, and shown from
//! when it changed. What became invalid keeps what was last good.

use std::sync::Arc;
use std::time::Duration;

use super::Components;
use super::config::{ConfiguredCredentials, UpstreamConfig};
use super::upstream_credentials::read;
use crate::tasks::Tasks;

const WATCH_PERIOD: Duration = Duration::from_secs(1);

/// Follows the files of all upstreams.
pub(super) fn spawn(parts: &Arc<Components>, tasks: &Tasks) {
    let in_files = |upstream: &&UpstreamConfig| {
        !matches!(
            upstream.credentials,
            None | Some(ConfiguredCredentials::Command { .. })
        )
    };
    let configured = parts.config.upstreams.iter();
    let followed: Vec<UpstreamConfig> = configured.filter(in_files).cloned().collect();
    if followed.is_empty() {
        return;
    }
    let (parts, followed) = (parts.clone(), Arc::new(followed));
    tasks.every("upstream credentials", WATCH_PERIOD, move |_| {
        let (parts, followed) = (parts.clone(), followed.clone());
        async move {
            let look = move || followed.iter().for_each(|it| follow_once(&parts, it));
            // Files lie on disks that may be slow.
            let _done = tokio::task::spawn_blocking(look).await;
        }
    });
}

/// Shows what the file holds now; the same as before changes nothing.
fn follow_once(parts: &Components, config: &UpstreamConfig) {
    let read = config.credentials.as_ref().map(|it| read(it, &config.name));
    let Some(read) = read else {
        return;
    };
    let upstream = parts.gate.upstreams().find(|it| it.host == config.name);
    if let (Ok(credentials), Some(reachable)) = (&read, upstream) {
        reachable.upstream.replace_credentials(credentials);
    }
    let why = read.err();
    let is_new = parts.credential_problems.note(&config.name, why.clone());
    if let (true, Some(why)) = (is_new, why) {
        tracing::error!(upstream = %config.name, why, "credentials are not in force; the last good ones hold");
    }
}
