//! Content codings (RFC 9110, section 8.4.1), undone.
//!
//! `identity` alone is asked for, and some servers and the proxies before them
//! compress all the same. A digest is of the content without its coding, so it is
//! decoded first, piece by piece, and verified then: no coded byte grows into more than
//! the reader of the pieces takes.

use std::io::{self, Write};

use bytes::{Buf, Bytes};
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http::{HeaderMap, header};

use super::UpstreamError;

/// Unverified bytes: whoever reads them hashes them. It ends with an error where the
/// connection did.
pub type BlobStream = BoxStream<'static, Result<Bytes, UpstreamError>>;

/// How an answer's body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentCoding {
    Identity,
    Gzip,
    /// The zlib format (RFC 1950).
    Deflate,
}

impl ContentCoding {
    /// Reads `Content-Encoding`.
    ///
    /// # Errors
    /// [`UpstreamError::Protocol`] where it is another coding, or several.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, UpstreamError> {
        let lines = headers.get_all(header::CONTENT_ENCODING).into_iter();
        let texts = lines.map(|line| line.to_str().unwrap_or("?"));
        let words = texts.flat_map(|text| text.split(',')).map(str::trim);
        let named = words.filter(|word| !word.is_empty() && !is_one_of(word, &NO_CODING));
        let named: Vec<&str> = named.collect();
        match named[..] {
            [] => Ok(Self::Identity),
            [word] if is_one_of(word, &["gzip", "x-gzip"]) => Ok(Self::Gzip),
            [word] if is_one_of(word, &["deflate"]) => Ok(Self::Deflate),
            [word] if is_one_of(word, &["br"]) => Err(not_known("br")),
            [word] if is_one_of(word, &["zstd"]) => Err(not_known("zstd")),
            [_] => Err(not_known("something else")),
            [..] => Err(not_known("several codings")),
        }
    }
}

/// `aws-chunked` is how content once came to a store; some repeat it with what they send.
const NO_CODING: [&str; 2] = ["identity", "aws-chunked"];

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn not_known(coding: &str) -> UpstreamError {
    UpstreamError::protocol(format!("it is encoded as {coding}"))
}

/// The pieces without their coding, each of some dozens of KiB at most.
pub(super) fn decoded(pieces: BlobStream, coding: ContentCoding) -> BlobStream {
    let Some(decoder) = Decoder::new(coding) else {
        return pieces;
    };
    let next = |(mut pieces, mut decoder): (BlobStream, Decoder)| async move {
        loop {
            if let Some(piece) = decoder.piece()? {
                return Ok(Some((piece, (pieces, decoder))));
            }
            if decoder.is_finished {
                return Ok(None);
            }
            match pieces.try_next().await? {
                Some(coded) => decoder.waiting = coded,
                None => decoder.finish()?,
            }
        }
    };
    stream::try_unfold((pieces, decoder), next).boxed()
}

struct Decoder {
    inflate: Inflate,
    /// Coded, and not decoded yet.
    waiting: Bytes,
    is_finished: bool,
}

enum Inflate {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Deflate(ZlibDecoder<Vec<u8>>),
}

impl Decoder {
    fn new(coding: ContentCoding) -> Option<Self> {
        let inflate = match coding {
            ContentCoding::Identity => return None,
            ContentCoding::Gzip => Inflate::Gzip(MultiGzDecoder::new(Vec::new())),
            ContentCoding::Deflate => Inflate::Deflate(ZlibDecoder::new(Vec::new())),
        };
        Some(Self {
            inflate,
            waiting: Bytes::new(),
            is_finished: false,
        })
    }

    /// The next piece of what waits; none where more must come first.
    fn piece(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        while !self.waiting.is_empty() && self.inflate.output().is_empty() {
            match self.inflate.write(&self.waiting) {
                // Something follows the end.
                Ok(0) | Err(_) => return Err(undecodable()),
                Ok(used) => self.waiting.advance(used),
            }
        }
        let piece = std::mem::take(self.inflate.output());
        Ok((!piece.is_empty()).then(|| Bytes::from(piece)))
    }

    /// Nothing more comes: gzip that was cut short is an error.
    fn finish(&mut self) -> Result<(), UpstreamError> {
        self.is_finished = true;
        self.inflate.finish().map_err(|_| undecodable())
    }
}

impl Inflate {
    /// Takes some of `coded`: as much as fills a buffer of 32 KiB, about.
    fn write(&mut self, coded: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.write(coded),
            Self::Deflate(decoder) => decoder.write(coded),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Deflate(decoder) => decoder.try_finish(),
        }
    }

    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
        }
    }
}

fn undecodable() -> UpstreamError {
    UpstreamError::protocol("it is not encoded as its Content-Encoding says")
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    const MANY: usize = 3 << 20;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(content: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn pieces(coded: &[u8], size: usize) -> BlobStream {
        let pieces: Vec<_> = coded.chunks(size).map(Bytes::copy_from_slice).collect();
        stream::iter(pieces.into_iter().map(Ok)).boxed()
    }

    async fn read(coded: &[u8], size: usize, coding: ContentCoding) -> Option<Vec<u8>> {
        let decoded: Vec<Bytes> = decoded(pieces(coded, size), coding)
            .try_collect()
            .await
            .ok()?;
        Some(decoded.concat())
    }

    /// Compresses neither well nor badly.
    fn content() -> Vec<u8> {
        (0..100_000u32)
            .map(|n| (n.wrapping_mul(n) >> 7) as u8)
            .collect()
    }

    #[tokio::test]
    async fn undoes_what_was_done_in_pieces_of_any_size() {
        let content = content();
        for size in [1, 7, 4096, 1 << 20] {
            for content in [&content[..], b"", b"{}"] {
                let found = read(&gzip(content), size, ContentCoding::Gzip).await;
                assert!(found.as_deref() == Some(content), "gzip, {size}");
                let found = read(&zlib(content), size, ContentCoding::Deflate).await;
                assert!(found.as_deref() == Some(content), "deflate, {size}");
                let found = read(content, size, ContentCoding::Identity).await;
                assert!(found.as_deref() == Some(content), "identity, {size}");
            }
        }
        let twice = [gzip(b"one "), gzip(b"two")].concat();
        let found = read(&twice, 5, ContentCoding::Gzip).await;
        assert_eq!(found.as_deref(), Some(&b"one two"[..]));
    }

    #[tokio::test]
    async fn refuses_what_is_cut_short_bent_or_something_else() {
        let whole = gzip(&content());
        for end in [0, 1, 12, whole.len() / 2, whole.len() - 1] {
            let found = read(&whole[..end], 512, ContentCoding::Gzip).await;
            assert_eq!(found, None, "{end}");
        }
        for (coded, coding) in [
            (whole, ContentCoding::Gzip),
            (zlib(&content()), ContentCoding::Deflate),
        ] {
            let mut bent = coded.clone();
            bent[coded.len() / 2] ^= 0x55;
            assert_eq!(read(&bent, 512, coding).await, None);
            assert_eq!(read(b"{\"schemaVersion\":2}", 512, coding).await, None);
            let followed = [&coded[..], &b"more than that"[..]].concat();
            assert_eq!(read(&followed, 512, coding).await, None);
        }
    }

    /// The reader of the pieces bounds the whole, so no piece may be large.
    #[tokio::test]
    async fn a_bomb_comes_in_small_pieces() {
        let bomb = gzip(&vec![0; MANY]);
        assert!(bomb.len() < MANY / 500);
        let mut decoded = decoded(pieces(&bomb, 1 << 20), ContentCoding::Gzip);
        let mut all = 0;
        while let Some(piece) = decoded.try_next().await.unwrap() {
            assert!(piece.len() <= 128 << 10, "{}", piece.len());
            all += piece.len();
        }
        assert_eq!(all, MANY);
    }

    #[test]
    fn reads_the_header_and_names_what_it_cannot_undo() {
        let cases: [(&[&str], _); 12] = [
            (&[], Ok(ContentCoding::Identity)),
            (&["identity"], Ok(ContentCoding::Identity)),
            (&["gzip"], Ok(ContentCoding::Gzip)),
            (&["X-GZIP"], Ok(ContentCoding::Gzip)),
            (&["identity, gzip"], Ok(ContentCoding::Gzip)),
            (&["deflate"], Ok(ContentCoding::Deflate)),
            (&["br"], Err(not_known("br"))),
            (&["zstd"], Err(not_known("zstd"))),
            (&["aws-chunked"], Ok(ContentCoding::Identity)),
            (&["x-own"], Err(not_known("something else"))),
            (&["gzip, gzip"], Err(not_known("several codings"))),
            (&["gzip", "br"], Err(not_known("several codings"))),
        ];
        for (lines, coding) in cases {
            let lines = lines.iter().map(|line| line.parse().unwrap());
            let headers = lines.map(|line| (header::CONTENT_ENCODING, line));
            assert_eq!(ContentCoding::of(&HeaderMap::from_iter(headers)), coding);
        }
    }
}
