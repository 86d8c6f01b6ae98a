//! What an agent keeps over its own end: the last snapshot, and the highest number it held.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::file_access::open_regular;
use crate::node_snapshot::{SignedSnapshot, SnapshotError, SnapshotPublicKey};

const SNAPSHOT_FILE: &str = "snapshot";
const SEQUENCE_FILE: &str = "sequence";
/// The longest snapshot that is read, in bytes.
const MAX_SNAPSHOT_BYTES: u64 = (64 << 20) + 64;
/// Digits of a number, at most.
const MAX_SEQUENCE_BYTES: u64 = 20;

/// Why nothing is taken from the folder.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("{path}: {source}", path = .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{path}: {source}", path = .path.display())]
    Refused {
        path: PathBuf,
        source: SnapshotError,
    },
}

/// A folder of one agent.
#[derive(Clone, Debug)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The snapshot that lies there, if one of `keys` signed it, it is of this environment and
    /// not older than the newest that was ever held. It may have expired. `None`: there is
    /// none.
    ///
    /// # Errors
    /// [`StateError`] where it is another one, or cannot be read.
    pub fn load(
        &self,
        environment: &str,
        keys: &[SnapshotPublicKey],
    ) -> Result<Option<SignedSnapshot>, StateError> {
        let path = self.0.join(SNAPSHOT_FILE);
        let refused = |source| StateError::Refused {
            path: path.clone(),
            source,
        };
        let Some(bytes) = self.read(SNAPSHOT_FILE, MAX_SNAPSHOT_BYTES)? else {
            return Ok(None);
        };
        let signed = SignedSnapshot::from_bytes(&bytes, keys).map_err(refused)?;
        let terms = signed.snapshot().terms();
        if terms.environment != environment {
            let other = terms.environment.clone();
            return Err(refused(SnapshotError::OtherEnvironment(other)));
        }
        let (held, offered) = (self.highest_sequence()?, terms.sequence);
        match offered < held {
            true => Err(refused(SnapshotError::Rollback { held, offered })),
            false => Ok(Some(signed)),
        }
    }

    /// The highest number that was ever kept here; 0: none was.
    fn highest_sequence(&self) -> Result<u64, StateError> {
        let bytes = self.read(SEQUENCE_FILE, MAX_SEQUENCE_BYTES)?;
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
    }

    /// Keeps it in place of the one before: after a crash the old one is there or the new.
    ///
    /// # Errors
    /// [`StateError::File`]: the one before is there still.
    pub fn keep(&self, signed: &SignedSnapshot) -> Result<(), StateError> {
        let sequence = signed.snapshot().terms().sequence;
        self.replace(SNAPSHOT_FILE, &signed.to_bytes())?;
        self.replace(SEQUENCE_FILE, sequence.to_string().as_bytes())
    }

    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.0.join(name);
        let read = || -> io::Result<Vec<u8>> {
            let file = open_regular(&path)?;
            let mut bytes = Vec::new();
            file.take(limit + 1).read_to_end(&mut bytes)?;
            match bytes.len() as u64 > limit {
                true => Err(io::Error::other("is too long")),
                false => Ok(bytes),
            }
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StateError::File { path, source }),
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.0.join(name);
        let new = self.0.join(format!("{name}.new"));
        let write = || -> io::Result<()> {
            fs::create_dir_all(&self.0)?;
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.0)?.sync_all()
        };
        write().map_err(|source| {
            let _ = fs::remove_file(&new);
            StateError::File { path, source }
        })
    }
}
