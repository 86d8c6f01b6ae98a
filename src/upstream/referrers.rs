//! What refers to a digest: from the referrers API, or from the tag that stands in for
//! it (distribution-spec, "Listing Referrers" and "Referrers Tag Schema").

use bytes::Bytes;
use http::{HeaderValue, Method, header};

use crate::oci::{
    Digest, MediaType, Reference, Referrer, RepositoryName, Tag, manifest_type, read_referrers,
};

use super::client::UpstreamCall;
use super::link::next_query;
use super::{MAX_MANIFEST_BYTES, Upstream, UpstreamError, answer};

/// Pages of one list.
const MAX_PAGES: usize = 64;
/// Bytes of one list, all pages together: some 40,000 referrers.
const MAX_LIST_BYTES: u64 = 4 * MAX_MANIFEST_BYTES;

impl Upstream {
    /// Everything that refers to `digest`, all pages of the list. Entries that are
    /// ill-formed are left out; an upstream without the API is asked for the tag
    /// `sha256-<hex>`.
    ///
    /// # Errors
    /// [`UpstreamError::TooLarge`] for more bytes or pages than a list may have,
    /// [`UpstreamError::Protocol`] where it cannot be read: that is no empty list.
    pub async fn referrers(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<Referrer>, UpstreamError> {
        self.noted(self.all_referrers(name, digest).await)
    }

    async fn all_referrers(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<Referrer>, UpstreamError> {
        match self.listed_referrers(name, digest).await {
            Ok(Some(referrers)) => Ok(referrers),
            Ok(None) => self.tagged_referrers(name, digest).await,
            Err(error) if lacks_api(&error) => self.tagged_referrers(name, digest).await,
            Err(error) => Err(error),
        }
    }

    /// The list of the API; none where what comes is no list at all, but a page for
    /// people, say.
    async fn listed_referrers(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Vec<Referrer>>, UpstreamError> {
        let mut call = self.to(Method::GET, name, &format!("referrers/{digest}"))?;
        let accept = HeaderValue::from_static("application/vnd.oci.image.index.v1+json");
        call.headers.insert(header::ACCEPT, accept);
        let mut referrers = Vec::new();
        let mut room = MAX_LIST_BYTES;
        for page in 0..MAX_PAGES {
            let (body, next) = match self.page(&call, room).await? {
                Some(page) => page,
                None if page == 0 => return Ok(None),
                None => return Err(no_index()),
            };
            room -= body.len() as u64;
            referrers.extend(read(&body)?);
            match next {
                None => return Ok(Some(referrers)),
                Some(next) if call.url.query() == Some(next.as_str()) => break,
                Some(next) => call.url.set_query(Some(&next)),
            }
        }
        Err(UpstreamError::protocol(
            "its list of referrers does not end",
        ))
    }

    /// One page of at most `room` bytes, and the query of the next one.
    async fn page(
        &self,
        call: &UpstreamCall,
        room: u64,
    ) -> Result<Option<(Bytes, Option<String>)>, UpstreamError> {
        let answer = self.send(call).await?;
        let headers = answer.response.headers();
        let (sent, next) = (answer::media_type(headers), next_query(headers));
        let body = self.body(answer, room.min(MAX_MANIFEST_BYTES)).await?;
        let is_list = manifest_type(sent, &body) == MediaType::OCI_INDEX;
        Ok(is_list.then_some((body, next)))
    }

    /// What the index under the digest's own tag lists.
    async fn tagged_referrers(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<Referrer>, UpstreamError> {
        let tag = Reference::Tag(Tag::of_referrers(digest));
        let index = match self.fetch(name, &tag).await {
            Ok(index) => index,
            Err(UpstreamError::NotFound) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // Some registries read such a tag as the digest, and give the image itself.
        if index.digest == *digest {
            return Ok(Vec::new());
        }
        match index.media_type == MediaType::OCI_INDEX {
            true => read(&index.bytes),
            false => Err(no_index()),
        }
    }
}

/// Whether an answer only says that there is no referrers API: 404, and from registries
/// that know the path as another one, 400, 405, 406 or 501.
fn lacks_api(error: &UpstreamError) -> bool {
    matches!(
        error,
        UpstreamError::NotFound | UpstreamError::UnexpectedStatus(_)
    )
}

fn read(body: &[u8]) -> Result<Vec<Referrer>, UpstreamError> {
    let unreadable = |error| format!("its referrers cannot be read: {error}");
    read_referrers(body).map_err(|error| UpstreamError::protocol(unreadable(error)))
}

fn no_index() -> UpstreamError {
    UpstreamError::protocol("its referrers are no index")
}
