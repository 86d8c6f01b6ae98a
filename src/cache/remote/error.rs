//! What can go wrong with the remote tier.

use object_store::Error as StoreError;

use crate::oci::printable;

/// Characters of what a store says that are shown.
const MAX_SHOWN: usize = 300;

/// Why the remote tier did not do what was asked. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// Its settings make no store.
    #[error("the remote tier cannot be set up: {0}")]
    Unusable(String),
    #[error("the remote tier does not have it")]
    Absent,
    /// Nothing came in time.
    #[error("the remote tier did not answer within {0} ms")]
    Slow(u128),
    /// It does not know us, or does not let us.
    #[error("the remote tier refuses our credentials: {0}")]
    Refused(String),
    #[error("the remote tier failed: {0}")]
    Failed(String),
    /// It is left alone, after failures.
    #[error("the remote tier is left alone after failures")]
    Resting,
    /// What it holds is not what its name says.
    #[error("the remote tier holds other bytes than those that were asked for")]
    Wrong,
    /// The file on the local disk that was to be written there is damaged.
    #[error("the local file is damaged")]
    Damaged,
}

impl RemoteError {
    pub(super) fn unusable(error: impl std::fmt::Display) -> Self {
        Self::Unusable(shown(error))
    }

    pub(super) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(shown(error))
    }

    /// Whether it says something of the store, rather than of one object.
    pub(super) fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Slow(_) | Self::Refused(_) | Self::Failed(_))
    }
}

impl From<StoreError> for RemoteError {
    fn from(error: StoreError) -> Self {
        match &error {
            // A bucket that is not there holds nothing either; that is to be seen.
            StoreError::NotFound { source, .. } if source.to_string().contains("NoSuchBucket") => {
                Self::failed(error)
            }
            StoreError::NotFound { .. } => Self::Absent,
            StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
                Self::Refused(shown(error))
            }
            // Of a list the library tells no kind.
            _ => match shown(&error) {
                text if text.contains("status code: 403") => Self::Refused(text),
                text if text.contains("status code: 401") => Self::Refused(text),
                text => Self::Failed(text),
            },
        }
    }
}

fn shown(error: impl std::fmt::Display) -> String {
    printable(&error.to_string(), MAX_SHOWN)
}
