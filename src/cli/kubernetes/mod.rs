//! `sekisho kubernetes`: what a cluster needs, and what is wrong in it.

mod cluster;
mod command;
mod doctor;
mod helm;
mod manifests;
mod node_agent;
mod outside;
mod program;
mod verdicts;

pub use command::KubernetesArgs;
