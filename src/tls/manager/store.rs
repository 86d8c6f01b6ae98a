//! Where the authority is kept.

use super::KeepError;
use super::folder::Folder;
use super::stored::Stored;
use crate::kubernetes::client::{OneSecret, SecretError};
use crate::tls::authority::Files;

/// A folder of this machine, or a Secret that replicas share.
pub enum Store {
    Folder(Folder),
    Secret {
        secret: Box<OneSecret>,
        /// What the Secret held last: for a container that is started again while
        /// the API server is silent, which may wait for an image from us.
        copy: Folder,
    },
}

impl Store {
    /// For people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Folder(folder) => folder.place(),
            Self::Secret { secret, .. } => secret.place(),
        }
    }

    pub(super) async fn read(&self) -> Result<Option<Stored>, KeepError> {
        match self {
            Self::Folder(folder) => folder.read(),
            Self::Secret { secret, .. } => {
                let read = secret.read().await.map_err(|source| self.failed(source))?;
                Ok(read.map(|(files, version)| Stored { files, version }))
            }
        }
    }

    /// Replaces what had the version `replaces`; `None`: there was nothing. Whether
    /// it was done: not, where another writer came first.
    pub(super) async fn write(
        &self,
        files: &Files,
        replaces: Option<&str>,
    ) -> Result<bool, KeepError> {
        match self {
            Self::Folder(folder) => folder.write(files, replaces),
            Self::Secret { secret, .. } => match secret.write(files, replaces).await {
                Ok(()) => Ok(true),
                Err(SecretError::Conflict) => Ok(false),
                Err(source) => Err(self.failed(source)),
            },
        }
    }

    /// Keeps a copy of what a Secret holds.
    pub(super) fn remember(&self, files: &Files) -> Result<(), KeepError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Secret { copy, .. } => copy.replace(files),
        }
    }

    /// The copy, where there is one.
    pub(super) fn remembered(&self) -> Result<Option<Stored>, KeepError> {
        match self {
            Self::Folder(_) => Ok(None),
            Self::Secret { copy, .. } => copy.read(),
        }
    }

    fn failed(&self, source: SecretError) -> KeepError {
        KeepError::Secret {
            place: self.place(),
            source,
        }
    }
}
