//! The real parts: registries, runtimes and tools as people run them, and the
//! gateway's own binary between them. Every part binds a free port or a socket
//! in a temporary folder, is waited for by asking it, and dies with its test.
//!
//! A part that this machine lacks is a [`Missing`], which [`or_skip!`] reports
//! by name and turns into an early return: never a silent pass.

mod agent;
mod answer;
mod balancer;
mod containerd;
mod crane;
mod cri;
mod distribution;
mod docker;
mod gateway;
mod haproxy;
mod helm;
mod images;
pub mod kubernetes;
mod origin;
mod part;
mod pipeline;
mod podman;
mod prometheus;
mod pullers;
mod report;
mod s3;
mod site;
mod slow_link;
mod snapshot_server;
mod static_registry;
mod tls;
mod token_server;
mod tool;
mod trivy;
mod valve;

pub use agent::{Agent, AgentSetup};
pub use answer::{Answer, get, request};
pub use balancer::{Balancer, Layer};
pub use containerd::{Containerd, Release};
pub use crane::Crane;
pub use cri::{Cri, Sandbox};
pub use distribution::{CLEAN, CRITICAL, MEDIUM, Package, debian, hidden};
pub use docker::Docker;
pub use gateway::{Gateway, Setup, run};
pub use haproxy::Haproxy;
pub use helm::Helm;
pub use images::{Image, digest_of};
pub use origin::{Auth, Origin};
pub use part::{Outcome, Part, eventually, free_port, outcome};
pub use pipeline::{Manifests, Pipeline, SCRIPTS};
pub use podman::Podman;
pub use prometheus::Prometheus;
pub use pullers::Pullers;
pub use report::{grype, trivy, trivy_with};
pub use s3::{ACCESS_KEY, S3Server, SECRET_KEY};
pub use site::Site;
pub use slow_link::{SlowLink, Wire};
pub use snapshot_server::{AGENTS_ENVIRONMENT, SNAPSHOT_KEY, SnapshotServer};
pub use static_registry::StaticRegistry;
pub use tls::Authority;
pub use token_server::TokenServer;
pub use tool::{Missing, as_root, built, installed};
pub use trivy::{Print, Trivy};
pub use valve::Valve;

/// The value of a part, or a skip of this test that `tests/run` names at its end.
macro_rules! or_skip {
    ($part:expr) => {
        match $part {
            Ok(part) => part,
            Err(missing) => return $crate::lab::Missing::skip(missing),
        }
    };
}
pub(crate) use or_skip;
