//! A listener that represents an environment, for verdicts without a pull: the admin
//! API's, and a cluster's webhook's.

use super::config::Config;
use crate::gate::Listener;
use crate::trust::{EnvironmentName, Exposure};

/// A listener that stands for all of an environment's: it serves what one of them
/// serves, and its exposure is the strictest; external where there is none.
pub(super) fn listener(config: &Config, environment: &EnvironmentName) -> Listener {
    let listeners = config.listeners.iter();
    let own = listeners.filter(|listener| listener.environment == *environment);
    let own: Vec<_> = own.collect();
    let all = own.iter().all(|it| it.exposure == Exposure::Internal);
    let internal = all && !own.is_empty();
    let limited = own.iter().all(|it| !it.repositories.is_empty());
    let globs = own.iter().map(|it| it.repositories.clone());
    Listener {
        name: format!("environment {environment}").into(),
        environment: environment.clone(),
        exposure: match internal {
            true => Exposure::Internal,
            false => Exposure::External,
        },
        repositories: globs.filter(|_| limited).collect(),
        mirror_of: None,
    }
}
