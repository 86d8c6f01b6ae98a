//! The snapshot in force: taken from the disk at the start and from gateways later, and never
//! for an older one.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};

use super::state_folder::StateFolder;
use crate::metrics::AgentMetrics;
use crate::node_snapshot::{SignedSnapshot, SnapshotDelta, SnapshotError, SnapshotPublicKey};
use crate::oci::Digest;

/// How much older than what is in force that on the disk may be, if it says the same.
const KEPT_FOR: SignedDuration = SignedDuration::from_mins(10);

/// What lies on the disk.
struct Kept {
    sequence: u64,
    mark: Digest,
    issued_at: Timestamp,
}

/// Holds the snapshot of one environment. Readers never wait.
pub struct SnapshotKeeper {
    environment: String,
    keys: Vec<SnapshotPublicKey>,
    folder: StateFolder,
    held: ArcSwapOption<SignedSnapshot>,
    /// Of what is held.
    mark: ArcSwapOption<Digest>,
    kept: Mutex<Option<Kept>>,
    metrics: AgentMetrics,
}

impl SnapshotKeeper {
    /// With what lies in the folder. What is not taken from there is told, and is as if there
    /// were none.
    pub fn open(
        environment: String,
        keys: Vec<SnapshotPublicKey>,
        folder: StateFolder,
        metrics: AgentMetrics,
    ) -> Self {
        let kept = folder.load(&environment, &keys).unwrap_or_else(|error| {
            metrics.snapshots_refused.inc();
            tracing::error!(%error, "the snapshot on the disk is not taken; nothing is refused until a gateway sends one");
            None
        });
        let this = Self {
            environment,
            keys,
            folder,
            held: ArcSwapOption::empty(),
            mark: ArcSwapOption::empty(),
            kept: Mutex::new(None),
            metrics,
        };
        if let Some(signed) = kept {
            let mark = signed.snapshot().mark();
            this.hold(signed, mark);
        }
        this
    }

    pub fn held(&self) -> Option<Arc<SignedSnapshot>> {
        self.held.load_full()
    }

    /// The mark of what is held.
    pub fn mark(&self) -> Option<Arc<Digest>> {
        self.mark.load_full()
    }

    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// Takes a whole snapshot as it came.
    ///
    /// # Errors
    /// [`SnapshotError`]: what was held stays in force.
    pub fn take(&self, bytes: &[u8], now: Timestamp) -> Result<(), SnapshotError> {
        let signed = SignedSnapshot::from_bytes(bytes, &self.keys);
        self.follow(signed, now)
    }

    /// Takes a delta as it came.
    ///
    /// # Errors
    /// [`SnapshotError`]: what was held stays in force, and the whole is to be asked for.
    pub fn take_delta(&self, bytes: &[u8], now: Timestamp) -> Result<(), SnapshotError> {
        let delta = SnapshotDelta::from_bytes(bytes)?;
        let Some(held) = self.held() else {
            let from = delta.from();
            return Err(SnapshotError::OtherBeginning { held: 0, from });
        };
        self.follow(held.apply(&delta, &self.keys), now)
    }

    fn follow(
        &self,
        signed: Result<SignedSnapshot, SnapshotError>,
        now: Timestamp,
    ) -> Result<(), SnapshotError> {
        let held = self.held();
        let taken = signed.and_then(|signed| {
            let before = held.as_deref();
            signed.may_follow(before, &self.environment, now)?;
            Ok(signed)
        });
        match taken {
            Ok(signed) => {
                let mark = signed.snapshot().mark();
                self.keep(&signed, &mark);
                self.hold(signed, mark);
                Ok(())
            }
            Err(error) => {
                self.metrics.snapshots_refused.inc();
                Err(error)
            }
        }
    }

    /// What only was issued anew is written again after some time: each gateway does so three
    /// times a minute. A disk that is full keeps no revocation from being in force.
    fn keep(&self, signed: &SignedSnapshot, mark: &Digest) {
        let terms = signed.snapshot().terms();
        let mut on_disk = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_as_good = |it: &Kept| {
            let age = terms.issued_at.duration_since(it.issued_at);
            it.sequence == terms.sequence && it.mark == *mark && age < KEPT_FOR
        };
        if on_disk.as_ref().is_some_and(is_as_good) {
            return;
        }
        let kept = self.folder.keep(signed);
        let written = || Kept {
            sequence: terms.sequence,
            mark: mark.clone(),
            issued_at: terms.issued_at,
        };
        *on_disk = kept.is_ok().then(written);
        self.metrics.snapshot_unkept.set(i64::from(kept.is_err()));
        if let Err(error) = kept {
            tracing::error!(%error, "the snapshot is in force, and cannot be kept for the agent's next start");
        }
    }

    fn hold(&self, signed: SignedSnapshot, mark: Digest) {
        let snapshot = signed.snapshot();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let sequence = snapshot.terms().sequence;
        if self
            .held()
            .is_none_or(|held| held.snapshot().terms().sequence != sequence)
        {
            tracing::info!(snapshot.sequence = sequence, "a snapshot is in force");
        }
        self.metrics
            .snapshot_denied
            .set(count(snapshot.denied_count()));
        self.metrics
            .snapshot_sequence
            .set(i64::try_from(sequence).unwrap_or(i64::MAX));
        self.held.store(Some(Arc::new(signed)));
        self.mark.store(Some(Arc::new(mark)));
    }
}
