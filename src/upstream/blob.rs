//! Blobs: their size, and their bytes from any offset on.

use std::ops::Range;

use futures_util::future::ready;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::oci::{Digest, RepositoryName};

use super::client::{BudgetShare, UpstreamCall, UpstreamResponse};
use super::decoding::{BlobStream, ContentCoding, decoded};
use super::{Upstream, UpstreamError, answer};

/// The body of a blob, or the rest of it.
pub struct BlobBody {
    /// Bytes that `stream` will give, where the upstream says so.
    pub length: Option<u64>,
    pub stream: BlobStream,
}

impl Upstream {
    /// Asks whether the upstream has a blob of `size` bytes, by HEAD at its own host. A
    /// redirect says that it does: what it leads to may be signed for GET alone. An upstream
    /// that does not answer HEAD is asked by GET, whose body is not read.
    ///
    /// # Errors
    /// Those of [`Upstream::get_blob`], and [`UpstreamError::LengthMismatch`] where it says
    /// another length.
    pub async fn has_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        size: u64,
    ) -> Result<(), UpstreamError> {
        self.noted(self.ask_for(name, digest, size).await)
    }

    async fn ask_for(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        size: u64,
    ) -> Result<(), UpstreamError> {
        let mut call = self.blob_call(Method::HEAD, name, digest)?;
        call.redirects = false;
        let answer = match self.send(&call).await {
            Err(UpstreamError::UnexpectedStatus(300..400)) => return Ok(()),
            Err(error) if error.may_be_of_head() => self.ask(name, digest, 0).await,
            answer => answer,
        };
        has_length(&answer?, size)
    }

    /// Begins to read a blob of `size` bytes at `offset`. An upstream that ignores
    /// ranges is read from the start and skipped forward; so is one that compresses what
    /// it sends, since no part of that can be decoded by itself.
    ///
    /// The stream holds one of the upstream's transfers until it is dropped.
    ///
    /// # Errors
    /// [`UpstreamError`] until the answer begins; later ones come through the stream.
    pub async fn get_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        size: u64,
        offset: u64,
    ) -> Result<BlobBody, UpstreamError> {
        self.noted(self.open(name, digest, size, offset).await)
    }

    /// Begins to read some bytes of a blob. One that sends no parts of it fails: that is
    /// no fault of the upstream's.
    ///
    /// # Errors
    /// Those of [`Upstream::get_blob`].
    pub async fn get_blob_part(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        part: Range<u64>,
    ) -> Result<BlobBody, UpstreamError> {
        let asked = self.ask_range(name, digest, Some(range_of(&part))).await;
        let answer = self.noted(asked)?;
        match is_part_alone(&answer, &part) {
            true => Ok(self.verbatim(answer, &part)),
            false => Err(UpstreamError::protocol("it sends no part of this blob")),
        }
    }

    /// Begins to read some bytes of a blob of `size` bytes, and perhaps more behind them: any
    /// server may ignore a range (RFC 9110, 14.2), and is skipped forward then.
    ///
    /// # Errors
    /// Those of [`Upstream::get_blob`].
    pub async fn get_blob_within(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        size: u64,
        part: Range<u64>,
    ) -> Result<BlobBody, UpstreamError> {
        self.noted(self.open_within(name, digest, size, part).await)
    }

    async fn open_within(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        size: u64,
        part: Range<u64>,
    ) -> Result<BlobBody, UpstreamError> {
        let asked = self.ask_range(name, digest, Some(range_of(&part))).await;
        let whole = match asked {
            Ok(answer) if is_part_alone(&answer, &part) => return Ok(self.verbatim(answer, &part)),
            Ok(answer) if is_part(&answer) => None,
            Ok(whole) => Some(whole),
            Err(error) if error.is_of_range() => None,
            Err(error) => return Err(error),
        };
        let answer = match whole {
            Some(answer) => answer,
            None => self.ask(name, digest, 0).await?,
        };
        self.read_from(answer, size, part.start)
    }

    /// A body that is `part` alone.
    fn verbatim(&self, answer: UpstreamResponse, part: &Range<u64>) -> BlobBody {
        let upstream = self.clone();
        let noted = move |error: &UpstreamError| upstream.note_failure(error);
        BlobBody {
            length: Some(part.end - part.start),
            stream: pieces(answer).inspect_err(noted).boxed(),
        }
    }

    async fn open(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        size: u64,
        offset: u64,
    ) -> Result<BlobBody, UpstreamError> {
        let rest = match self.ask(name, digest, offset).await {
            Err(error) if offset > 0 && error.is_of_range() => None,
            answer => {
                let answer = answer?;
                let is_coded =
                    is_part(&answer) && coding_of(&answer, size)? != ContentCoding::Identity;
                Some(answer).filter(|_| !is_coded)
            }
        };
        let answer = match rest {
            Some(answer) => answer,
            None => self.ask(name, digest, 0).await?,
        };
        self.read_from(answer, size, offset)
    }

    /// Reads a whole blob of `size` bytes, or the rest of it, from `offset` on.
    fn read_from(
        &self,
        answer: UpstreamResponse,
        size: u64,
        offset: u64,
    ) -> Result<BlobBody, UpstreamError> {
        let coding = coding_of(&answer, size)?;
        let headers = answer.response.headers();
        let (skip, length) = match coding {
            ContentCoding::Identity if is_part(&answer) => {
                (0, Some(range_length(headers, offset)?))
            }
            ContentCoding::Identity => (offset, rest_of(answer::length(headers), offset)?),
            ContentCoding::Gzip | ContentCoding::Deflate => (offset, None),
        };
        let upstream = self.clone();
        let noted = move |error: &UpstreamError| upstream.note_failure(error);
        let stream = skipping(decoded(pieces(answer), coding), skip);
        let stream = stream.inspect_err(noted).boxed();
        Ok(BlobBody { length, stream })
    }

    /// Asks for a blob from `offset` on.
    async fn ask(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        offset: u64,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let range = (offset > 0).then(|| format!("bytes={offset}-"));
        self.ask_range(name, digest, range).await
    }

    /// Asks for a range of a blob, as the header writes it, or for all of it.
    async fn ask_range(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        range: Option<String>,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let mut call = self.blob_call(Method::GET, name, digest)?;
        call.share = BudgetShare::Transfer;
        if let Some(range) = range {
            let range = HeaderValue::try_from(range);
            let range = range.map_err(|_| UpstreamError::protocol("no such range"))?;
            call.headers.insert(header::RANGE, range);
        }
        self.send(&call).await
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

fn range_of(part: &Range<u64>) -> String {
    format!("bytes={}-{}", part.start, part.end.saturating_sub(1))
}

fn is_part(answer: &UpstreamResponse) -> bool {
    answer.response.status() == StatusCode::PARTIAL_CONTENT
}

/// Whether the body is these bytes, as they are, and no others.
fn is_part_alone(answer: &UpstreamResponse, part: &Range<u64>) -> bool {
    let headers = answer.response.headers();
    let sent = content_range(headers).filter(|_| is_part(answer));
    let is_that = sent.is_some_and(|sent| sent.first == part.start && sent.end == part.end);
    is_that && answer::length(headers) == Some(part.end - part.start)
}

/// How a blob is coded. What is as long as the blob is the blob, whatever the header
/// says: stores repeat there how a layer is compressed that was pushed so.
fn coding_of(answer: &UpstreamResponse, size: u64) -> Result<ContentCoding, UpstreamError> {
    let headers = answer.response.headers();
    let length = answer::length(headers);
    let is_verbatim = match content_range(headers).filter(|_| is_part(answer)) {
        Some(part) => {
            part.total == Some(size)
                && length.is_some()
                && length == part.end.checked_sub(part.first)
        }
        None => length == Some(size),
    };
    match is_verbatim {
        true => Ok(ContentCoding::Identity),
        false => ContentCoding::of(headers),
    }
}

/// The length of what is compressed on the way says nothing.
fn has_length(answer: &UpstreamResponse, size: u64) -> Result<(), UpstreamError> {
    let is_verbatim = coding_of(answer, size)? == ContentCoding::Identity;
    match answer::length(answer.response.headers()) {
        Some(actual) if is_verbatim && actual != size => Err(UpstreamError::LengthMismatch {
            expected: size,
            actual,
        }),
        _ => Ok(()),
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
    let asked_for = content_range(headers).and_then(|range| {
        let whole = range.total.is_none_or(|total| total == range.end);
        (range.first == offset && whole).then(|| range.end.checked_sub(range.first))?
    });
    asked_for.ok_or_else(|| UpstreamError::protocol("its Content-Range is not what was asked for"))
}

/// A `Content-Range` in bytes.
struct ContentRange {
    first: u64,
    /// The first byte behind it.
    end: u64,
    /// Length of the whole; none where it says `*`.
    total: Option<u64>,
}

fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    let end = last.checked_add(1)?;
    Some(ContentRange { first, end, total })
}

fn pieces(answer: UpstreamResponse) -> BlobStream {
    let pieces = stream::try_unfold(answer, |mut answer| async move {
        let piece = answer.response.chunk().await;
        let piece = piece.map_err(|error| answer::broken(&error))?;
        Ok(piece.map(|piece| (piece, answer)))
    });
    pieces.boxed()
}

/// The pieces behind the first `skip` bytes.
fn skipping(pieces: BlobStream, skip: u64) -> BlobStream {
    let rest = stream::try_unfold((pieces, skip), |(mut pieces, skip)| async move {
        match pieces.try_next().await? {
            None if skip > 0 => Err(short()),
            None => Ok(None),
            Some(piece) => {
                let cut = skip.min(piece.len() as u64);
                let rest = piece.slice(cut as usize..);
                Ok(Some((rest, (pieces, skip - cut))))
            }
        }
    });
    rest.try_filter(|piece| ready(!piece.is_empty())).boxed()
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
