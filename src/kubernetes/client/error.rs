//! What goes wrong with the Kubernetes API, in words that name the next step.

use std::error::Error;
use std::path::PathBuf;

use kube::config::{InClusterError, KubeconfigError};

#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("the kubeconfig {path} cannot be used: {source}")]
    Kubeconfig {
        path: PathBuf,
        source: KubeconfigError,
    },
    #[error(
        "the Pod's service account cannot be used: {0}; \
         give its Pod a token (automountServiceAccountToken) or set `kubeconfig`"
    )]
    ServiceAccount(#[source] InClusterError),
    #[error("the client of the Kubernetes API cannot be made: {}", describe(.0))]
    Client(#[source] kube::Error),
}

/// The API server's own words where it answered, else every cause in turn.
pub(super) fn describe(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return match status.message.as_str() {
            "" => format!("{} {}", status.code, status.reason),
            message => message.to_owned(),
        };
    }
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        cause = error.source();
    }
    words
}
