//! Policies for replays: parsed beside the one in force, never applied.

use std::sync::Arc;

use jiff::Timestamp;

use super::Components;
use super::bounded;
use super::config::{VulnerabilityPolicyTexts, revision, rules_of};
use crate::admin::PolicyReader;
use crate::api::{PolicyText, ReplayRequest};
use crate::oci::printable;
use crate::trust::Rulebook;

/// Reads the policy of a replay; folders that it leaves out are taken from the policy in
/// force.
pub(super) fn reader(parts: &Arc<Components>) -> PolicyReader {
    let parts = Arc::downgrade(parts);
    Arc::new(move |request, now| {
        let parts = parts.upgrade().ok_or_else(|| "stopping".to_owned())?;
        read(&parts.gate.rulebook(), request, now)
    })
}

fn read(current: &Rulebook, request: &ReplayRequest, now: Timestamp) -> Result<Rulebook, String> {
    refuse_large("policy", &request.policy)?;
    for files in [&request.exceptions, &request.advisories] {
        for file in files.iter().flatten() {
            refuse_large(&file.name, &file.text)?;
        }
    }
    let texts = VulnerabilityPolicyTexts {
        exceptions: request.exceptions.as_deref().map(named),
        advisories: request.advisories.as_deref().map(named),
    };
    let mut rules =
        rules_of(&request.policy, &texts, now).map_err(|problems| problems.to_string())?;
    if request.exceptions.is_none() {
        rules.exceptions = current.exceptions().to_vec();
    }
    if request.advisories.is_none() {
        rules.advisories = current.advisories().to_vec();
    }
    Ok(Rulebook::new(revision(&rules), rules))
}

/// No larger than a file of policy may be: what is read of a text takes fifty times its length.
fn refuse_large(name: &str, text: &str) -> Result<(), String> {
    bounded::within_limit(text.len()).map_err(|error| format!("{}: {error}", printable(name, 200)))
}

fn named(texts: &[PolicyText]) -> Vec<(String, String)> {
    let texts = texts.iter();
    texts
        .map(|file| (file.name.clone(), file.text.clone()))
        .collect()
}
