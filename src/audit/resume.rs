//! Where a log goes on: its end, as a file has it.

use std::fs::File;
use std::io;
use std::path::Path;

use super::chain::{ChainEnd, ChainLink};
use super::files::{rotated, tail, tail_of};

/// Rotated files that are read where the current one says nothing, at most.
const MAX_ROTATED: usize = 5;

/// The end of a log.
pub(super) struct LogEnd {
    pub chain: ChainEnd,
    /// Whether the last line lacks its newline.
    pub torn: bool,
}

/// The end of the log in `file` at `path`, or else of the newest file that it was rotated
/// to.
pub(super) fn resume(path: &Path, file: &File) -> io::Result<LogEnd> {
    if !file.metadata()?.is_file() {
        return Ok(LogEnd {
            chain: ChainEnd::beginning(None),
            torn: false,
        });
    }
    let text = tail_of(file)?;
    let torn = text.last().is_some_and(|byte| *byte != b'\n');
    let chain = match end_of(&text) {
        Some(end) => end,
        None => end_of_rotated(path)?.unwrap_or_else(|| ChainEnd::beginning(None)),
    };
    Ok(LogEnd { chain, torn })
}

/// Of the newest file's log, the end that has come furthest: files may be of one age, as
/// after they were copied.
fn end_of_rotated(path: &Path) -> io::Result<Option<ChainEnd>> {
    let mut furthest: Option<ChainEnd> = None;
    for file in rotated(path)?.iter().take(MAX_ROTATED) {
        let Some(end) = end_of(&tail(file)?) else {
            continue;
        };
        furthest = match furthest {
            Some(known) if known.log != end.log || known.line >= end.line => Some(known),
            _ => Some(end),
        };
    }
    Ok(furthest)
}

/// By the last line that is a record: what a crash tore is none.
fn end_of(text: &[u8]) -> Option<ChainEnd> {
    let mut lines = text.split(|byte| *byte == b'\n').rev();
    lines.find_map(|line| match ChainLink::of(line).ok()? {
        Some(link) => Some(ChainEnd::at(link, line)),
        None => Some(ChainEnd::beginning(Some(line))),
    })
}
