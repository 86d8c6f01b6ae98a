//! Whether a node can bypass the gateway: reads the runtimes' files as the runtimes read
//! them.
//!
//! Pure: texts in, what was found out. That a file says the right thing is one half; the
//! other is a real pull, whose answer [`pull_outcome`] judges.

mod containerd;
mod docker;
mod expected;
mod finding;
mod host_keys;
mod hosts_file;
mod hosts_flaw;
mod nri;
mod pull_cause;
mod pull_outcome;
mod registries;
mod replica;
mod settings;
#[cfg(test)]
mod tests;

pub use containerd::{HostsDirectory, HostsRoot, in_effect, judge_containerd, named_gateway};
pub use docker::{DockerState, judge_docker};
pub use expected::{ExpectedNode, RegistryOrigin};
pub use finding::{OnNode, openness};
pub use hosts_file::named_files;
pub use nri::{DEFAULT_NRI_SOCKET, NriCheck, NriSettings, NriState, RuntimeVersion};
pub use pull_cause::{PullCause, pull_cause};
pub use pull_outcome::{PullOutcome, pull_outcome};
pub use registries::{ConfFile, Registries, read_registries};
pub use replica::{replica_of_hosts, replica_of_registry};
pub use settings::{ContainerdSettings, SettingsError, read_settings};
