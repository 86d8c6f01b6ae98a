//! The body of an answer, with its length known beforehand.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::Stream;
use http_body::{Frame, SizeHint};

type BoxStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Bytes at hand, or a stream of exactly so many bytes. Either way the answer
/// carries a `Content-Length`, and a stream that yields more or less than it
/// promised breaks the connection instead of passing for whole.
#[derive(Default)]
pub enum Body {
    #[default]
    Empty,
    Full(Bytes),
    Stream(SizedStream),
}

/// A stream and how many of its bytes are still to come.
pub struct SizedStream {
    remaining: u64,
    stream: BoxStream,
}

impl Body {
    /// A body of `len` bytes read from `stream`.
    pub fn stream(
        len: u64,
        stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        if len == 0 {
            return Self::Empty;
        }
        Self::Stream(SizedStream {
            remaining: len,
            stream: Box::pin(stream),
        })
    }

    fn remaining(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Full(bytes) => bytes.len() as u64,
            Self::Stream(measured) => measured.remaining,
        }
    }
}

impl SizedStream {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        self.stream
            .as_mut()
            .poll_next(context)
            .map(|item| Some(self.count(item)))
    }

    fn count(&mut self, item: Option<io::Result<Bytes>>) -> io::Result<Bytes> {
        let bytes = item.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))?;
        match self.remaining.checked_sub(bytes.len() as u64) {
            Some(remaining) => self.remaining = remaining,
            None => return Err(io::Error::other("the body is longer than it promised")),
        }
        Ok(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let body = self.get_mut();
        if let Self::Stream(measured) = body {
            return measured
                .poll_next(context)
                .map(|item| item.map(|bytes| bytes.map(Frame::data)));
        }
        match std::mem::take(body) {
            Self::Full(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Full(text.into())
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::Full(Bytes::from_static(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream::iter;
    use http_body::Body as _;
    use http_body_util::BodyExt;

    fn streamed(len: u64, parts: &[&'static str]) -> Body {
        let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::from(*part))).collect();
        Body::stream(len, iter(parts))
    }

    #[tokio::test]
    async fn yields_what_it_promised() {
        for (body, expected) in [
            (Body::Empty, ""),
            (Body::from("plain"), "plain"),
            (streamed(4, &["ab", "", "cd"]), "abcd"),
            (streamed(0, &[]), ""),
        ] {
            assert_eq!(body.size_hint().exact(), Some(expected.len() as u64));
            assert_eq!(body.is_end_stream(), expected.is_empty());
            assert_eq!(body.collect().await.unwrap().to_bytes(), expected);
        }
    }

    #[tokio::test]
    async fn refuses_to_pass_for_whole() {
        assert!(streamed(4, &["abc"]).collect().await.is_err());
        assert!(streamed(4, &["abc", "de"]).collect().await.is_err());
    }
}
