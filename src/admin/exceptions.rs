//! `GET /api/v1/exceptions` and `GET /api/v1/advisories`: the entries in force. They are
//! written in files under version control; the API cannot change them.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::Admin;
use super::authenticate::{RecordsReader, RequestTime};
use super::error::AdminError;
use super::within::exception_within;
use crate::access::Scope;
use crate::api::{AdvisoryList, AdvisoryView, ExceptionList, ExceptionView};
use crate::ledger::Catalogue;
use crate::oci::{Digest, Repository};
use crate::trust::Exception;

/// List exceptions: what is accepted, until when, and by whom.
#[utoipa::path(
    get,
    path = "/api/v1/exceptions",
    responses((status = 200, body = ExceptionList))
)]
pub(super) async fn exceptions(
    State(admin): State<Admin>,
    RecordsReader(principal): RecordsReader,
    RequestTime(now): RequestTime,
) -> Result<Json<ExceptionList>, AdminError> {
    let rulebook = admin.gate.rulebook();
    let scope = principal.scope();
    let catalogue = admin.ledger.catalogue(now).await?;
    let mut exceptions = Vec::new();
    for exception in rulebook.exceptions() {
        let Some(exception) = exception_within(scope, exception) else {
            continue;
        };
        let reach = reach(&admin, &catalogue, (scope, now), &exception).await?;
        exceptions.push(ExceptionView {
            used: reach.used,
            overruled_by: reach.overruled_by.into_iter().collect(),
            ..ExceptionView::new(&exception, now)
        });
    }
    Ok(Json(ExceptionList {
        exceptions,
        not_in_force: (admin.not_in_force)(),
    }))
}

/// Manifests whose findings are read at once.
const READ_AT_ONCE: usize = 200;
/// Manifests whose findings are read to tell of one exception; behind as many that do not
/// need it, whether one does stays unknown.
const MAX_READ: usize = 5000;

/// What an exception accepts now.
#[derive(Default)]
struct Reach {
    /// `None`: not known.
    used: Option<bool>,
    /// The advisories that raise all that it would accept.
    overruled_by: BTreeSet<String>,
}

/// Whether a scan in force, of an image in its scope and in the reader's, has a finding that
/// it accepts, and that no advisory raises; not known of the end of life, which no index holds.
async fn reach(
    admin: &Admin,
    catalogue: &Catalogue,
    (scope, now): (&Scope, Timestamp),
    exception: &Exception,
) -> Result<Reach, AdminError> {
    if exception.vulnerabilities.is_empty() {
        return Ok(Reach::default());
    }
    let (ledger, ids) = (&admin.ledger, &exception.vulnerabilities);
    let rulebook = admin.gate.rulebook();
    let mut overruled_by = BTreeSet::new();
    let naming = naming_within(admin, catalogue, scope, exception).await?;
    for some in naming.chunks(READ_AT_ONCE).take(MAX_READ / READ_AT_ONCE) {
        let found = ledger.current_findings_naming(ids, some).await?;
        for it in found.iter().filter(|it| exception.accepts(&it.item)) {
            let Some(raised_by) = rulebook.raising(&it.item, now) else {
                return Ok(Reach {
                    used: Some(true),
                    ..Reach::default()
                });
            };
            overruled_by.insert(raised_by.id.clone());
        }
    }
    Ok(Reach {
        used: (naming.len() <= MAX_READ).then_some(false),
        overruled_by,
    })
}

/// The manifests in both scopes with a scan that names one of its vulnerabilities.
async fn naming_within(
    admin: &Admin,
    catalogue: &Catalogue,
    scope: &Scope,
    exception: &Exception,
) -> Result<Vec<Digest>, AdminError> {
    let ledger = &admin.ledger;
    let ids = &exception.vulnerabilities;
    let naming = ledger.listed_reporting(catalogue, ids).await?;
    let in_scope = |it: &Repository| exception.images.matches(it) && scope.covers_repository(it);
    let listed = catalogue.images_in(&naming);
    let listed = listed.filter(|it| in_scope(&it.image.repository));
    let listed = listed.map(|it| &it.image.manifest);
    let new = catalogue.unlisted(&naming);
    let new = new.filter(|it| ledger.index().repositories(it).iter().any(in_scope));
    let mut manifests: Vec<_> = listed.chain(new).cloned().collect();
    manifests.sort_unstable();
    manifests.dedup();
    Ok(manifests)
}

/// List advisories.
#[utoipa::path(
    get,
    path = "/api/v1/advisories",
    responses((status = 200, body = AdvisoryList))
)]
pub(super) async fn advisories(
    State(admin): State<Admin>,
    RecordsReader(principal): RecordsReader,
    RequestTime(now): RequestTime,
) -> Json<AdvisoryList> {
    let rulebook = admin.gate.rulebook();
    let scope = principal.scope();
    let advisories = rulebook.advisories().iter();
    let within = advisories.filter_map(|it| admin.advisory_within(scope, it));
    Json(AdvisoryList {
        advisories: within.map(|it| AdvisoryView::new(&it, now)).collect(),
        not_in_force: (admin.not_in_force)(),
    })
}
