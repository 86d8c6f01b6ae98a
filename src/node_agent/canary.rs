//! A canary: a container that must be refused, sent all the way through the runtime. Nothing
//! else shows that the gate has not silently gone.

use std::collections::HashMap;
use std::time::Duration;

use super::cri::CriClient;
use super::cri_messages::{
    LinuxPodSandboxConfig, LinuxSandboxSecurityContext, NamespaceOption, PodSandboxConfig,
    PodSandboxMetadata,
};
use super::error::CriError;
use crate::clock::Clock;
use crate::kubernetes::names::NODE_CANARY;
use crate::node_snapshot::CANARY_REASON;

const NODE_NETWORK: i32 = 2;
/// One that is as old was left behind by who ended over it: none takes as long.
const LEFT_BEHIND: Duration = Duration::from_secs(180);

/// How a canary ended.
#[derive(Debug)]
pub enum CanaryOutcome {
    /// The gate refused it, with this text.
    Refused(String),
    /// It was created: there is no gate, or it holds no snapshot.
    LetStart,
    /// It was not seen whether there is a gate.
    Failed(CanaryFailure),
}

/// Why a canary could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum CanaryFailure {
    #[error("the runtime has no image")]
    NoImage,
    /// The runtime could not be asked, or could not do it.
    #[error(transparent)]
    Runtime(#[from] CriError),
}

/// Runs a Pod sandbox that is marked as a canary, in the network of the node, asks for a
/// container in it, and removes it again. No process of the container ever runs.
pub async fn send_canary(cri: &CriClient) -> CanaryOutcome {
    match sent(cri).await {
        Ok(outcome) => outcome,
        Err(error) => CanaryOutcome::Failed(error.into()),
    }
}

/// Removes the sandboxes of canaries whose senders were killed before they could.
async fn clear(cri: &CriClient) -> Result<(), CriError> {
    let now = Clock::system().now().as_nanosecond();
    for (sandbox, created_at) in cri.sandboxes_labelled(NODE_CANARY).await? {
        if now - i128::from(created_at) > LEFT_BEHIND.as_nanos().cast_signed() {
            cri.remove_sandbox(&sandbox).await?;
        }
    }
    Ok(())
}

async fn sent(cri: &CriClient) -> Result<CanaryOutcome, CriError> {
    if let Err(error) = clear(cri).await {
        tracing::warn!(%error, "what earlier canaries left is not removed");
    }
    let Some(image) = cri.smallest_image().await? else {
        return Ok(CanaryOutcome::Failed(CanaryFailure::NoImage));
    };
    let config = sandbox();
    let id = cri.run_sandbox(config.clone()).await?;
    let created = cri.create_container(&id, config, image).await;
    let removed = cri.remove_sandbox(&id).await;
    if let Err(error) = removed {
        tracing::warn!(%error, sandbox = id, "the canary's sandbox is not removed");
    }
    match created {
        Ok(()) => Ok(CanaryOutcome::LetStart),
        Err(CriError::Refused { message, .. }) if is_ours(&message) => {
            Ok(CanaryOutcome::Refused(message))
        }
        Err(error) => Err(error),
    }
}

fn is_ours(message: &str) -> bool {
    message.contains(&format!("sekisho: {CANARY_REASON}:"))
}

/// A name of its own each time: a sandbox that could not be removed is in nobody's way.
fn sandbox() -> PodSandboxConfig {
    let word = hex::encode(crate::random::bytes::<8>());
    let mark = HashMap::from([(NODE_CANARY.to_owned(), String::new())]);
    let namespace_options = Some(NamespaceOption {
        network: NODE_NETWORK,
    });
    let security_context = Some(LinuxSandboxSecurityContext { namespace_options });
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: format!("sekisho-canary-{word}"),
            uid: word,
            namespace: "sekisho-canary".to_owned(),
        }),
        labels: mark.clone(),
        annotations: mark,
        linux: Some(LinuxPodSandboxConfig { security_context }),
    }
}
