//! Policies that somebody wants to try: read beside the one in force, never
//! taken over.

use std::sync::Arc;

use jiff::Timestamp;

use super::Parts;
use super::config::{revision, rules_of};
use crate::admin::PolicyReader;
use crate::api::ReplayRequest;
use crate::trust::{Rulebook, Rules};

/// Reads the policy of a replay; what it leaves out is as it is in force.
pub(super) fn reader(parts: &Arc<Parts>) -> PolicyReader {
    let parts = Arc::downgrade(parts);
    Arc::new(move |request, now| {
        let parts = parts.upgrade().ok_or_else(|| "stopping".to_owned())?;
        read(&parts.gate.rulebook(), request, now)
    })
}

fn read(current: &Rulebook, request: &ReplayRequest, now: Timestamp) -> Result<Rulebook, String> {
    let rules = rules_of(&request.policy, now).map_err(|problems| problems.to_string())?;
    let rules = Rules {
        exceptions: current.exceptions().to_vec(),
        advisories: current.advisories().to_vec(),
        ..rules
    };
    Ok(Rulebook::new(revision(&rules), rules))
}
