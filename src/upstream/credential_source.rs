//! The credentials of one upstream as they are now: given, replaced while we run, or
//! asked of a command and kept for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use super::{CredentialCommand, UpstreamCredentials, UpstreamError};
use crate::flight::SingleFlight;
use crate::metrics::UpstreamCause;
use crate::oci::RegistryHost;

/// How long what a command printed is kept. The shortest tokens in use last an hour, and
/// helpers that keep them themselves may print one that is old.
const CREDENTIAL_TTL: Duration = Duration::from_mins(15);
/// How long a command that failed, or whose credentials are refused, is not run again.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Where credentials come from.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    Given(UpstreamCredentials),
    Command(CredentialCommand),
}

impl From<UpstreamCredentials> for CredentialSource {
    fn from(credentials: UpstreamCredentials) -> Self {
        Self::Given(credentials)
    }
}

/// Credentials as they are shown. Others have another generation, so that no token that
/// was got with these is used for those.
#[derive(Clone, Debug)]
pub(super) struct ShownCredentials {
    pub(super) basic: HeaderValue,
    pub(super) generation: u64,
}

/// The credentials of one upstream.
pub(super) struct HeldCredentials(Arc<Held>);

struct Held {
    host: RegistryHost,
    command: Option<CredentialCommand>,
    state: Mutex<State>,
    runs: SingleFlight<(), Result<ShownCredentials, UpstreamError>>,
}

#[derive(Default)]
struct State {
    generation: u64,
    shown: Option<ShownCredentials>,
    /// When the command was wanted last, and how, if not well.
    ran: Option<(Instant, Result<(), UpstreamError>)>,
}

impl HeldCredentials {
    pub(super) fn new(host: RegistryHost, source: Option<&CredentialSource>) -> Self {
        let (given, command) = match source {
            None => (None, None),
            Some(CredentialSource::Given(given)) => (Some(given), None),
            Some(CredentialSource::Command(command)) => (None, Some(command.clone())),
        };
        let held = Self(Arc::new(Held {
            host,
            command,
            state: Mutex::default(),
            runs: SingleFlight::default(),
        }));
        if let Some(given) = given {
            held.replace(given);
        }
        held
    }

    /// From now on these are shown. The same ones change nothing.
    pub(super) fn replace(&self, credentials: &UpstreamCredentials) {
        self.0.take(credentials);
    }

    /// What is shown now; `None`: nothing is.
    ///
    /// # Errors
    /// [`UpstreamCause::NoCredentials`] where the command fails and never did well.
    pub(super) async fn at(&self, now: Instant) -> Result<Option<ShownCredentials>, UpstreamError> {
        if self.0.command.is_none() {
            return Ok(self.0.state().shown.clone());
        }
        if let Some(known) = self.0.known(now) {
            return known.map(Some);
        }
        self.run(now).await.map(Some)
    }

    /// Others than those that were refused, if there are any by now.
    pub(super) async fn instead_of(
        &self,
        refused: &ShownCredentials,
        now: Instant,
    ) -> Result<Option<ShownCredentials>, UpstreamError> {
        let (other, rests) = {
            let state = self.0.state();
            let other = state.shown.clone();
            let rests = |(at, _): &(Instant, _)| now.duration_since(*at) < RETRY_PAUSE;
            (other, state.ran.as_ref().is_some_and(rests))
        };
        let is_other = |shown: &ShownCredentials| shown.generation != refused.generation;
        if self.0.command.is_none() || rests || other.as_ref().is_some_and(is_other) {
            return Ok(other.filter(is_other));
        }
        Ok(Some(self.run(now).await?).filter(is_other))
    }

    async fn run(&self, now: Instant) -> Result<ShownCredentials, UpstreamError> {
        let held = self.0.clone();
        let run = || async move { held.run(now).await };
        self.0.runs.join(&(), run).await
    }
}

impl Held {
    /// What need not be asked of the command again.
    fn known(&self, now: Instant) -> Option<Result<ShownCredentials, UpstreamError>> {
        let state = self.state();
        let (at, outcome) = state.ran.as_ref()?;
        let age = now.duration_since(*at);
        match (outcome, &state.shown) {
            (Ok(()), Some(shown)) if age < CREDENTIAL_TTL => Some(Ok(shown.clone())),
            (Err(_), Some(shown)) if age < RETRY_PAUSE => Some(Ok(shown.clone())),
            (Err(error), None) if age < RETRY_PAUSE => Some(Err(error.clone())),
            _ => None,
        }
    }

    async fn run(&self, now: Instant) -> Result<ShownCredentials, UpstreamError> {
        let Some(command) = &self.command else {
            return Err(UpstreamError::Unauthorized);
        };
        let printed = command.run(&self.host).await;
        let outcome = printed.map_err(|why| {
            UpstreamError::unavailable(UpstreamCause::NoCredentials, why.to_string())
        });
        let outcome = outcome.map(|credentials| self.take(&credentials));
        let mut state = self.state();
        let failed = outcome.as_ref().err().cloned();
        state.ran = Some((now, failed.map_or(Ok(()), Err)));
        match (outcome, &state.shown) {
            (Ok(Some(shown)), _) => Ok(shown),
            (Ok(None), _) => Err(UpstreamError::Unauthorized),
            // What it printed last may still do.
            (Err(_), Some(shown)) => Ok(shown.clone()),
            (Err(error), None) => Err(error),
        }
    }

    /// `None`: they fit into no header.
    fn take(&self, credentials: &UpstreamCredentials) -> Option<ShownCredentials> {
        let basic = credentials.basic()?;
        let mut state = self.state();
        let same = |shown: &&ShownCredentials| shown.basic == basic;
        if let Some(shown) = state.shown.as_ref().filter(same) {
            return Some(shown.clone());
        }
        state.generation += 1;
        let generation = state.generation;
        state.shown = Some(ShownCredentials { basic, generation });
        state.shown.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(folder: &tempfile::TempDir) -> HeldCredentials {
        let count = folder.path().join("count");
        let script = format!("echo x >> {0}; wc -l < {0}", count.display());
        let command = CredentialCommand {
            program: "/bin/sh".to_owned(),
            arguments: vec!["-c".to_owned(), script],
            username: Some("me".to_owned()),
        };
        let source = CredentialSource::Command(command);
        HeldCredentials::new(RegistryHost::parse("r.corp").unwrap(), Some(&source))
    }

    #[tokio::test]
    async fn a_command_is_run_once_while_its_credentials_last() {
        let folder = tempfile::tempdir().unwrap();
        let held = counting(&folder);
        let start = Instant::now();
        let many = (0..20).map(|_| held.at(start));
        let shown = futures_util::future::join_all(many).await;
        let all: Vec<u64> = shown
            .into_iter()
            .map(|it| it.unwrap().unwrap().generation)
            .collect();
        assert_eq!(all, [1; 20]);
        let later = held.at(start + CREDENTIAL_TTL).await;
        assert_eq!(later.unwrap().unwrap().generation, 2);
    }

    #[tokio::test]
    async fn a_command_is_run_again_when_its_credentials_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let held = counting(&folder);
        let start = Instant::now();
        let first = held.at(start).await.unwrap().unwrap();
        let same = held.instead_of(&first, start).await.unwrap();
        assert!(same.is_none(), "they were printed just now");
        let later = start + RETRY_PAUSE;
        let second = held.instead_of(&first, later).await.unwrap().unwrap();
        assert_ne!(second.basic, first.basic);
        let third = held.instead_of(&first, later).await.unwrap().unwrap();
        assert_eq!(third.generation, second.generation, "known by now");
    }

    #[tokio::test]
    async fn a_command_that_fails_is_left_alone_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good");
        let script = format!("echo x >> {0}.count; cat {0}", good.display());
        let source = CredentialSource::Command(CredentialCommand {
            program: "/bin/sh".to_owned(),
            arguments: vec!["-c".to_owned(), script],
            username: None,
        });
        let held = HeldCredentials::new(RegistryHost::parse("r.corp").unwrap(), Some(&source));
        let start = Instant::now();
        for _ in 0..3 {
            let failed = held.at(start).await.unwrap_err();
            assert_eq!(failed.cause(), Some(UpstreamCause::NoCredentials));
            assert!(!failed.heals());
        }
        let runs = std::fs::read_to_string(folder.path().join("good.count"));
        assert_eq!(runs.unwrap().lines().count(), 1);
        std::fs::write(&good, "me:secret").unwrap();
        assert!(held.at(start + RETRY_PAUSE).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn other_credentials_are_of_another_generation_and_the_same_are_not() {
        let given = |password: &str| UpstreamCredentials {
            username: "me".to_owned(),
            password: password.into(),
        };
        let source = given("a").into();
        let held = HeldCredentials::new(RegistryHost::parse("r.corp").unwrap(), Some(&source));
        let now = Instant::now();
        let first = held.at(now).await.unwrap().unwrap();
        held.replace(&given("a"));
        let same = held.at(now).await.unwrap().unwrap();
        assert_eq!(same.generation, first.generation);
        assert!(held.instead_of(&first, now).await.unwrap().is_none());
        held.replace(&given("b"));
        let other = held.instead_of(&first, now).await.unwrap().unwrap();
        assert_ne!(other.basic, first.basic);
    }
}
