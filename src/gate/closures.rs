//! Closures of roots: recorded ones from the ledger, others read from upstream.
//!
//! To judge, manifests and configs are read, bounded in size, count and depth;
//! layers never. What is found absent or refused is remembered too, in a capped
//! table, so that unknown digests do not spend an upstream's budget.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use quick_cache::Weighter;
use quick_cache::sync::Cache as Memory;

use super::refusal::Refusal;
use super::upstreams::Upstreams;
use crate::flight::Flights;
use crate::ledger::Ledger;
use crate::oci::{
    Closure, ClosureAssembly, Descriptor, Digest, MediaType, Reference, Refusal as Unfit,
    Repository, RepositoryName, Supplied, Wanted,
};
use crate::trust::Subject;
use crate::upstream::{Upstream, UpstreamError};

/// Closures of images that nobody admitted yet, remembered at most.
const REMEMBERED: usize = 10_000;
/// What lies below closures that could not be recorded, remembered at most.
const BELOW: usize = 100_000;
/// How long an absent digest is not asked for again.
const ABSENT_FOR: SignedDuration = SignedDuration::from_secs(30);

/// Bytes that they may take altogether.
const REMEMBERED_BYTES: u64 = 128 << 20;
/// About what a descriptor, and an entry without content, take in memory.
const DESCRIPTOR: usize = 256;
const ENTRY: usize = 512;

type Key = (Repository, Digest);

/// A closure that was read, with the bodies that it was read from.
#[derive(Clone)]
pub(super) struct Read {
    pub(super) closure: Arc<Closure>,
    /// Manifests by digest, to be stored once they are permitted.
    pub(super) bodies: Arc<Vec<(Digest, MediaType, Bytes)>>,
}

/// What reading came to.
#[derive(Clone)]
enum Outcome {
    Read(Read),
    Unfit(Arc<str>),
    Absent,
}

#[derive(Clone)]
struct Remembered {
    outcome: Outcome,
    at: Timestamp,
}

/// What is remembered of images that nobody admitted is bounded in bytes:
/// whoever can pull can name as many as the upstream has.
#[derive(Clone)]
struct Weight;

impl Weighter<Key, Remembered> for Weight {
    fn weight(&self, _: &Key, remembered: &Remembered) -> u64 {
        let held = match &remembered.outcome {
            Outcome::Read(read) => {
                let bodies: usize = read.bodies.iter().map(|(_, _, bytes)| bytes.len()).sum();
                bodies + read.closure.digests().count() * DESCRIPTOR
            }
            Outcome::Unfit(why) => why.len(),
            Outcome::Absent => 0,
        };
        (held + ENTRY) as u64
    }
}

/// The closures of all roots: recorded ones in the ledger, others in memory, and
/// the flights that read those.
pub(super) struct Closures {
    ledger: Arc<Ledger>,
    upstreams: Arc<Upstreams>,
    memory: Memory<Key, Remembered, Weight>,
    /// Content to the root that was seen to hold it.
    below: Memory<Key, Digest>,
    flights: Flights<Key, Result<Outcome, UpstreamError>>,
}

/// A closure to judge by.
pub(super) enum Known {
    /// In the ledger: its membership is in the index.
    Recorded(Arc<Closure>),
    Unrecorded(Read),
    /// It cannot be judged safely; the text says why.
    Unfit(Arc<str>),
}

impl Closures {
    pub(super) fn new(ledger: Arc<Ledger>, upstreams: Arc<Upstreams>) -> Self {
        Self {
            ledger,
            upstreams,
            memory: Memory::with_weighter(REMEMBERED, REMEMBERED_BYTES, Weight),
            below: Memory::new(BELOW),
            flights: Flights::default(),
        }
    }

    fn get(&self, key: &Key, now: Timestamp) -> Option<Outcome> {
        let remembered = self.memory.get(key)?;
        let forgotten = matches!(remembered.outcome, Outcome::Absent)
            && now.duration_since(remembered.at) > ABSENT_FOR;
        (!forgotten).then_some(remembered.outcome)
    }

    fn unrecorded(&self, repository: &Repository, digest: &Digest) -> Option<Arc<Closure>> {
        let key = (repository.clone(), digest.clone());
        match self.memory.get(&key)?.outcome {
            Outcome::Read(read) => Some(read.closure),
            Outcome::Unfit(_) | Outcome::Absent => None,
        }
    }

    /// Remembers what lies below a closure that the ledger could not record:
    /// what is served without it needs its blobs and children, too.
    pub(super) fn note_below(&self, repository: &Repository, closure: &Closure) {
        let root = closure.root();
        for digest in closure.digests().filter(|digest| *digest != root) {
            let key = (repository.clone(), digest.clone());
            self.below.insert(key, root.clone());
        }
    }

    /// The closure, not recorded, that was seen to hold `digest`.
    pub(super) fn unrecorded_parent(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<Arc<Closure>> {
        let root = self.below.get(&(repository.clone(), digest.clone()))?;
        self.unrecorded(repository, &root)
    }

    pub(super) fn forget(&self, repository: &Repository, digest: &Digest) {
        self.memory.remove(&(repository.clone(), digest.clone()));
    }

    /// The closure of a root or of an image below a recorded index. Memory only.
    pub(super) fn known(&self, repository: &Repository, digest: &Digest) -> Option<Arc<Closure>> {
        let index = self.ledger.index();
        index
            .closure(repository, digest)
            .or_else(|| self.unrecorded(repository, digest))
    }

    /// The closure to judge by, read from upstream when nobody knows it yet.
    pub(super) async fn find(
        &self,
        repository: &Repository,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Known, Refusal> {
        if let Some(closure) = self.ledger.index().closure(repository, digest) {
            return Ok(Known::Recorded(closure));
        }
        let key = (repository.clone(), digest.clone());
        let outcome = match self.get(&key, now) {
            Some(outcome) => outcome,
            None => self.read(key, now).await?,
        };
        match outcome {
            Outcome::Read(read) => Ok(Known::Unrecorded(read)),
            Outcome::Unfit(why) => Ok(Known::Unfit(why)),
            Outcome::Absent => Err(Refusal::ManifestUnknown),
        }
    }

    /// The closure of what is looked at unasked: none where it cannot be had now.
    pub(super) async fn readable(
        &self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Arc<Closure>, Refusal> {
        let known = self.find(&subject.repository, &subject.digest, now);
        match known.await? {
            Known::Recorded(closure) => Ok(closure),
            Known::Unrecorded(read) => Ok(read.closure),
            Known::Unfit(_) => Err(Refusal::ManifestUnknown),
        }
    }

    async fn read(&self, key: Key, now: Timestamp) -> Result<Outcome, Refusal> {
        let reachable = self.upstreams.of(&key.0)?;
        let upstream = reachable.upstream.clone();
        let (repository, digest) = key.clone();
        let flight = || async move { read_closure(&upstream, &repository, &digest).await };
        let outcome = self.flights.join(&key, flight).await?;
        let remembered = Remembered {
            outcome: outcome.clone(),
            at: now,
        };
        self.memory.insert(key, remembered);
        Ok(outcome)
    }
}

async fn read_closure(
    upstream: &Upstream,
    repository: &Repository,
    digest: &Digest,
) -> Result<Outcome, UpstreamError> {
    let name = repository.name();
    let reference = Reference::Digest(digest.clone());
    let root = match upstream.get_manifest(name, &reference).await {
        Ok(root) => root,
        Err(UpstreamError::NotFound) => return Ok(Outcome::Absent),
        Err(error) => return Err(error),
    };
    let mut bodies = vec![(digest.clone(), root.media_type.clone(), root.bytes.clone())];
    let started = ClosureAssembly::start(digest.clone(), root.bytes, &root.media_type);
    let mut assembly = match started {
        Ok(assembly) => assembly,
        Err(unfit) => return Ok(unfit_outcome(&unfit)),
    };
    while let Some(wanted) = assembly.wanted() {
        let (digest, supplied) = supply(upstream, repository, wanted).await?;
        if let Supplied::Body {
            bytes,
            content_type: Some(media_type),
        } = &supplied
        {
            bodies.push((digest.clone(), media_type.clone(), bytes.clone()));
        }
        assembly
            .supply(&digest, supplied)
            .map_err(|wrong| UpstreamError::Protocol(wrong.to_string().into()))?;
    }
    Ok(match assembly.finish() {
        Ok(closure) => Outcome::Read(Read {
            closure: Arc::new(closure),
            bodies: Arc::new(bodies),
        }),
        Err(unfit) => unfit_outcome(&unfit),
    })
}

fn unfit_outcome(unfit: &Unfit) -> Outcome {
    Outcome::Unfit(Arc::from(unfit.to_string()))
}

async fn supply(
    upstream: &Upstream,
    repository: &Repository,
    wanted: Wanted,
) -> Result<(Digest, Supplied), UpstreamError> {
    let name = repository.name();
    let (digest, found) = match wanted {
        Wanted::Manifest(descriptor) => {
            let reference = Reference::Digest(descriptor.digest.clone());
            let found = upstream.get_manifest(name, &reference).await;
            (
                descriptor.digest,
                found.map(|manifest| Supplied::Body {
                    bytes: manifest.bytes,
                    content_type: Some(manifest.media_type),
                }),
            )
        }
        Wanted::Config(descriptor) => {
            let found = read_config(upstream, name, &descriptor).await;
            (
                descriptor.digest,
                found.map(|bytes| Supplied::Body {
                    bytes,
                    content_type: None,
                }),
            )
        }
    };
    match found {
        Ok(body) => Ok((digest, body)),
        Err(UpstreamError::NotFound) => Ok((digest, Supplied::Absent)),
        Err(error) => Err(error),
    }
}

/// A config, of no more bytes than its descriptor says; whether they are the
/// right ones the assembly checks.
async fn read_config(
    upstream: &Upstream,
    name: &RepositoryName,
    config: &Descriptor,
) -> Result<Bytes, UpstreamError> {
    let body = upstream.get_blob(name, &config.digest, 0).await?;
    let mut stream = body.stream;
    let mut bytes = BytesMut::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
        if bytes.len() as u64 > config.size {
            return Err(UpstreamError::TooLarge { limit: config.size });
        }
    }
    Ok(bytes.freeze())
}
