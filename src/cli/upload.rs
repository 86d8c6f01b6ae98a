//! Bodies that take their time to send, with a bar on a terminal.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::aside::ProgressLine;
use super::output;

/// The smallest body whose sending is shown, in bytes.
const SHOWN_FROM_BYTES: usize = 4 << 20;
/// How much is sent at a time, in bytes.
const PIECE_BYTES: usize = 64 << 10;
/// Width of the bar, in characters.
const BAR_CHARS: usize = 30;

/// The body of a request.
pub fn body(bytes: Vec<u8>) -> reqwest::Body {
    match bytes.len() < SHOWN_FROM_BYTES {
        true => bytes.into(),
        false => reqwest::Body::wrap(Upload::new(bytes)),
    }
}

/// Piece by piece, so that it is known how much has left.
struct Upload {
    rest: Bytes,
    total: usize,
    line: ProgressLine,
    /// The bar as it was last shown.
    shown: Option<usize>,
}

impl Upload {
    fn new(bytes: Vec<u8>) -> Self {
        Self {
            total: bytes.len(),
            rest: bytes.into(),
            line: ProgressLine::new(true),
            shown: None,
        }
    }

    /// Only where the bar grows: a terminal may be slower than the network.
    fn show(&mut self) {
        let sent = self.total - self.rest.len();
        let filled = sent * BAR_CHARS / self.total;
        if self.shown.replace(filled) != Some(filled) {
            self.line.show(&bar(sent, self.total));
        }
    }
}

fn bar(sent: usize, total: usize) -> String {
    let filled = sent * BAR_CHARS / total;
    let bar = format!("{:-<BAR_CHARS$}", "#".repeat(filled));
    let [sent, of] = [sent, total].map(|it| output::bytes(it as u64));
    format!("sending [{bar}] {sent} of {of}")
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        self.show();
        let piece = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(piece);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    /// Known, so that the server hears of it before the first byte.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_long_body_leaves_whole_and_says_how_long_it_is() {
        let bytes: Vec<u8> = (0..5_000_000).map(|at| (at % 251) as u8).collect();
        let sent = body(bytes.clone());
        assert_eq!(Body::size_hint(&sent).exact(), Some(5_000_000));
        let received = sent.collect().await.unwrap().to_bytes();
        assert_eq!(received, bytes);
    }

    #[test]
    fn the_bar_grows_from_nothing_to_all() {
        let total = 6 << 20;
        let shown = [0, total / 2, total].map(|sent| bar(sent, total));
        assert_eq!(
            shown[0],
            format!("sending [{}] 0 B of 6.0 MiB", "-".repeat(30))
        );
        assert!(shown[1].contains(&format!("[{}{}] 3.0 MiB", "#".repeat(15), "-".repeat(15))));
        assert!(shown[2].contains(&format!("[{}] 6.0 MiB", "#".repeat(30))));
    }
}
