//! A pull that somebody who may would make: what is judged for those who ask about an
//! image without pulling it.

use std::time::Instant;

use jiff::Timestamp;

use super::Admin;
use super::error::AdminError;
use crate::access::{Principal, Role};
use crate::api::ErrorCode;
use crate::gate::{Client, Pull, RequestTarget};
use crate::oci::Repository;
use crate::trust::EnvironmentName;

/// What such a pull is made of.
pub(super) struct HypotheticalPull {
    client: Client,
    target: RequestTarget,
    now: Timestamp,
}

impl HypotheticalPull {
    /// By the listener that stands for all of the environment's.
    ///
    /// # Errors
    /// The program stops.
    pub(super) fn new(
        admin: &Admin,
        environment: &EnvironmentName,
        repository: &Repository,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        let listener = (admin.pulls)(environment);
        let stops = || AdminError::new(ErrorCode::Unavailable, "the program stops");
        Ok(Self {
            client: Client {
                listener: listener.ok_or_else(stops)?,
                principal: Principal::anonymous(Role::Puller),
                address: None,
            },
            target: RequestTarget {
                repository: repository.clone(),
                namespace: None,
                by_host: false,
            },
            now,
        })
    }

    pub(super) fn pull(&self) -> Pull<'_> {
        Pull {
            client: &self.client,
            target: &self.target,
            now: self.now,
            started: Instant::now(),
        }
    }
}
