//! `GET /api/v1/revocations`: what is revoked now.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;

use super::Admin;
use super::authenticate::ReadAccess;
use super::image_detail::revoked;
use crate::access::Scope;
use crate::api::{ListedRevocation, RevocationList};
use crate::trust::Revocation;

/// Repositories of a revocation that are named, at most.
const MAX_REPOSITORIES: usize = 5;

/// List the revocations that hold, the newest first. Those that ended are acts.
#[utoipa::path(
    get,
    path = "/api/v1/revocations",
    responses((status = 200, body = RevocationList))
)]
pub(super) async fn revocations(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
) -> Json<RevocationList> {
    let scope = principal.scope();
    let all = admin.ledger.index().revoked().into_iter();
    let within = all
        .flat_map(|(_, active)| active)
        .filter(|it| is_within(&admin, scope, it));
    // Under both digests of the same bytes it is one.
    let mut seen = HashSet::new();
    let mut standing: Vec<Revocation> = within.filter(|it| seen.insert(it.id)).collect();
    standing.sort_by_key(|it| std::cmp::Reverse((it.revoked_at, it.id)));
    let may_view = principal.role().may_view_records();
    let listed = standing.into_iter().map(|it| {
        let lies_in = known_places(&admin, scope, &it);
        let mut revocation = revoked(it, scope);
        if !may_view {
            revocation.forget_names();
        }
        ListedRevocation {
            revocation,
            lies_in,
        }
    });
    Json(RevocationList {
        revocations: listed.collect(),
    })
}

fn is_within(admin: &Admin, scope: &Scope, revocation: &Revocation) -> bool {
    let environment = revocation.environment.as_ref();
    environment.is_none_or(|it| scope.covers_environment(it.as_str()))
        && match revocation.repositories.is_empty() {
            true => admin.knows_within(scope, &revocation.digest),
            false => scope.meets(&revocation.repositories),
        }
}

/// Where its digest is known to lie, as far as the scope reaches.
fn known_places(admin: &Admin, scope: &Scope, revocation: &Revocation) -> Vec<String> {
    let known = admin.ledger.index().repositories(&revocation.digest);
    let within = known.into_iter().filter(|it| scope.covers_repository(it));
    let mut named: Vec<String> = within.map(|it| it.to_string()).collect();
    named.sort();
    named.truncate(MAX_REPOSITORIES);
    named
}
