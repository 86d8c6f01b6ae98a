//! A temporary folder, removed when dropped.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use super::files;
use crate::cli::failure::Failure;
use crate::random;

#[derive(Debug)]
pub struct WorkFolder {
    folder: PathBuf,
    word: String,
}

impl WorkFolder {
    pub fn new() -> Result<Self, Failure> {
        let failed =
            |error: io::Error| Failure::new(format!("cannot make a scratch folder: {error}"));
        let word = hex::encode(random::bytes::<8>());
        let folder = std::env::temp_dir().join(format!("sekisho-doctor-{word}"));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(failed)?;
        Ok(Self { folder, word })
    }

    /// Lower-case and random: no image, namespace or folder has that name.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// A new folder in it.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder)
            .map_err(|error| Failure::new(format!("cannot make {}: {error}", folder.display())))?;
        Ok(folder)
    }

    /// A new file in it.
    pub fn file(&self, name: &str, contents: &str) -> Result<PathBuf, Failure> {
        let file = self.folder.join(name);
        files::write(&file, contents.as_bytes())?;
        Ok(file)
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
