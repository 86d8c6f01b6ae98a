//! Manifests: where a tag points, and the verified bytes.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use tokio::time::Instant;

use crate::oci::{Digest, MediaType, Reference, RepositoryName, manifest_type};

use super::client::{UpstreamCall, UpstreamResponse};
use super::{Upstream, UpstreamError, answer};

/// Bytes of a manifest at most (distribution-spec, "Pushing Manifests").
pub const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;

/// Every kind of manifest that can be judged.
const ACCEPTED_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// What a HEAD says of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestHead {
    pub digest: Digest,
}

/// A manifest, verbatim; its bytes have its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedManifest {
    /// As the Content-Type says, and the body may say otherwise; as the body says where
    /// that says nothing.
    pub media_type: MediaType,
    pub digest: Digest,
    pub bytes: Bytes,
}

impl Upstream {
    /// Asks which digest `reference` has now. An upstream whose HEAD does not
    /// tell is asked for the manifest itself, and for a while at once.
    ///
    /// # Errors
    /// [`UpstreamError`], [`UpstreamError::NotFound`] among them.
    pub async fn head_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestHead, UpstreamError> {
        self.noted(self.ask_head(name, reference).await)
    }

    async fn ask_head(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestHead, UpstreamError> {
        let now = Instant::now();
        if !self.without_head().holds(name, now)
            && let Some(head) = self.ask_by_head(name, reference).await?
        {
            return Ok(head);
        }
        let manifest = self.fetch(name, reference).await?;
        self.without_head().note(name, now);
        Ok(manifest.head())
    }

    async fn ask_by_head(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ManifestHead>, UpstreamError> {
        let call = self.manifest_call(Method::HEAD, name, reference)?;
        match self.send(&call).await {
            Ok(answer) => read_head(&answer, reference),
            Err(error) if error.may_be_of_head() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches a manifest and verifies it: against the digest asked for, and
    /// against the one that the answer declares.
    ///
    /// # Errors
    /// [`UpstreamError::TooLarge`] beyond [`MAX_MANIFEST_BYTES`],
    /// [`UpstreamError::DigestMismatch`] where the bytes are others.
    pub async fn get_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<FetchedManifest, UpstreamError> {
        self.noted(self.fetch(name, reference).await)
    }

    pub(super) async fn fetch(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<FetchedManifest, UpstreamError> {
        let call = self.manifest_call(Method::GET, name, reference)?;
        let answer = self.send(&call).await?;
        let headers = answer.response.headers();
        let sent = answer::media_type(headers);
        let declared = answer::digest(headers);
        let bytes = self.body(answer, MAX_MANIFEST_BYTES).await?;
        let digest = verified(asked(reference), declared.as_ref(), &bytes)?;
        let media_type = manifest_type(sent, &bytes);
        // Nothing but its type vouches then for what a tag gives: a page for people,
        // where somebody has to log in, is not what the tag means now.
        if asked(reference).is_none() && declared.is_none() && media_type.is_unspecific() {
            return Err(UpstreamError::protocol("it sends no manifest for a tag"));
        }
        Ok(FetchedManifest {
            media_type,
            digest,
            bytes,
        })
    }

    fn manifest_call(
        &self,
        method: Method,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<UpstreamCall, UpstreamError> {
        let mut call = self.to(method, name, &format!("manifests/{reference}"))?;
        let accept = HeaderValue::from_static(ACCEPTED_TYPES);
        call.headers.insert(header::ACCEPT, accept);
        Ok(call)
    }
}

impl FetchedManifest {
    fn head(self) -> ManifestHead {
        ManifestHead {
            digest: self.digest,
        }
    }
}

/// None where there is no digest, or one of another algorithm than the one asked for,
/// so that only the bytes can tell.
fn read_head(
    answer: &UpstreamResponse,
    reference: &Reference,
) -> Result<Option<ManifestHead>, UpstreamError> {
    let Some(digest) = answer::digest(answer.response.headers()) else {
        return Ok(None);
    };
    match asked(reference) {
        Some(asked) if asked.algorithm() != digest.algorithm() => return Ok(None),
        Some(asked) if *asked != digest => return Err(mismatch(asked, digest)),
        _ => {}
    }
    Ok(Some(ManifestHead { digest }))
}

fn asked(reference: &Reference) -> Option<&Digest> {
    match reference {
        Reference::Digest(digest) => Some(digest),
        Reference::Tag(_) => None,
    }
}

/// The digest of `bytes`, which must have every digest that was asked for or
/// declared.
fn verified(
    asked: Option<&Digest>,
    declared: Option<&Digest>,
    bytes: &[u8],
) -> Result<Digest, UpstreamError> {
    for expected in asked.into_iter().chain(declared) {
        if !expected.matches(bytes) {
            return Err(mismatch(expected, Digest::of(expected.algorithm(), bytes)));
        }
    }
    let digest = asked.or(declared).cloned();
    Ok(digest.unwrap_or_else(|| Digest::sha256(bytes)))
}

fn mismatch(expected: &Digest, actual: Digest) -> UpstreamError {
    UpstreamError::DigestMismatch {
        expected: expected.clone(),
        actual,
    }
}
