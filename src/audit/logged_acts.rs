//! The acts that the log has, read again: a ledger that was put back from a backup lacks the
//! newest of them.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use super::AuditError;
use super::files::{lines_of, rotated};
use crate::trust::LoggedAct;

/// The longest line that is read, in bytes; a longer one is skipped. An act has some
/// thousand at most.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// The files of the log at `path`, the newest last: those that it was rotated to, in the
/// same folder and under a name that begins as its own, and itself.
///
/// # Errors
/// The folder is there, and cannot be read.
pub fn log_files(path: &Path) -> Result<Vec<PathBuf>, AuditError> {
    let newest_first = rotated(path).map_err(unread(path))?;
    let mut files: Vec<PathBuf> = newest_first.into_iter().rev().collect();
    files.extend(path.exists().then(|| path.to_owned()));
    Ok(files)
}

/// Hands each line of `files` to `take`, without its newline: the file's place among them, and
/// the line's number in it.
///
/// Returns what could not be read: one damaged file of years hides nothing that others tell.
///
/// # Errors
/// A file cannot be opened.
pub(super) fn read_log_lines(
    files: &[PathBuf],
    take: &mut impl FnMut(usize, u64, &[u8]),
) -> Result<Vec<UnreadPart>, AuditError> {
    let mut parts = Vec::new();
    for (file, path) in files.iter().enumerate() {
        let opened = File::open(path).map_err(unread(path))?;
        let mut line = 0;
        let mut take = |number, content: &[u8]| {
            line = number;
            take(file, number, content);
        };
        let read = lines_of(opened).and_then(|lines| read_lines(lines, &mut take));
        if let Err(error) = read {
            parts.push(UnreadPart {
                file: path.clone(),
                line,
                why: error.to_string(),
            });
        }
    }
    Ok(parts)
}

/// The rest of a file that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadPart {
    pub file: PathBuf,
    /// The last line that was read; 0: none.
    pub line: u64,
    pub why: String,
}

impl fmt::Display for UnreadPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, why } = self;
        write!(f, "{} after line {line} ({why})", file.display())
    }
}

fn unread(path: &Path) -> impl FnOnce(io::Error) -> AuditError {
    let path = path.to_owned();
    move |source| AuditError::Open { path, source }
}

fn read_lines(mut lines: impl BufRead, take: &mut impl FnMut(u64, &[u8])) -> io::Result<()> {
    let (mut line, mut number) = (Vec::new(), 0);
    // Of the line that is longer than any that is read.
    let mut is_rest = false;
    loop {
        line.clear();
        let mut bounded = lines.by_ref().take(MAX_LINE_BYTES);
        if bounded.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let is_whole = line.pop_if(|last| *last == b'\n').is_some();
        if !is_rest {
            number += 1;
            take(number, &line);
        }
        is_rest = !is_whole;
    }
}

/// A decision has no `act`.
pub(super) fn act_in(line: &[u8]) -> Option<LoggedAct> {
    serde_json::from_slice(line).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn act(number: u32) -> String {
        format!(
            r#"{{"record":"act","id":"act:{number}","time":"2026-07-01T12:00:00Z","act":"start","principal":"sekisho","new":[1],"ledger":{{"id":"a","change":{number}}},"chain":{{"log":"l","line":{number},"prev":null}}}}"#
        )
    }

    fn numbers(files: &[PathBuf]) -> Vec<i64> {
        let mut found = Vec::new();
        let mut take = |_, _, line: &[u8]| {
            found.extend(act_in(line).and_then(|logged| logged.act.number()));
        };
        read_log_lines(files, &mut take).unwrap();
        found
    }

    #[test]
    fn acts_are_read_from_every_file_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        writeln!(packed, "{}", act(1)).unwrap();
        fs::write(
            folder.path().join("audit.jsonl.2.gz"),
            packed.finish().unwrap(),
        )
        .unwrap();
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(3 << 20));
        let decision = r#"{"record":"decision","id":"7","ledger":{"id":"a","change":1}}"#;
        let torn = &act(9)[..50];
        let text = format!(
            "{decision}\n{}\nno json\n{long}\n{}\n{torn}",
            act(2),
            act(3)
        );
        fs::write(&path, text).unwrap();
        let files = log_files(&path).unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!(numbers(&files), [1, 2, 3]);
        assert!(numbers(&log_files(&folder.path().join("none")).unwrap()).is_empty());
    }

    #[test]
    fn an_act_at_the_end_of_a_line_that_is_too_long_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let padding = usize::try_from(MAX_LINE_BYTES).unwrap();
        fs::write(
            &path,
            format!("{}{}\n{}", "x".repeat(padding), act(1), act(2)),
        )
        .unwrap();
        assert_eq!(numbers(&[path]), [2]);
    }
}
