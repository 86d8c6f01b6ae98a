//! The two generations of Kubernetes: the newest, and one whose API server has no
//! MutatingAdmissionPolicy.

use std::path::PathBuf;

use crate::lab::{Missing, built};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Its API server only.
    V1_34,
    V1_37,
}

impl Version {
    pub const ALL: [Self; 2] = [Self::V1_34, Self::V1_37];

    pub(super) fn program(self, name: &str) -> Result<PathBuf, Missing> {
        let module = match self {
            Self::V1_34 => "kubernetes-1.34",
            Self::V1_37 => "kubernetes-1.37",
        };
        built(module, name)
    }
}
