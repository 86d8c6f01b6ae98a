//! Where a request came in, and from whom.

use std::net::IpAddr;
use std::sync::Arc;

use crate::access::Principal;
use crate::oci::{RegistryHost, RepositoryGlobs};
use crate::trust::{EnvironmentName, Exposure};

/// An address where nodes pull. Nothing that a client sends chooses another
/// environment or exposure than its listener's.
#[derive(Debug)]
pub struct Listener {
    /// How it is called in records: its address.
    pub name: Arc<str>,
    pub environment: EnvironmentName,
    pub exposure: Exposure,
    /// What it serves at all; empty: everything.
    pub repositories: RepositoryGlobs,
    /// The upstream meant by clients that name none (Docker's `registry-mirrors`).
    pub mirror_of: Option<RegistryHost>,
}

/// Who asks, and where.
#[derive(Clone, Debug)]
pub struct Asker {
    pub listener: Arc<Listener>,
    pub principal: Principal,
    pub client: Option<IpAddr>,
}
