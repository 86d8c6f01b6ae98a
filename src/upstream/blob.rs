//! Blobs: their size, and their bytes from any offset on.

use bytes::Bytes;
use futures_util::future::ready;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::oci::{Digest, RepositoryName};

use super::client::{BudgetShare, UpstreamCall, UpstreamResponse};
use super::{Upstream, UpstreamError, answer};

/// Unverified bytes: the cache hashes them. It ends with an error where the connection
/// did.
pub type BlobStream = BoxStream<'static, Result<Bytes, UpstreamError>>;

/// The body of a blob, or the rest of it.
pub struct BlobBody {
    /// Bytes that `stream` will give, where the upstream says so.
    pub length: Option<u64>,
    pub stream: BlobStream,
}

impl Upstream {
    /// Asks whether the upstream has a blob, by HEAD at its own host. A redirect says
    /// that it does: what it leads to may be signed for GET alone. An upstream that does
    /// not answer HEAD is asked by GET, whose body is not read.
    ///
    /// # Errors
    /// Those of [`Upstream::get_blob`].
    pub async fn has_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), UpstreamError> {
        self.noted(self.ask_for(name, digest).await)
    }

    async fn ask_for(&self, name: &RepositoryName, digest: &Digest) -> Result<(), UpstreamError> {
        let mut call = self.blob_call(Method::HEAD, name, digest)?;
        call.redirects = false;
        match self.send(&call).await {
            Ok(_) => Ok(()),
            Err(UpstreamError::UnexpectedStatus(300..400)) => Ok(()),
            Err(error) if error.may_be_of_head() => self.open(name, digest, 0).await.map(drop),
            Err(error) => Err(error),
        }
    }

    /// Begins to read a blob at `offset`. An upstream that ignores ranges is
    /// read from the start and skipped forward.
    ///
    /// The stream holds one of the upstream's transfers until it is dropped.
    pub async fn get_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        offset: u64,
    ) -> Result<BlobBody, UpstreamError> {
        self.noted(self.open(name, digest, offset).await)
    }

    async fn open(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        offset: u64,
    ) -> Result<BlobBody, UpstreamError> {
        let mut call = self.blob_call(Method::GET, name, digest)?;
        call.share = BudgetShare::Transfer;
        if offset > 0 {
            let range = HeaderValue::try_from(format!("bytes={offset}-"));
            let range = range.map_err(|_| UpstreamError::protocol("no such range"))?;
            call.headers.insert(header::RANGE, range);
        }
        let answer = self.send(&call).await?;
        let headers = answer.response.headers();
        let (skip, length) = match answer.response.status() {
            StatusCode::PARTIAL_CONTENT => (0, Some(range_length(headers, offset)?)),
            _ => (offset, rest_of(answer::length(headers), offset)?),
        };
        let upstream = self.clone();
        let noted = move |error: &UpstreamError| upstream.note_failure(error);
        let stream = stream(answer, skip).inspect_err(noted).boxed();
        Ok(BlobBody { length, stream })
    }

    fn blob_call(
        &self,
        method: Method,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<UpstreamCall, UpstreamError> {
        self.to(method, name, &format!("blobs/{digest}"))
    }
}

fn rest_of(length: Option<u64>, offset: u64) -> Result<Option<u64>, UpstreamError> {
    let Some(length) = length else {
        return Ok(None);
    };
    let rest = length.checked_sub(offset).ok_or_else(short)?;
    Ok(Some(rest))
}

/// Length of a part that begins at `offset` and runs to the blob's end, as
/// `Content-Range: bytes 5-9/10` says; any other part is refused.
fn range_length(headers: &HeaderMap, offset: u64) -> Result<u64, UpstreamError> {
    let read = || {
        let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        let end = last.checked_add(1)?;
        let whole = total == "*" || total.parse() == Ok(end);
        (first == offset && whole).then(|| end.checked_sub(first))?
    };
    read().ok_or_else(|| UpstreamError::protocol("its Content-Range is not what was asked for"))
}

fn stream(answer: UpstreamResponse, skip: u64) -> BlobStream {
    let chunks = stream::try_unfold((answer, skip), |(mut answer, skip)| async move {
        let chunk = answer.response.chunk().await;
        match chunk.map_err(|error| answer::broken(&error))? {
            None if skip > 0 => Err(short()),
            None => Ok(None),
            Some(chunk) => {
                let cut = skip.min(chunk.len() as u64);
                let rest = chunk.slice(cut as usize..);
                Ok(Some((rest, (answer, skip - cut))))
            }
        }
    });
    chunks.try_filter(|chunk| ready(!chunk.is_empty())).boxed()
}

fn short() -> UpstreamError {
    UpstreamError::protocol("its blob ends before the offset asked for")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(text: &str, offset: u64) -> Option<u64> {
        let headers = [(header::CONTENT_RANGE, text.parse().unwrap())];
        range_length(&HeaderMap::from_iter(headers), offset).ok()
    }

    #[test]
    fn takes_the_rest_of_the_blob_only() {
        assert_eq!(length("bytes 5-9/10", 5), Some(5));
        assert_eq!(length("bytes 5-9/*", 5), Some(5));
        for other in [
            "bytes 0-9/10",
            "bytes 4-9/10",
            "bytes 5-8/10",
            "bytes 5-4/5",
            "bytes 5-3/4",
            "bytes */10",
            "bytes 5-18446744073709551615/*",
            "lines 5-9/10",
            "",
        ] {
            let found = length(other, 5);
            assert!(found.is_none() || found == Some(0), "{other}");
        }
        assert_eq!(length("bytes 0-9/10", 5), None);
    }
}
