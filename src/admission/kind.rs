//! Which of a cluster's webhooks.

use crate::metrics::WebhookName;

/// The two webhooks of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WebhookKind {
    Mutate,
    Validate,
}

impl WebhookKind {
    /// The cluster's name and the webhook that `/clusters/<name>/mutate` or
    /// `/clusters/<name>/validate` means.
    pub(super) fn of_path(path: &str) -> Option<(&str, Self)> {
        let (name, kind) = path.strip_prefix("/clusters/")?.split_once('/')?;
        match kind {
            "mutate" => Some((name, Self::Mutate)),
            "validate" => Some((name, Self::Validate)),
            _ => None,
        }
    }

    /// As metrics call it.
    pub(super) const fn name(self) -> WebhookName {
        match self {
            Self::Mutate => WebhookName::Mutate,
            Self::Validate => WebhookName::Validate,
        }
    }
}
