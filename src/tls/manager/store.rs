//! Where the authority is kept.

use super::AuthorityStoreError;
use super::folder::AuthorityFolder;
use super::stored::StoredFiles;
use crate::kubernetes::client::{SecretError, SharedSecret};
use crate::tls::authority::Files;

/// A folder of this machine, or a Secret that replicas share.
pub enum Store {
    Folder(AuthorityFolder),
    Secret {
        secret: Box<SharedSecret>,
        /// What the Secret held last: for a container that is started again while
        /// the API server is silent, which may wait for an image from us.
        copy: AuthorityFolder,
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

    pub(super) async fn read(&self) -> Result<Option<StoredFiles>, AuthorityStoreError> {
        match self {
            Self::Folder(folder) => in_pool(folder, AuthorityFolder::read).await,
            Self::Secret { secret, .. } => {
                let read = secret.read().await.map_err(|source| self.failed(source))?;
                Ok(read.map(|(files, version)| StoredFiles { files, version }))
            }
        }
    }

    /// Replaces what had the version `replaces`; `None`: there was nothing. Whether
    /// it was done: not, where another writer came first.
    pub(super) async fn write(
        &self,
        files: &Files,
        replaces: Option<&str>,
    ) -> Result<bool, AuthorityStoreError> {
        match self {
            Self::Folder(folder) => {
                let (files, replaces) = (files.clone(), replaces.map(str::to_owned));
                let write =
                    move |folder: &AuthorityFolder| folder.write(&files, replaces.as_deref());
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
    pub(super) async fn save_copy(&self, files: &Files) -> Result<(), AuthorityStoreError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Secret { copy, .. } => {
                let files = files.clone();
                in_pool(copy, move |folder| folder.replace(&files)).await
            }
        }
    }

    /// The copy, where there is one.
    pub(super) async fn saved_copy(&self) -> Result<Option<StoredFiles>, AuthorityStoreError> {
        match self {
            Self::Folder(_) => Ok(None),
            Self::Secret { copy, .. } => in_pool(copy, AuthorityFolder::read).await,
        }
    }

    fn failed(&self, source: SecretError) -> AuthorityStoreError {
        AuthorityStoreError::Secret {
            place: self.place(),
            source,
        }
    }
}

/// Works on a folder in the blocking pool: disks are slow at times.
async fn in_pool<T: Send + 'static>(
    folder: &AuthorityFolder,
    work: impl FnOnce(&AuthorityFolder) -> Result<T, AuthorityStoreError> + Send + 'static,
) -> Result<T, AuthorityStoreError> {
    let own = folder.clone();
    let done = tokio::task::spawn_blocking(move || work(&own)).await;
    done.map_err(|error| folder.broken_off(error)).flatten()
}
