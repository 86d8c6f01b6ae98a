//! Listeners, clients, one pull of a client, and the question that it puts to judgement.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderValue;
use jiff::Timestamp;
use tracing::Span;

use super::refusal::Refusal;
use crate::access::{Barred, Principal};
use crate::oci::{Digest, Reference, RegistryHost, Repository, RepositoryGlobs};
use crate::trust::{
    Denial, DenialReason, EnvironmentName, Evidence, Exposure, ExposureSource, JudgedFinding, Mode,
    Rulebook, Settings, Subject, Verdict,
};

/// An address where nodes pull. Nothing that a client sends chooses another
/// environment or exposure than its listener's.
#[derive(Clone, Debug)]
pub struct Listener {
    /// How it is called in records: its address.
    pub name: Arc<str>,
    pub environment: EnvironmentName,
    pub exposure: Exposure,
    /// What it serves at all, one of these; empty: everything.
    pub repositories: Vec<RepositoryGlobs>,
    /// The upstream meant by clients that name none (Docker's `registry-mirrors`).
    pub mirror_of: Option<RegistryHost>,
}

impl Listener {
    pub(super) fn serves(&self, repository: &Repository) -> bool {
        let mut served = self.repositories.iter();
        self.repositories.is_empty() || served.any(|globs| globs.empty_or_matches(repository))
    }
}

/// The client of a request: where it came in, and in whose name.
#[derive(Clone, Debug)]
pub struct Client {
    pub listener: Arc<Listener>,
    pub principal: Principal,
    pub address: Option<IpAddr>,
}

impl Client {
    /// What the asker's own role and scope leave out: everything here, or
    /// `repository`. Allocates nothing where they leave out nothing.
    pub fn barred(&self, repository: Option<&Repository>) -> Option<Denial> {
        let environment = &self.listener.environment;
        let barred = self.principal.barred(environment.as_str(), repository)?;
        let name = self.principal.name();
        let (reason, detail, next) = match (barred, repository) {
            (Barred::Role, _) => {
                let role = self.principal.role();
                let detail = format!("the token {name} is a {role}'s, which pulls nothing");
                (
                    DenialReason::Unauthenticated,
                    detail,
                    "pull with a puller's token",
                )
            }
            (Barred::Repository, Some(repository)) => {
                let detail = format!("the token {name} does not reach {repository}");
                (
                    DenialReason::RegistryNotPermitted,
                    detail,
                    "ask an admin for one that does",
                )
            }
            (Barred::Environment | Barred::Repository, _) => {
                let detail = format!("the token {name} does not reach {environment}");
                (
                    DenialReason::RegistryNotPermitted,
                    detail,
                    "ask an admin for one that does",
                )
            }
        };
        Some(Denial::new(reason, detail, next))
    }
}

/// The repository that a request is about.
#[derive(Clone, Debug)]
pub struct RequestTarget {
    pub repository: Repository,
    /// The `ns` that named it, which the answer echoes.
    pub namespace: Option<HeaderValue>,
    /// It was found since `ns` named the request's own host.
    pub by_host: bool,
}

/// One request of a client for something in a repository.
#[derive(Clone, Copy)]
pub struct Pull<'a> {
    pub client: &'a Client,
    pub target: &'a RequestTarget,
    /// Read once, by the door.
    pub now: Timestamp,
    /// When the request came in, for durations.
    pub started: Instant,
}

impl<'a> Pull<'a> {
    pub(super) fn environment(&self) -> &'a EnvironmentName {
        &self.client.listener.environment
    }

    pub(super) fn repository(&self) -> &'a Repository {
        &self.target.repository
    }

    pub(super) fn subject(&self, digest: Digest) -> Subject {
        Subject {
            environment: self.environment().clone(),
            repository: self.repository().clone(),
            digest,
        }
    }

    pub(super) fn exposure(&self) -> ExposureInput {
        ExposureInput::Listener(self.client.listener.exposure)
    }

    pub(super) fn question(&self, rulebook: &'a Rulebook, subject: &'a Subject) -> Question<'a> {
        Question {
            rulebook,
            subject,
            exposure: self.exposure(),
            now: self.now,
            depth: 0,
        }
    }

    /// The image as it is written: `host/name:tag` or `host/name@digest`.
    pub(super) fn image(&self, reference: &Reference) -> String {
        match reference {
            Reference::Tag(tag) => format!("{}:{tag}", self.repository()),
            Reference::Digest(digest) => format!("{}@{digest}", self.repository()),
        }
    }
}

/// How far a pull may go for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Memory only: no waiting, no SQL, no formatting.
    Memory,
    /// The ledger, the cache on disk and the upstream, too.
    Layered,
}

/// Why a pull does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// Memory does not know. Only of [`Lane::Memory`].
    BeyondMemory,
    /// The operator's lists leave the repository out; not recorded yet.
    NotServed(Denial),
    Refused(Refusal),
}

impl Lane {
    /// A span of the layered lane; in memory there is none.
    pub(super) fn span(self, begin: impl FnOnce() -> Span) -> Span {
        match self {
            Self::Memory => Span::none(),
            Self::Layered => begin(),
        }
    }

    /// Lets only the layered lane go on.
    pub(super) fn may_wait(self) -> Result<(), Halt> {
        match self {
            Self::Memory => Err(Halt::BeyondMemory),
            Self::Layered => Ok(()),
        }
    }
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Everything a verdict depends on besides evidence.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) rulebook: &'a Rulebook,
    pub(super) subject: &'a Subject,
    pub(super) exposure: ExposureInput,
    pub(super) now: Timestamp,
    /// How many other verdicts this one is asked for.
    pub(super) depth: u8,
}

/// Where an exposure is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExposureInput {
    /// The listener's, unless a rule for the repository says otherwise.
    Listener(Exposure),
    /// Stated by the one who asks for a verdict.
    Stated(Exposure),
    /// Outside requests reach what runs it, whatever the rules say. It is judged,
    /// and remembered, like a pull from an external listener.
    Reached,
}

/// Verdicts on other subjects, on which a verdict may rest.
pub(super) trait OtherVerdicts: Sync {
    /// What a pull of the subject would be answered now.
    fn judged<'a>(
        &'a self,
        question: Question<'a>,
    ) -> BoxedFuture<'a, Result<OtherVerdict, Refusal>>;

    /// Whether it is permitted, where that is remembered. Memory only.
    fn at_hand(&self, question: Question<'_>) -> Option<bool>;
}

/// What another verdict means for one that rests on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherVerdict {
    pub(super) permitted: bool,
    /// From when on time alone may change it.
    pub(super) until: Option<Timestamp>,
    /// It could not ask all that it rests on, so deep below the first question.
    pub(super) cut_off: bool,
}

/// Boxed, since a verdict may be asked for within another.
pub(super) type BoxedFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl<'a> Question<'a> {
    pub(super) fn exposure(&self) -> (Exposure, ExposureSource) {
        match self.exposure {
            ExposureInput::Listener(own) => self.rulebook.exposure(&self.subject.repository, own),
            ExposureInput::Stated(exposure) => (exposure, ExposureSource::Asked),
            ExposureInput::Reached => (Exposure::External, ExposureSource::Listener),
        }
    }

    /// The same without its source. Allocates nothing.
    pub(super) fn bare_exposure(&self) -> Exposure {
        match self.exposure {
            ExposureInput::Listener(own) => {
                self.rulebook.exposure_of(&self.subject.repository, own)
            }
            ExposureInput::Stated(exposure) => exposure,
            ExposureInput::Reached => Exposure::External,
        }
    }

    /// The same of another subject, one verdict deeper.
    pub(super) fn of_another(self, subject: &'a Subject) -> Self {
        Self {
            subject,
            depth: self.depth + 1,
            ..self
        }
    }

    pub(super) fn verdict(&self, evidence: &Evidence) -> Verdict {
        self.rulebook
            .judge(self.subject, evidence, self.exposure(), self.now)
    }

    pub(super) fn verdict_in_full(&self, evidence: &Evidence) -> (Verdict, Vec<JudgedFinding>) {
        self.rulebook
            .judge_in_full(self.subject, evidence, self.exposure(), self.now)
    }

    /// A verdict that no evidence can change.
    pub(super) fn refused(&self, denial: Denial) -> Verdict {
        Verdict::refused(
            self.subject,
            self.mode(),
            self.exposure(),
            self.rulebook.revision(),
            denial,
        )
    }

    /// What the environment demands of the repository.
    pub(super) fn settings(&self) -> Option<&Settings> {
        let environment = self.rulebook.environment(&self.subject.environment)?;
        Some(environment.settings(&self.subject.repository))
    }

    fn mode(&self) -> Mode {
        self.settings()
            .map_or_else(Mode::default, |settings| settings.mode)
    }
}
