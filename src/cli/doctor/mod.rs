//! `sekisho doctor`: what is open on this node, seen in its files and by real pulls.
//!
//! [`node`] asks each runtime's file for its findings and, by way of [`tool`], the
//! runtime itself for pulls that must be denied; [`witness`] stands where the registry
//! would be and notices when it is asked. [`agent_gate`] tries the agent's gate.

mod agent_gate;
mod arguments;
mod command;
mod containerd;
mod containers;
mod decoy;
mod docker;
mod files;
mod node;
mod proof;
mod report;
mod screen;
mod tool;
mod work_folder;

pub use command::DoctorArgs;
