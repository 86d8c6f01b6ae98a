//! `sekisho kubernetes`: what a cluster needs, and what is wrong in it.

mod command;
mod manifests;
mod outside;
mod program;

pub use command::Kubernetes;
