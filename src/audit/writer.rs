//! The one writer of the log. Every function here blocks on file I/O.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{AuditError, AuditOptions, AuditTarget};

pub(super) struct Writer {
    output: LogOutput,
    mode: u32,
    sync: bool,
    /// Whether the last line may lack its newline.
    torn: bool,
}

enum LogOutput {
    File { path: PathBuf, file: File },
    Stdout,
}

impl Writer {
    pub(super) fn open(config: AuditOptions) -> Result<Self, AuditError> {
        let mut torn = false;
        let output = match config.target {
            AuditTarget::Stdout => LogOutput::Stdout,
            AuditTarget::File(path) => {
                let file = open(&path, config.mode)?;
                torn = ends_torn(&file).map_err(|source| failed(&path, source))?;
                LogOutput::File { path, file }
            }
        };
        Ok(Self {
            output,
            mode: config.mode,
            sync: config.sync,
            torn,
        })
    }

    /// Appends whole lines.
    pub(super) fn append(&mut self, lines: &[u8], sync: bool) -> Result<(), AuditError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.follow_rotation()?;
        let length = self.length();
        let torn = std::mem::replace(&mut self.torn, true);
        if let Err(error) = self.put(torn, lines, sync) {
            self.undo(length, torn);
            return Err(AuditError::Write(error));
        }
        self.torn = false;
        Ok(())
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
    /// stands there once more with each try. Where that fails, the line stays torn.
    fn undo(&mut self, length: Option<u64>, torn: bool) {
        if let (LogOutput::File { file, .. }, Some(length)) = (&self.output, length)
            && file.set_len(length).is_ok()
        {
            self.torn = torn;
        }
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
                file.write_all(end)?;
                file.write_all(lines)?;
                if sync || self.sync {
                    file.sync_data()
                } else {
                    Ok(())
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
            let reopened = open(path, self.mode)?;
            self.torn = ends_torn(&reopened).map_err(|source| failed(path, source))?;
            *file = reopened;
        }
        Ok(())
    }
}

fn open(path: &Path, mode: u32) -> Result<File, AuditError> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(mode)
        .open(path)
        .map_err(|source| failed(path, source))?;
    sync_folder(path).map_err(|source| failed(path, source))?;
    Ok(file)
}

/// Makes the name of a new file durable. Devices need none of it.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        _ if !path.is_file() => Ok(()),
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
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

fn ends_torn(mut file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn failed(path: &Path, source: io::Error) -> AuditError {
    AuditError::Open {
        path: path.to_owned(),
        source,
    }
}
