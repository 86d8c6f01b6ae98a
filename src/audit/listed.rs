//! The files of a log, as they lay when a reading began: while they are read they may be
//! rotated, and what a name led to then lies under another one.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files::rotated;
use crate::file_access::open_regular;

/// A file, by what it is and not only by its name.
pub(super) struct ListedFile {
    pub path: PathBuf,
    device: u64,
    inode: u64,
}

/// All files of the log at `path`, the newest last. The one that is written is looked up
/// first, so that none is missed which a rotation puts aside meanwhile.
pub(super) fn listed(path: &Path) -> io::Result<Vec<ListedFile>> {
    let written = ListedFile::at(path)?;
    let mut files = Vec::new();
    for other in rotated(path)?.iter().rev() {
        let other = ListedFile::at(other)?;
        files.extend(other.filter(|it| written.as_ref().is_none_or(|own| !own.is_same(it))));
    }
    files.extend(written);
    match files.is_empty() {
        true => Err(io::Error::new(ErrorKind::NotFound, "no such file")),
        false => Ok(files),
    }
}

impl ListedFile {
    fn at(path: &Path) -> io::Result<Option<Self>> {
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            metadata => metadata?,
        };
        // What a pipe gave once it does not give again, and the rest looks like a log cut short.
        if !metadata.is_file() {
            let text = "is no regular file, and is read twice: write what it gives to a file";
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(Some(Self {
            path: path.to_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
        }))
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Opens it, wherever it lies by now; `log`: the path of its log.
    pub(super) fn open(&self, log: &Path) -> io::Result<File> {
        if let Some(file) = self.opened_at(&self.path)? {
            return Ok(file);
        }
        for path in rotated(log)? {
            if let Some(file) = self.opened_at(&path)? {
                return Ok(file);
            }
        }
        let gone = format!("{} was removed or replaced meanwhile", self.path.display());
        Err(io::Error::other(gone))
    }

    fn opened_at(&self, path: &Path) -> io::Result<Option<File>> {
        let file = match open_regular(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let metadata = file.metadata()?;
        let is_it = (metadata.dev(), metadata.ino()) == (self.device, self.inode);
        Ok(is_it.then_some(file))
    }
}
