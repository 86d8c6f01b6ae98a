//! A file that one writer extends and any number of readers follow. The writer
//! never waits for a reader.
//!
//! Bytes become readable as they are written, but the last [`WITHHELD_TAIL_BYTES`] bytes only
//! once the writer says that the whole is right: no client can come to hold a
//! complete content that was never verified, not even out of ranges.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::file::FileReader;

/// How many bytes at the end wait for verification. A shorter content waits
/// as a whole.
pub const WITHHELD_TAIL_BYTES: u64 = 64 * 1024;

/// Begins the growth of `file` to `total` bytes.
pub fn growing_file(file: Arc<File>, total: u64) -> (GrowingWriter, GrowingFile) {
    let (sender, readable) = watch::channel(0);
    let grower = GrowingWriter { sender, total };
    let growing = GrowingFile {
        file,
        total,
        readable,
    };
    (grower, growing)
}

/// The writing end. Dropped before [`GrowingWriter::complete`], every reader fails.
pub struct GrowingWriter {
    /// How far readers may read.
    sender: watch::Sender<u64>,
    total: u64,
}

impl GrowingWriter {
    /// Says that the first `written` bytes are in the file.
    pub fn advance(&self, written: u64) {
        let readable = written.min(self.total.saturating_sub(WITHHELD_TAIL_BYTES));
        self.sender.send_if_modified(|known| {
            let more = readable > *known;
            *known = readable.max(*known);
            more
        });
    }

    /// Says that all bytes are in the file, and verified.
    pub fn complete(self) {
        self.sender.send_replace(self.total);
    }
}

/// The reading end.
#[derive(Clone)]
pub struct GrowingFile {
    file: Arc<File>,
    total: u64,
    readable: watch::Receiver<u64>,
}

impl GrowingFile {
    /// Length of the content when it is complete.
    pub fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn follow(self, range: Range<u64>) -> GrowingReader {
        GrowingReader {
            reader: FileReader::new(self.file, range),
            readable: self.readable,
        }
    }
}

/// One reader of a growing file.
pub(super) struct GrowingReader {
    reader: FileReader,
    readable: watch::Receiver<u64>,
}

impl GrowingReader {
    /// The next bytes as soon as they may be read; `None` at the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let Some(position) = self.reader.position() else {
            return Ok(None);
        };
        let limit = match self.readable.wait_for(|limit| *limit > position).await {
            Ok(limit) => *limit,
            Err(_) => return Err(broken_off()),
        };
        self.reader.next(limit).await.map(Some)
    }
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the fill was broken off")
}
