//! What is open on a node: reads the files of its runtimes as the runtimes read them.
//!
//! Pure: texts in, what was found out. That a file says the right thing is one half; the
//! other is a real pull, whose answer [`outcome`] judges.

mod containerd;
mod docker;
mod finding;
mod hosts_file;
mod outcome;
mod registries;
mod replica;
mod settings;
#[cfg(test)]
mod tests;
mod way;

pub use containerd::{HostsDirectory, HostsRoot, in_effect, judge_containerd, named_gateway};
pub use docker::{DockerState, judge_docker};
pub use finding::{OnNode, openness};
pub use outcome::{Outcome, outcome};
pub use registries::{ConfFile, Registries, read_registries};
pub use replica::{replica_of_hosts, replica_of_registry};
pub use settings::{ContainerdSettings, SettingsError, read_settings};
pub use way::{Expected, Place};
