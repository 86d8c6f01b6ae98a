//! The one writer of the log. Every function here blocks on file I/O.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::chain::ChainEnd;
use super::own_file::OwnFile;
use super::resume::resume;
use super::rotate::{put_aside, remove_old};
use super::{AuditError, AuditOptions, AuditRotation, AuditTarget};
use crate::file_access::{behind_links, folder_of};

pub(super) struct Writer {
    output: LogOutput,
    mode: u32,
    sync: bool,
    rotation: AuditRotation,
    /// What the next line is tied to.
    chain: ChainEnd,
    /// Whether the last line may lack its newline.
    torn: bool,
    /// Part of a batch may lie there that was not taken back: the end is read anew.
    unsure: bool,
}

enum LogOutput {
    File { path: PathBuf, file: OwnFile },
    Stdout,
}

impl Writer {
    pub(super) fn open(config: AuditOptions) -> Result<Self, AuditError> {
        let (output, chain, torn) = match config.target {
            AuditTarget::Stdout => (LogOutput::Stdout, ChainEnd::beginning(None), false),
            AuditTarget::File(path) => {
                let file = open(&path, config.mode)?;
                let end = resume(&path, &file).map_err(|source| failed(&path, source))?;
                (LogOutput::File { path, file }, end.chain, end.torn)
            }
        };
        Ok(Self {
            output,
            mode: config.mode,
            sync: config.sync,
            rotation: config.rotation,
            chain,
            torn,
            unsure: false,
        })
    }

    /// Where the chain ends now.
    pub(super) fn end(&self) -> &ChainEnd {
        &self.chain
    }

    /// The next line is the first of a new chain, tied to the last one of the old.
    pub(super) fn begin_anew(&mut self) -> &ChainEnd {
        self.chain = self.chain.next();
        &self.chain
    }

    /// Appends records, each a JSON object on one line.
    pub(super) fn append(&mut self, records: &[String], sync: bool) -> Result<(), AuditError> {
        if records.is_empty() {
            return Ok(());
        }
        self.follow_rotation()?;
        self.be_sure()?;
        let (mut chain, mut lines) = (self.chain.clone(), Vec::new());
        for record in records {
            let line = chain.tie(record).map_err(AuditError::Record)?;
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
        }
        let length = self.length();
        if let Err(error) = self.put(self.torn, &lines, sync) {
            self.undo(length);
            return Err(AuditError::Write(error));
        }
        (self.chain, self.torn) = (chain, false);
        self.rotate();
        Ok(())
    }

    /// Reads the end anew where a batch may lie there in part.
    fn be_sure(&mut self) -> Result<(), AuditError> {
        if let (true, LogOutput::File { path, file }) = (self.unsure, &self.output) {
            let end = resume(path, file).map_err(|source| failed(path, source))?;
            // Of a chain that was begun anew nothing may be there yet.
            let is_begun = self.chain.line > 0 || self.chain.log == end.chain.log;
            if is_begun {
                self.chain = end.chain;
            }
            (self.torn, self.unsure) = (end.torn, false);
        }
        Ok(())
    }

    /// Puts the file aside if it has grown large enough. Where that fails the log goes on in
    /// it.
    fn rotate(&mut self) {
        let LogOutput::File { path, .. } = &self.output else {
            return;
        };
        let full = self.rotation.max_size.zip(self.length());
        if full.is_none_or(|(most, length)| length < most) {
            return;
        }
        // The link stays where it is, and what it leads to is put aside there.
        let path = behind_links(path);
        let rotated = put_aside(&path, &self.chain).map_err(|source| failed(&path, source));
        let rotated = rotated.and_then(|aside| {
            self.follow_rotation()?;
            let removed = self
                .rotation
                .retention
                .map(|it| remove_old(&path, &aside, it));
            removed.transpose().map_err(|source| failed(&path, source))
        });
        if let Err(error) = rotated {
            tracing::warn!(%error, "the audit log was not put aside");
        }
    }

    /// Of a regular file, in bytes.
    fn length(&self) -> Option<u64> {
        let LogOutput::File { file, .. } = &self.output else {
            return None;
        };
        let metadata = file.metadata().ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Takes back the part of a batch that a full disk let through, so that no record
    /// stands there once more with each try.
    fn undo(&mut self, length: Option<u64>) {
        self.unsure = match (&self.output, length) {
            (LogOutput::File { file, .. }, Some(length)) => file.set_len(length).is_err(),
            _ => false,
        };
    }

    fn put(&mut self, torn: bool, lines: &[u8], sync: bool) -> io::Result<()> {
        let end: &[u8] = if torn { b"\n" } else { b"" };
        match &mut self.output {
            LogOutput::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(end)?;
                stdout.write_all(lines)?;
                stdout.flush()
            }
            LogOutput::File { file, .. } => {
                let mut file: &File = file;
                file.write_all(end)?;
                file.write_all(lines)?;
                match sync || self.sync {
                    true => bring_to_disk(file),
                    false => Ok(()),
                }
            }
        }
    }

    /// Opens the path again if it no longer names the open file.
    pub(super) fn follow_rotation(&mut self) -> Result<(), AuditError> {
        let LogOutput::File { path, file } = &mut self.output else {
            return Ok(());
        };
        if !names(path, file).map_err(|source| failed(path, source))? {
            *file = open(path, self.mode)?;
            // Another file has its own end, and the chain goes on: from where another
            // process took it, if one had the log meanwhile.
            let end = resume(path, file).map_err(|source| failed(path, source))?;
            self.torn = end.torn;
            if end.chain.log == self.chain.log && end.chain.line > self.chain.line {
                self.chain = end.chain;
            }
        }
        Ok(())
    }
}

fn open(path: &Path, mode: u32) -> Result<OwnFile, AuditError> {
    let file = OwnFile::hold(path, mode)?;
    sync_folder(path).map_err(|source| failed(path, source))?;
    Ok(file)
}

/// Pipes, sockets and most devices have no disk behind them, and say so (fsync(2): EINVAL,
/// EROFS): whoever reads them has the lines once they are written.
fn bring_to_disk(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if !file.metadata()?.is_file() && has_no_disk(&error) => Ok(()),
        synced => synced,
    }
}

fn has_no_disk(error: &io::Error) -> bool {
    let none = [Errno::INVAL, Errno::ROFS, Errno::NOTSUP, Errno::NOSYS];
    Errno::from_io_error(error).is_some_and(|it| none.contains(&it))
}

/// Makes the name of a new file durable. Devices need none of it.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.is_file() {
        true => File::open(folder_of(&behind_links(path)))?.sync_all(),
        false => Ok(()),
    }
}

/// Whether `path` still leads to `file`; a missing path does not.
fn names(path: &Path, file: &File) -> io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn failed(path: &Path, source: io::Error) -> AuditError {
    AuditError::Open {
        path: path.to_owned(),
        source,
    }
}
