//! Reads the closure of a root from its upstream, to judge by: manifests and
//! configs, bounded in size, count and depth; layers never.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::try_join_all;

use super::reading_memory::ReadingMemory;
use crate::ledger::Alias;
use crate::oci::{
    Closure, ClosureAssembly, Descriptor, Digest, MediaType, Reference, Repository, RepositoryName,
    StructuralRefusal as Unfit, Supplied, WantedContent,
};
use crate::upstream::{Upstream, UpstreamError};

/// Manifests and configs of one root that are asked for at once.
const AT_ONCE: usize = 8;

/// A closure that was read, with the bodies that it was read from.
#[derive(Clone)]
pub(super) struct FetchedClosure {
    pub(super) closure: Arc<Closure>,
    /// Manifests by digest, to be stored once they are permitted.
    pub(super) bodies: Arc<Vec<(Digest, MediaType, Bytes)>>,
    /// Both digests of all that was read, so that what is said against either is
    /// known before anything of it is judged.
    pub(super) aliases: Arc<[Alias]>,
}

/// What reading came to.
#[derive(Clone)]
pub(super) enum ReadOutcome {
    Read(FetchedClosure),
    Unfit(UnfitImage),
    Absent,
}

/// Why an image cannot be judged safely.
#[derive(Clone)]
pub(super) struct UnfitImage {
    pub(super) why: Arc<str>,
    /// Whether it is no property of its digest: another reading may come to something else.
    pub(super) may_mend: bool,
}

/// Reads a closure, eight pieces at a time, out of the upstream's budget for
/// judgement.
///
/// # Errors
/// Those of the upstream; what is wrong with the content is an [`ReadOutcome`].
pub(super) async fn read_closure(
    upstream: &Upstream,
    repository: &Repository,
    digest: &Digest,
    memory: &ReadingMemory,
) -> Result<ReadOutcome, UpstreamError> {
    let mut held = memory.begin();
    let upstream = &upstream.judging();
    let reference = Reference::Digest(digest.clone());
    let root = match upstream.get_manifest(repository.name(), &reference).await {
        Ok(root) => root,
        Err(UpstreamError::NotFound) => return Ok(ReadOutcome::Absent),
        Err(error) => return Err(error),
    };
    held.take(root.bytes.len() as u64)?;
    let mut aliases = vec![Alias::of(&root.bytes)];
    let mut bodies = vec![(digest.clone(), root.media_type.clone(), root.bytes.clone())];
    let started = ClosureAssembly::start(digest.clone(), root.bytes, &root.media_type);
    let mut assembly = match started {
        Ok(assembly) => assembly,
        Err(unfit) => return Ok(unfit_outcome(&unfit)),
    };
    loop {
        let wanted = assembly.wanted(AT_ONCE);
        if wanted.is_empty() {
            break;
        }
        held.take(wanted.iter().map(WantedContent::size).sum())?;
        let asked = wanted.into_iter();
        let asked = asked.map(|wanted| supply(upstream, repository.name(), wanted));
        for (digest, supplied) in try_join_all(asked).await? {
            aliases.extend(alias_of(&supplied));
            bodies.extend(manifest_body(&digest, &supplied));
            assembly
                .supply(&digest, supplied)
                .map_err(|wrong| UpstreamError::Protocol(wrong.to_string().into()))?;
        }
    }
    Ok(match assembly.finish() {
        Ok(closure) => ReadOutcome::Read(FetchedClosure {
            closure: Arc::new(closure),
            bodies: Arc::new(bodies),
            aliases: aliases.into(),
        }),
        Err(unfit) => unfit_outcome(&unfit),
    })
}

fn unfit_outcome(unfit: &Unfit) -> ReadOutcome {
    ReadOutcome::Unfit(UnfitImage {
        why: Arc::from(unfit.to_string()),
        may_mend: unfit.may_mend(),
    })
}

fn alias_of(supplied: &Supplied) -> Option<Alias> {
    match supplied {
        Supplied::Body { bytes, .. } => Some(Alias::of(bytes)),
        Supplied::Absent => None,
    }
}

/// What came with a media type is a manifest, and not a config.
fn manifest_body(digest: &Digest, supplied: &Supplied) -> Option<(Digest, MediaType, Bytes)> {
    match supplied {
        Supplied::Body {
            bytes,
            content_type: Some(media_type),
        } => Some((digest.clone(), media_type.clone(), bytes.clone())),
        Supplied::Body { .. } | Supplied::Absent => None,
    }
}

async fn supply(
    upstream: &Upstream,
    name: &RepositoryName,
    wanted: WantedContent,
) -> Result<(Digest, Supplied), UpstreamError> {
    let (digest, found) = match wanted {
        WantedContent::Manifest(descriptor) => {
            let reference = Reference::Digest(descriptor.digest.clone());
            let found = upstream.get_manifest(name, &reference).await;
            let body = found.map(|manifest| (manifest.bytes, Some(manifest.media_type)));
            (descriptor.digest, body)
        }
        WantedContent::Config(descriptor) => {
            let found = read_config(upstream, name, &descriptor).await;
            (descriptor.digest, found.map(|bytes| (bytes, None)))
        }
    };
    match found {
        Ok((bytes, content_type)) => {
            let body = Supplied::Body {
                bytes,
                content_type,
            };
            Ok((digest, body))
        }
        Err(UpstreamError::NotFound) => Ok((digest, Supplied::Absent)),
        Err(error) => Err(error),
    }
}

/// A config, of no more bytes than its descriptor says.
async fn read_config(
    upstream: &Upstream,
    name: &RepositoryName,
    config: &Descriptor,
) -> Result<Bytes, UpstreamError> {
    let body = upstream.get_blob(name, &config.digest, config.size, 0);
    let body = body.await?;
    let mut stream = body.stream;
    let mut bytes = BytesMut::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
        if bytes.len() as u64 > config.size {
            return Err(UpstreamError::TooLarge { limit: config.size });
        }
    }
    let wrong = wrong_bytes(config, &bytes);
    match wrong {
        Some(wrong) => {
            upstream.note_failure(&wrong);
            Err(wrong)
        }
        None => Ok(bytes.freeze()),
    }
}

fn wrong_bytes(config: &Descriptor, bytes: &[u8]) -> Option<UpstreamError> {
    let actual = Digest::of(config.digest.algorithm(), bytes);
    (actual != config.digest).then(|| UpstreamError::DigestMismatch {
        expected: config.digest.clone(),
        actual,
    })
}
