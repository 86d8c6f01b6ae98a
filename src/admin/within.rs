//! What of the records lies within a token's scope: as it is with what a token
//! writes, so with what it reads.

use std::mem;

use super::Admin;
use crate::access::{Principal, Scope};
use crate::api::{BreakGlassView, EnvironmentStatus, Status};
use crate::oci::{Digest, ImageRef, RepositoryGlobs};
use crate::trust::{Advisory, BreakGlass, Decision, EnvironmentName, Exception};

impl Admin {
    /// Whether `digest` is known to lie, under either algorithm, in a repository of
    /// the scope.
    pub(super) fn knows_within(&self, scope: &Scope, digest: &Digest) -> bool {
        let index = self.ledger.index();
        let alias = index.alias(digest);
        let mut repositories = [Some(digest.clone()), alias]
            .into_iter()
            .flatten()
            .flat_map(|it| index.repositories(&it));
        scope.covers_all_repositories() || repositories.any(|it| scope.covers_repository(&it))
    }

    pub(super) fn grant_within(&self, scope: &Scope, grant: &BreakGlass) -> bool {
        scope.covers_environment(grant.environment.as_str())
            && self.knows_within(scope, &grant.digest)
    }

    /// The grant with a name of its image that the scope may know: as it was named, else
    /// as the digest lies in a repository of the scope.
    pub(super) fn named_within(&self, scope: &Scope, grant: BreakGlassView) -> BreakGlassView {
        let covered = |name: &String| {
            let image = ImageRef::parse(name, &self.default_host);
            image.is_ok_and(|image| scope.covers_repository(image.repository()))
        };
        let known = || {
            let repositories = self.ledger.index().repositories(&grant.digest).into_iter();
            let mut within = repositories.filter(|it| scope.covers_repository(it));
            within.next().map(|it| format!("{it}@{}", grant.digest))
        };
        let image = grant.image.clone().filter(covered).or_else(known);
        BreakGlassView { image, ..grant }
    }

    /// What an advisory says of images of the scope. Vulnerabilities and packages may be
    /// in any of them; of digests only those in the scope are shown.
    pub(super) fn advisory_within(&self, scope: &Scope, advisory: &Advisory) -> Option<Advisory> {
        let mut digests = advisory.digests.clone();
        digests.retain(|digest| self.knows_within(scope, digest));
        let is_general = !advisory.vulnerabilities.is_empty() || !advisory.packages.is_empty();
        (is_general || !digests.is_empty()).then(|| Advisory {
            digests,
            ..advisory.clone()
        })
    }

    /// The state of things, as far as it concerns the principal.
    pub(super) fn status_within(&self, principal: &Principal, status: Status) -> Status {
        let scope = principal.scope();
        let may_view_records = principal.role().may_view_records();
        let here = |environment: &EnvironmentName| scope.covers_environment(environment.as_str());
        let mut status = status;
        status.environments.retain(|it| here(&it.name));
        status.listeners.retain(|it| here(&it.environment));
        status.clusters.retain(|it| here(&it.environment));
        status.top_reasons.retain(|it| here(&it.environment));
        status.running_denied.retain(|it| here(&it.environment));
        status
            .break_glass
            .retain(|it| here(&it.environment) && self.knows_within(scope, &it.digest));
        let grants = mem::take(&mut status.break_glass).into_iter();
        let named = grants.map(|grant| self.named_within(scope, grant));
        status.break_glass = named.collect();
        if !scope.covers_all_repositories() {
            let serves = |host: &str| {
                let all = RepositoryGlobs::new(vec![format!("{host}/**")]);
                all.is_ok_and(|all| scope.meets(&all))
            };
            status.upstreams.retain(|it| serves(it.name.as_str()));
            status.top_reasons.clear();
            status.running_denied.clear();
        }
        if !may_view_records {
            status.break_glass.clear();
            status.environments.iter_mut().for_each(forget_ticket);
        }
        if !may_view_records || !scope.is_everything() {
            // They name files, images and people of everybody.
            status.warnings.clear();
        }
        status
    }
}

/// Whether a decision was on an image of the scope. What names no image is for who reads
/// all of them.
pub(super) fn decision_within(admin: &Admin, scope: &Scope, decision: &Decision) -> bool {
    scope.covers_environment(decision.environment.as_str())
        && match ImageRef::parse(&decision.image, &admin.default_host) {
            Ok(image) => scope.covers_repository(image.repository()),
            Err(_) => scope.repositories().is_empty(),
        }
}

fn forget_ticket(environment: &mut EnvironmentStatus) {
    environment.set = None;
}

/// An exception as far as it accepts something in images of the scope.
pub(super) fn exception_within(scope: &Scope, exception: &Exception) -> Option<Exception> {
    if scope.covers_all_repositories() {
        return Some(exception.clone());
    }
    let own = globs_within(scope, &exception.images);
    let is_shared = !own.is_empty();
    let images = RepositoryGlobs::new(own).ok()?;
    is_shared.then(|| Exception {
        images,
        ..exception.clone()
    })
}

/// Those globs that can concern a repository of the scope: the others name what its reader
/// may not know of.
pub(super) fn globs_within(scope: &Scope, globs: &RepositoryGlobs) -> Vec<String> {
    let own = globs.written().iter().filter(|glob| {
        let alone = RepositoryGlobs::new(vec![(*glob).clone()]);
        alone.is_ok_and(|alone| scope.meets(&alone))
    });
    own.cloned().collect()
}
