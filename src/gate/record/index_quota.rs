//! How many denials of one kind are indexed in an hour: a flood of them fills the audit
//! log, and neither the ledger nor the lists that people read.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::trust::{Decision, DenialReason, EnvironmentName, Outcome};

/// Denials of one kind that are indexed in an hour, at most.
const MAX_INDEXED: u32 = 2000;
/// Kinds that are told apart, at most; what is more is of one kind.
const MAX_KINDS: usize = 10_000;
const SECONDS_PER_HOUR: i64 = 3600;

/// What makes denials of one kind. Who asks can choose as many names as there are, so
/// these are not told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct DenialKind {
    environment: EnvironmentName,
    principal: String,
    client: Option<String>,
    reason: Option<DenialReason>,
    /// An image that there is.
    exists: bool,
}

/// Counts of this hour.
#[derive(Default)]
pub(super) struct IndexQuota {
    hour: i64,
    counts: HashMap<DenialKind, u32>,
    others: u32,
}

impl IndexQuota {
    /// Whether it is to be indexed; counts it.
    pub(super) fn admit(&mut self, decision: &Decision, now: Timestamp) -> bool {
        if decision.verdict != Outcome::Denied {
            return true;
        }
        let hour = now.as_second().div_euclid(SECONDS_PER_HOUR);
        if hour != self.hour {
            *self = Self {
                hour,
                ..Self::default()
            };
        }
        let kind = DenialKind {
            environment: decision.environment.clone(),
            principal: decision.principal.clone(),
            client: decision.client.clone(),
            reason: decision.reasons.first().copied(),
            exists: decision.digest.is_some(),
        };
        let is_known = self.counts.len() < MAX_KINDS || self.counts.contains_key(&kind);
        let count = match is_known {
            true => self.counts.entry(kind).or_default(),
            false => &mut self.others,
        };
        *count = count.saturating_add(1);
        *count <= MAX_INDEXED
    }
}
