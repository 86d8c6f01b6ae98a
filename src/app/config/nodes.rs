//! `[nodes]` and `[environments.NAME.nodes]`: what agents on nodes are told.

use std::sync::Arc;

use super::quantity::Period;
use super::section::Section;
use crate::node_snapshot::SnapshotKey;
use crate::trust::{Environment, NodePolicy};

const DEFAULT_MAX_SILENCE: Period = Period::seconds(3600);

/// Reads `[environments.NAME.nodes]`.
pub(super) fn node_policy(mut section: Section<'_, '_>) -> NodePolicy {
    let max_silence: Period = section.read("max_silence").unwrap_or(DEFAULT_MAX_SILENCE);
    if max_silence.is_zero() {
        section.problem("max_silence", "is zero; write a time such as \"1h\"");
    }
    let policy = NodePolicy {
        mode: section.read("mode").unwrap_or_default(),
        on_revoked: section.read("on_revoked").unwrap_or_default(),
        too_severe: section.read("too_severe").unwrap_or_default(),
        max_silence: max_silence.into(),
    };
    section.finish();
    policy
}

/// Reads `[nodes]`: the key that signs what agents are told. Where an environment has
/// agents there must be one.
pub(super) fn signing_key(
    root: &mut Section<'_, '_>,
    environments: &[Environment],
) -> Option<Arc<SnapshotKey>> {
    let mut section = root.section("nodes");
    let text = section.file_text("signing_key");
    let key = text.and_then(|text| match SnapshotKey::from_pem(&text) {
        Ok(key) => Some(Arc::new(key)),
        Err(error) => {
            section.problem("signing_key", error);
            None
        }
    });
    let has_agents = |it: &&Environment| it.nodes.is_some();
    if let Some(first) = environments.iter().find(has_agents)
        && !section.has("signing_key")
    {
        let text = format!(
            "is missing, and environments.{}.nodes needs it; make one with \
             openssl genpkey -algorithm ed25519",
            first.name
        );
        section.problem("signing_key", text);
    }
    if let Some(first) = environments.first()
        && root.has("nodes")
        && !environments.iter().any(|it| has_agents(&it))
    {
        let text = format!(
            "is for agents on nodes, and no environment has any, so none is answered; write \
             [environments.{}.nodes]",
            first.name
        );
        root.warning("nodes", text);
    }
    section.finish();
    key
}
