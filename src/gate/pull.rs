//! Listeners, clients, and one pull of a client.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderValue;
use jiff::Timestamp;

use super::question::{ExposureInput, Question};
use super::refusal::Refusal;
use crate::access::{Barred, Principal};
use crate::oci::{Digest, Reference, RegistryHost, Repository, RepositoryGlobs};
use crate::trust::{Denial, DenialReason, EnvironmentName, Exposure, Rulebook, Subject};

/// An address where nodes pull. Nothing that a client sends chooses another
/// environment or exposure than its listener's.
#[derive(Debug)]
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
