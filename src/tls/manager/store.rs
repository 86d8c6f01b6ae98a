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
            Self::Folder(folder) => in_pool(folder, Folder::read).await,
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
            Self::Folder(folder) => {
                let (files, replaces) = (files.clone(), replaces.map(str::to_owned));
                let write = move |folder: &Folder| folder.write(&files, replaces.as_deref());
                in_pool(folder, write).await
            }
            Self::Secret { secret, .. } => match secret.write(files, replaces).await {
                Ok(()) => Ok(true),
                Err(SecretError::Conflict) => Ok(false),
                Err(source) => Err(self.failed(source)),
            },
        }
    }

    /// Keeps a copy of what a Secret holds.
    pub(super) async fn remember(&self, files: &Files) -> Result<(), KeepError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Secret { copy, .. } => {
                let files = files.clone();
                in_pool(copy, move |folder| folder.replace(&files)).await
            }
        }
    }

    /// The copy, where there is one.
    pub(super) async fn remembered(&self) -> Result<Option<Stored>, KeepError> {
        match self {
            Self::Folder(_) => Ok(None),
            Self::Secret { copy, .. } => in_pool(copy, Folder::read).await,
        }
    }

    fn failed(&self, source: SecretError) -> KeepError {
        KeepError::Secret {
            place: self.place(),
            source,
        }
    }
}

/// Works on a folder in the blocking pool: disks are slow at times.
async fn in_pool<T: Send + 'static>(
    folder: &Folder,
    work: impl FnOnce(&Folder) -> Result<T, KeepError> + Send + 'static,
) -> Result<T, KeepError> {
    let own = folder.clone();
    let done = tokio::task::spawn_blocking(move || work(&own)).await;
    done.map_err(|error| folder.broken_off(error)).flatten()
}
