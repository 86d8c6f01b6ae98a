//! Gathers what an environment's snapshot says.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::denied_digests::DeniedDigests;
use super::permitted_digests::{names_anywhere, names_of_image};
use crate::ledger::{DeniedInUse, Index, Ledger, LedgerError};
use crate::node_snapshot::AgentMode;
use crate::oci::{Digest, Repository};
use crate::trust::{DenialReason, Environment, NodePolicy, Subject};

/// What was let in within this long may lie on a node still.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(180 * 24);
/// Images that `strict` knows as permitted, at most: the last that were pulled.
const MAX_PERMITTED: u32 = 20_000;

/// What of the ledger's tables it rests on.
pub(super) struct Records {
    /// What would be denied now, of what is in use.
    denied: Vec<DeniedInUse>,
    /// What was let in; nothing where nobody asks for it.
    pulled: Vec<Subject>,
    /// In which other repositories of the environment something denied was let in.
    also_pulled: HashSet<(Repository, Digest)>,
}

impl Records {
    /// Reads them.
    ///
    /// # Errors
    /// [`LedgerError`] where they cannot be read.
    pub(super) async fn read(
        ledger: &Ledger,
        environment: &Environment,
        policy: &NodePolicy,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let here = |it: &Subject| it.environment == environment.name;
        let all = ledger.denied_in_use(0, None).await?.into_iter();
        let denied = all.map(|it| it.denied).filter(|it| here(&it.subject));
        let denied: Vec<DeniedInUse> = denied.collect();
        let pulled = match policy.mode {
            AgentMode::Strict => {
                let since = now.checked_sub(KEPT_FOR).unwrap_or(Timestamp::MIN);
                let found = ledger.subjects_pulled_since(since, MAX_PERMITTED, here);
                found
                    .await?
                    .into_iter()
                    .map(|(subject, _)| subject)
                    .collect()
            }
            AgentMode::Audit | AgentMode::Enforce => Vec::new(),
        };
        Ok(Self {
            also_pulled: also_pulled(ledger, &denied).await?,
            denied,
            pulled,
        })
    }
}

/// Asked only where something denied lies in several repositories.
async fn also_pulled(
    ledger: &Ledger,
    denied: &[DeniedInUse],
) -> Result<HashSet<(Repository, Digest)>, LedgerError> {
    let mut found = HashSet::new();
    for it in denied {
        for repository in ledger.index().repositories(&it.subject.digest) {
            let subject = Subject {
                repository,
                ..it.subject.clone()
            };
            if subject != it.subject && ledger.last_pulled(&subject).await?.is_some() {
                found.insert((subject.repository, subject.digest));
            }
        }
    }
    Ok(found)
}

/// Digests, as a snapshot takes them.
pub(super) struct NodeLists {
    pub denied: HashMap<Digest, DenialReason>,
    pub permitted: HashSet<Digest>,
}

/// Puts together what is denied, and what is known as permitted: platform images always,
/// the rest where `strict` asks for it.
pub(super) fn gather(
    index: &Index,
    environment: &Environment,
    policy: &NodePolicy,
    records: &Records,
    now: Timestamp,
) -> NodeLists {
    let platform: HashSet<Digest> = environment
        .platform_images
        .iter()
        .flat_map(|it| names_anywhere(index, &it.digest))
        .collect();
    let mut lifted = under_a_ticket(index, environment, now);
    lifted.extend(platform.iter().cloned());
    let mut gathering = DeniedDigests::new(index, environment);
    for (digest, revocations) in index.revoked() {
        gathering.revoke(&digest, &revocations);
    }
    for (digest, (reason, repositories)) in judged(index, policy, records) {
        gathering.deny(&digest, reason, &repositories);
    }
    let denied = gathering.finish(&lifted);
    let mut permitted = platform;
    let refused: HashSet<&Subject> = records.denied.iter().map(|it| &it.subject).collect();
    for subject in records.pulled.iter().filter(|it| !refused.contains(it)) {
        permitted.extend(names_of_image(index, &subject.repository, &subject.digest));
    }
    NodeLists { denied, permitted }
}

/// What break-glass lets through although it is revoked.
fn under_a_ticket(index: &Index, environment: &Environment, now: Timestamp) -> HashSet<Digest> {
    let granted = index.active_break_glass(now).into_iter();
    granted
        .filter(|it| it.lifts_revocation && it.environment == environment.name)
        .flat_map(|it| names_anywhere(index, &it.digest))
        .collect()
}

type DeniedIn = (DenialReason, HashSet<Repository>);

/// What must not start, by digest, with all repositories where it may not lie otherwise:
/// those where it is denied, and those from which nobody pulled it here.
fn judged(index: &Index, policy: &NodePolicy, records: &Records) -> HashMap<Digest, DeniedIn> {
    let mut judged: HashMap<Digest, DeniedIn> = HashMap::new();
    for it in records
        .denied
        .iter()
        .filter(|it| policy.denies(it.denial.reason))
    {
        let Subject {
            repository, digest, ..
        } = &it.subject;
        let (_, repositories) = judged
            .entry(digest.clone())
            .or_insert_with(|| (it.denial.reason, HashSet::new()));
        repositories.insert(repository.clone());
        let others = index.repositories(digest).into_iter();
        repositories.extend(others.filter(|other| {
            let place = (other.clone(), digest.clone());
            !records.also_pulled.contains(&place)
        }));
    }
    judged
}
