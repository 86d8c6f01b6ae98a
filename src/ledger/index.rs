//! The complete index in memory, for the hot path. Synchronous.
//!
//! The index holds all that SQL holds on digests, except findings, so a miss
//! proves absence once it is loaded. While it loads, who asks for a manifest has
//! what SQL knows of it brought here first (`recall`); what revokes, overrides and
//! authenticates is whole from the beginning. It is loaded anew, as one swap, when a
//! change was missed. `seq` counts the changes
//! that it certainly contains; evidence is read after `seq`, so that whatever
//! comes later than a verdict's `seq` touches it (see `standings`), and whatever
//! came before was part of its evidence.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use jiff::Timestamp;

use super::alias::Alias;
use super::change::{LedgerChange, PromotedTag};
use super::members::Membership;
use super::overrides_index::Overrides;
use super::token_holders::{ExpiredToken, TokenHash, TokenHolders};
use super::verdict_cache::VerdictCache;
use crate::access::Principal;
use crate::oci::{Algorithm, Closure, Digest, Repository, Tag};
use crate::trust::{CachedVerdict, EnvironmentName, Exposure, Revocation, Subject};

/// The ledger in memory. No method waits, and none holds a lock longer than a
/// look-up takes.
pub struct Index {
    tables: ArcSwap<Tables>,
    applied: AtomicU64,
    begun: AtomicBool,
    complete: AtomicBool,
}

/// All that is swapped when the index is loaded.
pub(super) struct Tables {
    pub members: Membership,
    pub verdicts: VerdictCache<Arc<CachedVerdict>>,
    pub revoked: DashMap<Digest, Vec<Revocation>>,
    pub holders: TokenHolders,
    pub overrides: Overrides,
    /// Whether a revocation or a closure names a SHA-512 digest, or did.
    pub speaks_of_sha512: AtomicBool,
    /// The newest change that revoked or reinstated something, or granted break-glass.
    withdrawn_at: AtomicU64,
}

impl Tables {
    pub fn new(verdict_bytes: u64, floor: u64) -> Self {
        Self {
            members: Membership::default(),
            verdicts: VerdictCache::new(verdict_bytes, floor),
            revoked: DashMap::new(),
            holders: TokenHolders::default(),
            overrides: Overrides::default(),
            speaks_of_sha512: AtomicBool::new(false),
            withdrawn_at: AtomicU64::new(floor),
        }
    }

    /// Forgets what rests on the evidence that `change` changed. That two digests
    /// name the same bytes may change any verdict on either: what is said against
    /// one is said against both, and policy may say it, too.
    pub fn touch(&self, change: &LedgerChange, seq: u64) {
        if let LedgerChange::Mode(environment) = change {
            self.verdicts.touch_environment(environment, seq);
        }
        if matches!(
            change,
            LedgerChange::Revocation(_) | LedgerChange::BreakGlass(_)
        ) {
            self.withdrawn_at.fetch_max(seq, Ordering::AcqRel);
        }
        for digest in change.digests() {
            for reached in self.members.affected_by(digest) {
                self.verdicts.touch(&reached, seq);
            }
        }
    }

    /// Recorded indexes in `repository` whose way `manifest` goes. One that refused it, since
    /// its label is false or it was not there, lends it nothing.
    pub fn indexes_lending_to(&self, repository: &Repository, manifest: &Digest) -> Vec<Digest> {
        let mut indexes = self.members.parents(repository, manifest);
        indexes.retain(|index| {
            let closure = self.members.closure(repository, index);
            closure.is_some_and(|it| it.lends_to(manifest))
        });
        indexes
    }

    /// Notes that a record names these digests.
    pub fn note_named<'a>(&self, digests: impl IntoIterator<Item = &'a Digest>) {
        let mut digests = digests.into_iter();
        if digests.any(|digest| digest.algorithm() == Algorithm::Sha512) {
            self.speaks_of_sha512.store(true, Ordering::Release);
        }
    }

    pub fn set_revoked(&self, digest: &Digest, active: Vec<Revocation>) {
        self.note_named([digest]);
        self.members.note(digest);
        if active.is_empty() {
            self.revoked.remove(digest);
        } else {
            self.revoked.insert(digest.clone(), active);
        }
    }
}

impl Index {
    pub(super) fn empty(verdict_bytes: u64) -> Self {
        Self {
            tables: ArcSwap::from_pointee(Tables::new(verdict_bytes, 0)),
            applied: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            complete: AtomicBool::new(false),
        }
    }

    /// Tables first: a reader that still sees the old `seq` is only too careful.
    pub(super) fn replace(&self, tables: Arc<Tables>, seq: u64) {
        self.tables.store(tables);
        self.applied.store(seq, Ordering::Release);
        self.begun.store(true, Ordering::Release);
        self.complete();
    }

    /// The same with what revokes, overrides and authenticates alone: the rest comes.
    pub(super) fn begin(&self, tables: Tables, seq: u64) {
        self.tables.store(Arc::new(tables));
        self.applied.store(seq, Ordering::Release);
        self.begun.store(true, Ordering::Release);
    }

    /// Everything is in memory.
    pub(super) fn complete(&self) {
        self.complete.store(true, Ordering::Release);
    }

    /// Whether memory follows what is written, complete or not.
    pub(super) fn is_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    pub(super) fn tables(&self) -> Arc<Tables> {
        self.tables.load_full()
    }

    pub(super) fn set_seq(&self, seq: u64) {
        self.applied.store(seq, Ordering::Release);
    }

    /// Every change up to this one is in memory.
    pub fn seq(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Whether it was loaded, so that a miss proves absence.
    pub fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// The remembered verdict, if it holds at `now` and no change of evidence is
    /// known that came after it. Whether it was given under the rulebook in force,
    /// `Standing::is_current` says.
    pub fn cached_verdict(
        &self,
        subject: &Subject,
        exposure: Exposure,
        now: Timestamp,
    ) -> Option<Arc<CachedVerdict>> {
        self.tables.load().verdicts.get(subject, exposure, now)
    }

    /// Remembers a verdict. Refused (`false`) when evidence has changed since it
    /// was read, and for manifests that no recorded closure names.
    pub fn remember(
        &self,
        subject: &Subject,
        exposure: Exposure,
        verdict: Arc<CachedVerdict>,
    ) -> bool {
        let tables = self.tables.load();
        let recorded = tables
            .members
            .is_recorded(&subject.repository, &subject.digest);
        let rests_on = (verdict.seq, verdict.validity());
        recorded && tables.verdicts.insert(subject, exposure, rests_on, verdict)
    }

    /// Whether a record speaks of SHA-512 digests, so that those of all content must be
    /// known; before revocations are loaded, one may.
    pub fn speaks_of_sha512(&self) -> bool {
        !self.is_begun() || self.tables.load().speaks_of_sha512.load(Ordering::Acquire)
    }

    /// The closure of a recorded root, or of an image below a recorded index.
    pub fn closure(&self, repository: &Repository, root: &Digest) -> Option<Arc<Closure>> {
        self.tables.load().members.closure(repository, root)
    }

    /// Every recorded closure with its repository, a few at a time; `None` behind the
    /// last. Between two of them pulls have their turn. Complete once the index is.
    pub(super) fn recorded(&self) -> impl Iterator<Item = Vec<(Repository, Closure)>> + use<> {
        let (tables, mut next) = (self.tables(), 0);
        std::iter::from_fn(move || {
            let (recorded, behind) = tables.members.recorded_from(next)?;
            next = behind;
            Some(recorded)
        })
    }

    /// Recorded indexes in `repository` that name `manifest`.
    pub fn indexes_holding(&self, repository: &Repository, manifest: &Digest) -> Vec<Digest> {
        self.tables.load().members.parents(repository, manifest)
    }

    /// Those of them whose way it goes: what is granted to one holds for it.
    pub fn indexes_lending_to(&self, repository: &Repository, manifest: &Digest) -> Vec<Digest> {
        self.tables.load().indexes_lending_to(repository, manifest)
    }

    /// The newest `limit` image manifests in `repository` that name `blob`.
    pub fn images_holding(
        &self,
        repository: &Repository,
        blob: &Digest,
        limit: usize,
    ) -> Vec<Digest> {
        let tables = self.tables.load();
        tables.members.images_holding(repository, blob, limit)
    }

    /// The repositories in which `digest` is known to lie.
    pub fn repositories(&self, digest: &Digest) -> Vec<Repository> {
        self.tables.load().members.repositories(digest)
    }

    /// The digest of the same bytes under the other algorithm, where it is known.
    pub fn alias(&self, digest: &Digest) -> Option<Digest> {
        self.tables.load().members.alias(digest)
    }

    /// Image manifests that name `blob`, in repositories that `wanted` names, with
    /// where they lie; `limit` at most.
    pub fn holders_in(
        &self,
        blob: &Digest,
        wanted: impl Fn(&Repository) -> bool,
        limit: usize,
    ) -> Vec<(Repository, Digest)> {
        self.tables.load().members.holders_in(blob, wanted, limit)
    }

    /// The image that last permitted `blob`.
    pub fn hint(&self, repository: &Repository, blob: &Digest) -> Option<Digest> {
        self.tables.load().members.hint(repository, blob)
    }

    pub fn set_hint(&self, repository: &Repository, blob: &Digest, image: &Digest) {
        self.tables.load().members.set_hint(repository, blob, image);
    }

    /// Whether the ledger holds anything on `digest`: a scan, a promotion, a
    /// revocation, break-glass, an alias, or a place in a closure.
    pub fn has_evidence(&self, digest: &Digest) -> bool {
        self.tables.load().members.knows(digest)
    }

    /// The digests that go the way of a closure's root: what is said against any of
    /// them concerns it. `aliases`: digests of the same bytes that the caller knows
    /// of the closure, and the ledger need not.
    pub fn related(&self, closure: &Closure, aliases: &[Alias]) -> HashSet<Digest> {
        self.tables.load().members.related(closure, aliases)
    }

    /// Whether both are known to be digests of the same bytes.
    pub fn knows_alias(&self, alias: &Alias) -> bool {
        let tables = self.tables.load();
        tables.members.alias(&alias.sha256).as_ref() == Some(&alias.sha512)
    }

    /// Whether `digest` itself is revoked, in some environment, under either
    /// algorithm. What lies above and below, the evidence says.
    pub fn is_revoked(&self, digest: &Digest) -> bool {
        let tables = self.tables.load();
        tables.revoked.contains_key(digest)
            || tables
                .members
                .alias(digest)
                .is_some_and(|alias| tables.revoked.contains_key(&alias))
    }

    /// What was said of this very digest, not of its alias.
    pub fn revoked_as(&self, digest: &Digest) -> Vec<Revocation> {
        let tables = self.tables.load();
        let active = tables.revoked.get(digest);
        active.map(|active| active.clone()).unwrap_or_default()
    }

    /// The newest change that revoked or reinstated something, or granted break-glass: what
    /// those say is in memory already.
    pub fn withdrawn_at(&self) -> u64 {
        self.tables.load().withdrawn_at.load(Ordering::Acquire)
    }

    /// All that is revoked, each under the digest that was named.
    pub fn revoked(&self) -> Vec<(Digest, Vec<Revocation>)> {
        let tables = self.tables.load();
        let revoked = tables.revoked.iter();
        revoked
            .map(|it| (it.key().clone(), it.value().clone()))
            .collect()
    }

    /// What was said of either digest of the same bytes.
    pub fn revocations(&self, digest: &Digest) -> Vec<Revocation> {
        let tables = self.tables.load();
        let of = |digest: &Digest| tables.revoked.get(digest).map(|active| active.clone());
        let alias = tables.members.alias(digest);
        let mut active = of(digest).unwrap_or_default();
        active.extend(alias.and_then(|alias| of(&alias)).unwrap_or_default());
        active
    }

    /// The digest last promoted under `tag`.
    pub fn promoted(
        &self,
        environment: &EnvironmentName,
        repository: &Repository,
        tag: &Tag,
    ) -> Option<Digest> {
        let at = PromotedTag {
            environment: environment.clone(),
            repository: repository.clone(),
            tag: tag.clone(),
        };
        self.tables.load().members.promoted(&at)
    }

    /// The holder of a token that is neither revoked nor expired.
    pub fn authenticate(&self, plaintext: &str, now: Timestamp) -> Option<Principal> {
        self.tables.load().holders.authenticate(plaintext, now)
    }

    /// The same by the token's hash.
    pub fn holder(&self, token: &TokenHash, now: Timestamp) -> Option<Principal> {
        self.tables.load().holders.holder(token, now)
    }

    /// A token that expired, and was not revoked.
    pub fn expired_token(&self, plaintext: &str, now: Timestamp) -> Option<ExpiredToken> {
        self.tables.load().holders.expired(plaintext, now)
    }
}
