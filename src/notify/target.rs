//! Who is told.

use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::event::NoticeKind;
use crate::trust::EnvironmentName;

/// How a message is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageFormat {
    /// CloudEvents 1.0, structured JSON.
    #[default]
    CloudEvents,
    /// As incoming webhooks of Slack, Mattermost and Rocket.Chat take it.
    Slack,
    /// An Adaptive Card, as workflows of Teams take it.
    Teams,
}

/// One receiver.
#[derive(Clone, Debug)]
pub struct NotifyTarget {
    pub name: String,
    /// Whoever has it may post there, so it is a secret.
    pub url: SecretString,
    /// With it messages are signed.
    pub secret: Option<SecretString>,
    pub format: MessageFormat,
    /// Empty: all.
    pub events: Vec<NoticeKind>,
    /// Empty: all.
    pub environments: Vec<EnvironmentName>,
    /// Authorities to trust besides the public ones, PEM.
    pub ca: Option<Vec<u8>>,
    /// Addresses that it may lie at though they are guarded.
    pub addresses: Vec<IpAddr>,
    pub files: NotifyFiles,
}

/// Where the secrets of a target were read, and are read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifyFiles {
    pub url: Option<PathBuf>,
    pub secret: Option<PathBuf>,
}

/// What a message is sent with. Replaced as a whole.
#[derive(Clone, Debug)]
pub struct NotifySecrets {
    pub url: SecretString,
    pub secret: Option<SecretString>,
}

impl NotifyTarget {
    /// Those that it starts with.
    pub fn secrets(&self) -> NotifySecrets {
        NotifySecrets {
            url: self.url.clone(),
            secret: self.secret.clone(),
        }
    }

    /// What is of no environment is told to all.
    pub(super) fn wants(&self, kind: NoticeKind, environment: &str) -> bool {
        let is_here = |it: &EnvironmentName| it.as_str() == environment;
        let everywhere = self.environments.is_empty() || environment.is_empty();
        (self.events.is_empty() || self.events.contains(&kind))
            && (everywhere || self.environments.iter().any(is_here))
    }
}

impl NotifySecrets {
    pub(super) fn address(&self) -> Option<Url> {
        Url::parse(self.url.expose_secret()).ok()
    }
}
