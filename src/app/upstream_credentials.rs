//! Credentials of upstreams: what the configuration names, and what is wrong with it now.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::ExposeSecret;

use super::config::{ConfiguredCredentials, UpstreamConfig, password_of};
use super::{StartError, bounded};
use crate::oci::RegistryHost;
use crate::upstream::{CredentialCommand, CredentialSource, UpstreamCredentials};

/// Why files of credentials are not in force, by their upstream. Empty: all are.
#[derive(Default)]
pub(super) struct CredentialProblems(Mutex<BTreeMap<RegistryHost, String>>);

impl CredentialProblems {
    /// A line for each, for the status.
    pub(super) fn lines(&self) -> Vec<String> {
        let told = |(host, why): (&RegistryHost, &String)| {
            format!("credentials of {host} are not in force: {why}; the last good ones hold")
        };
        self.lock().iter().map(told).collect()
    }

    /// Whether that is new.
    pub(super) fn note(&self, host: &RegistryHost, why: Option<String>) -> bool {
        let mut problems = self.lock();
        let before = match &why {
            Some(why) => problems.insert(host.clone(), why.clone()),
            None => problems.remove(host),
        };
        before != why
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RegistryHost, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an upstream's client starts with.
pub(super) fn source(config: &UpstreamConfig) -> Result<Option<CredentialSource>, StartError> {
    Ok(match &config.credentials {
        None => None,
        Some(ConfiguredCredentials::Password {
            username, password, ..
        }) => Some(
            UpstreamCredentials {
                username: username.clone(),
                password: password.clone(),
            }
            .into(),
        ),
        Some(ConfiguredCredentials::DockerConfig { text, .. }) => {
            let text = text.expose_secret().as_bytes();
            let found = UpstreamCredentials::from_docker_config(text, &config.name)?;
            Some(found.into())
        }
        Some(ConfiguredCredentials::Command { command, username }) => {
            let mut words = command.iter().cloned();
            words.next().map(|program| {
                CredentialSource::Command(CredentialCommand {
                    program,
                    arguments: words.collect(),
                    username: username.clone(),
                })
            })
        }
    })
}

/// What the files hold now.
pub(super) fn read(
    configured: &ConfiguredCredentials,
    host: &RegistryHost,
) -> Result<UpstreamCredentials, String> {
    let (ConfiguredCredentials::Password { file, .. }
    | ConfiguredCredentials::DockerConfig { file, .. }) = configured
    else {
        return Err("they are a command's".to_owned());
    };
    let text = bounded::text(file).map_err(|error| format!("{} {error}", file.display()))?;
    match configured {
        ConfiguredCredentials::Password { username, .. } => {
            let password = password_of(&text);
            match password.expose_secret().is_empty() {
                true => Err(format!("{} is empty", file.display())),
                false => Ok(UpstreamCredentials {
                    username: username.clone(),
                    password,
                }),
            }
        }
        _ => UpstreamCredentials::from_docker_config(text.as_bytes(), host)
            .map_err(|error| error.to_string()),
    }
}
