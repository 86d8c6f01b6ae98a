//! Rotation: which step is due at which time.

use jiff::Timestamp;

use super::certificate::{Certificate, later};
use super::issue;
use super::{Authority, AuthorityError, CertificateNames, Lifetimes};

/// Steps taken at once, at most: after years without a look, a new CA, the change
/// to it, some that retire, and a leaf.
const MAX_STEPS: usize = 8;

/// A change to an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationStep {
    /// A new CA enters the bundle; the old one still signs.
    Announce,
    /// The next CA signs from now on, and signs a leaf at once. The key of the old
    /// one is thrown away.
    Change,
    /// A CA is removed from the bundle: no certificate that it signed is still valid.
    Retire,
    /// Another leaf, for its age or for its names.
    Renew,
}

impl Authority {
    /// The first step that is due, if any.
    pub fn due(
        &self,
        names: &CertificateNames,
        terms: &Lifetimes,
        now: Timestamp,
    ) -> Option<RotationStep> {
        let current = &self.current.certificate;
        let is_usable = |next: &issue::CertificateAndKey| next.certificate.is_valid(now);
        let has_next = self.next.as_ref().is_some_and(is_usable);
        let is_old = now >= current.turns_at() || !current.is_valid(now);
        let leaf = &self.leaf.certificate;
        let leaf_is_old = now >= leaf.turns_at() || !leaf.is_valid(now);
        if is_old && !has_next {
            Some(RotationStep::Announce)
        } else if self.changes_at(terms, now).is_some_and(|at| at <= now) {
            Some(RotationStep::Change)
        } else if self
            .previous
            .iter()
            .any(|it| self.ends_at(it, terms) <= now)
        {
            Some(RotationStep::Retire)
        } else {
            (leaf_is_old || !leaf.names.cover(names)).then_some(RotationStep::Renew)
        }
    }

    /// As it stands after all that is due at `now`; `None`: nothing is.
    ///
    /// # Errors
    /// [`AuthorityError`] where a certificate cannot be made.
    pub fn rotated(
        &self,
        names: &CertificateNames,
        terms: &Lifetimes,
        now: Timestamp,
    ) -> Result<Option<Self>, AuthorityError> {
        let mut rotated: Option<Self> = None;
        for _ in 0..MAX_STEPS {
            let reached = rotated.as_ref().unwrap_or(self);
            let Some(step) = reached.due(names, terms, now) else {
                break;
            };
            rotated = Some(reached.stepped(step, names, terms, now)?);
        }
        Ok(rotated)
    }

    /// When the next CA begins to sign, where there is one: by then everybody must
    /// have read the bundle. At once, where the present one is not valid.
    pub fn changes_at(&self, terms: &Lifetimes, now: Timestamp) -> Option<Timestamp> {
        let current = &self.current.certificate;
        let next = &self.next.as_ref()?.certificate;
        if !current.is_valid(now) {
            return Some(now);
        }
        let announced = later(next.not_before, terms.backdate);
        // Where the old one is about to end, half of what is left must do.
        let left = current.not_after.duration_since(announced);
        Some(later(announced, terms.overlap.min(left / 2)))
    }

    /// When the last leaf of a previous CA has ended: it signed none after the
    /// present one took over.
    fn ends_at(&self, previous: &Certificate, terms: &Lifetimes) -> Timestamp {
        let announced = later(self.current.certificate.not_before, terms.backdate);
        later(later(announced, terms.overlap), terms.leaf).min(previous.not_after)
    }

    fn stepped(
        &self,
        step: RotationStep,
        names: &CertificateNames,
        terms: &Lifetimes,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        match step {
            RotationStep::Announce => Ok(Self {
                next: Some(issue::authority(terms, now)?),
                ..self.clone()
            }),
            RotationStep::Change => self.changed(names, terms, now),
            RotationStep::Retire => {
                let mut retired = self.clone();
                retired.previous.retain(|it| self.ends_at(it, terms) > now);
                Ok(retired)
            }
            RotationStep::Renew => {
                let names = self.wanted(names, now);
                let leaf = issue::leaf(&names, &self.current, terms, now)?;
                Ok(Self {
                    leaf,
                    ..self.clone()
                })
            }
        }
    }

    fn changed(
        &self,
        names: &CertificateNames,
        terms: &Lifetimes,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        let mut changed = self.clone();
        if let Some(next) = changed.next.take() {
            let old = std::mem::replace(&mut changed.current, next);
            changed.previous.insert(0, old.certificate);
            let names = self.wanted(names, now);
            changed.leaf = issue::leaf(&names, &changed.current, terms, now)?;
        }
        Ok(changed)
    }

    /// While a leaf is young, names are only added, so that replicas with different
    /// names, as during an update, do not replace each other's leaf for ever; names that
    /// are no longer wanted go at its next renewal.
    fn wanted(&self, names: &CertificateNames, now: Timestamp) -> CertificateNames {
        let leaf = &self.leaf.certificate;
        match now < leaf.turns_at() {
            true => names.with(&leaf.names),
            false => names.clone(),
        }
    }
}
