//! The agent of a node: asked by the container runtime before each container, it refuses what
//! the gateway's snapshot denies, so that a revocation reaches what was pulled already.
//!
//! It answers from memory. What it holds lies on the disk, too, and works without a gateway;
//! gateways are followed, and told what starts, ends and is refused. It keeps no node from
//! coming up: what it never refuses stands in `exemption`, and a runtime goes on without an
//! agent that is gone or too slow.

mod agent;
mod answerer;
mod backoff;
mod canaries;
mod canary;
mod cri;
mod cri_messages;
mod error;
mod event_queue;
mod evictions;
mod exemption;
mod follower;
mod gateway;
mod gateway_tls;
mod grpc;
mod judgement;
mod options;
mod refusal_text;
mod repeated;
mod runtime;
mod snapshot_keeper;
mod state_folder;
mod token_file;

#[cfg(test)]
mod tests;

pub use agent::{AgentCondition, NodeAgent};
pub use canary::{CanaryFailure, CanaryOutcome, send_canary};
pub use cri::CriClient;
pub use error::{AgentError, CriError};
pub use exemption::{Exemption, Exemptions, OwnPod};
pub use options::{AgentOptions, GatewayAccess};
