//! The authority in a folder: all of it old, or all of it new.
//!
//! The files lie in a folder of their own, and the link `current` names it. New
//! files go into another folder, and one rename of the link makes them current, so
//! a crash leaves the old ones or the new.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::AuthorityStoreError;
use super::stored::StoredFiles;
use crate::file_access::open_regular;
use crate::tls::authority::{self, BUNDLE_FILE, Files, is_secret};

const CURRENT_LINK: &str = "current";
const NEW_SUFFIX: &str = ".new";
/// The longest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A folder that holds an authority, or will.
#[derive(Clone, Debug)]
pub struct AuthorityFolder(PathBuf);

/// The bundle of the authority kept in `folder`, as PEM; `None`: there is none yet.
///
/// # Errors
/// [`AuthorityStoreError`] where the folder cannot be read.
pub fn bundle_in(folder: &Path) -> Result<Option<String>, AuthorityStoreError> {
    let stored = AuthorityFolder::new(folder).read()?;
    let files = stored.map(|stored| stored.files).unwrap_or_default();
    let held = authority::Authority::from_files(&files);
    let held = held.map_err(|source| AuthorityStoreError::Authority {
        place: folder.display().to_string(),
        source,
    })?;
    Ok(held.map(|held| held.bundle()))
}

impl AuthorityFolder {
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn place(&self) -> String {
        self.0.display().to_string()
    }

    /// Work on it did not come to its end.
    pub(super) fn broken_off(&self, error: tokio::task::JoinError) -> AuthorityStoreError {
        AuthorityStoreError::File {
            path: self.0.clone(),
            source: io::Error::other(error),
        }
    }

    /// What is current, under the name of its folder; `None`: nothing was written.
    pub(super) fn read(&self) -> Result<Option<StoredFiles>, AuthorityStoreError> {
        let Some(version) = self.version()? else {
            return Ok(None);
        };
        let path = self.0.join(&version);
        let files = read_all(&path).map_err(|source| AuthorityStoreError::File { path, source })?;
        Ok(Some(StoredFiles { files, version }))
    }

    /// Makes `files` current in place of `replaces`, and says whether that still
    /// was.
    pub(super) fn write(
        &self,
        files: &Files,
        replaces: Option<&str>,
    ) -> Result<bool, AuthorityStoreError> {
        if self.version()?.as_deref() != replaces {
            return Ok(false);
        }
        let failed = |source| AuthorityStoreError::File {
            path: self.0.clone(),
            source,
        };
        let version = name_of(files);
        self.put(files, &version).map_err(failed)?;
        if let Some(old) = replaces.filter(|old| *old != version) {
            // An old folder that cannot be removed is harmless: it is no longer read.
            let _ = fs::remove_dir_all(self.0.join(old));
        }
        Ok(true)
    }

    /// Makes `files` current, whatever was, unless they are.
    pub(super) fn replace(&self, files: &Files) -> Result<(), AuthorityStoreError> {
        let version = self.version()?;
        if version.as_ref() != Some(&name_of(files)) {
            self.write(files, version.as_deref())?;
        }
        Ok(())
    }

    /// The folder that the link names.
    fn version(&self) -> Result<Option<String>, AuthorityStoreError> {
        let path = self.0.join(CURRENT_LINK);
        let target = match fs::read_link(&path) {
            Ok(target) => target,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                return Err(AuthorityStoreError::NoLink(path));
            }
            Err(source) => return Err(AuthorityStoreError::File { path, source }),
        };
        let name = target.to_str().filter(|name| is_plain(name));
        name.map(|name| Some(name.to_owned()))
            .ok_or(AuthorityStoreError::NoLink(path))
    }

    fn put(&self, files: &Files, version: &str) -> io::Result<()> {
        make_folder(&self.0)?;
        let folder = self.0.join(version);
        remove_if_there(fs::remove_dir_all(&folder))?;
        make_folder(&folder)?;
        for (name, contents) in files {
            write_file(&folder.join(name), contents)?;
        }
        File::open(&folder)?.sync_all()?;
        let link = self.0.join(NEW_SUFFIX);
        remove_if_there(fs::remove_file(&link))?;
        symlink(version, &link)?;
        fs::rename(&link, self.0.join(CURRENT_LINK))?;
        File::open(&self.0)?.sync_all()
    }
}

/// By contents, so that one cannot be taken for another.
fn name_of(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (name, contents) in files {
        for part in [name.as_bytes(), contents] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hex::encode(&hash.finalize()[..8])
}

/// Whether `name` is a single plain path component.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('/')
}

fn read_all(folder: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.len() > MAX_FILE_BYTES {
            let text = format!("{} is too long", entry.path().display());
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut contents = Vec::new();
        open_regular(&entry.path())?
            .take(MAX_FILE_BYTES)
            .read_to_end(&mut contents)?;
        files.insert(name, contents);
    }
    match files.is_empty() {
        false => Ok(files),
        true => Err(io::Error::new(
            ErrorKind::NotFound,
            format!("it is empty, without {BUNDLE_FILE}; restore it from a backup"),
        )),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)
}

fn write_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mode = if is_secret(&name) { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

fn remove_if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
