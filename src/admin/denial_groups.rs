//! `GET /api/v1/denials`: what was denied in the last hours, grouped for people.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};

use super::Admin;
use super::asked_decisions::asked_image;
use super::asked_image::AskedImage;
use super::authenticate::{ReadAccess, RequestTime};
use super::error::AdminError;
use super::extract::StrictQuery;
use crate::access::Scope;
use crate::api::{
    AskerView, DENIAL_GROUPS, DenialGroupList, DenialGroupQuery, DenialGroupView, ErrorBody,
    MAX_DENIAL_GROUPS,
};
use crate::gate::{RECENT, RecentDenial};
use crate::oci::{Digest, Repository};
use crate::trust::{DenialReason, EnvironmentName, Outcome};

/// Groups in one answer when the query has no `limit`.
const DEFAULT_GROUPS: usize = 50;
/// How far back is looked when the query has no `since`.
const DEFAULT_SINCE: SignedDuration = SignedDuration::from_hours(1);
/// Askers of a group that are shown.
const MAX_ASKERS: usize = 5;

/// Group denials.
#[utoipa::path(
    get,
    path = DENIAL_GROUPS,
    operation_id = "denial_groups",
    params(DenialGroupQuery),
    responses((status = 200, body = DenialGroupList), (status = 400, body = ErrorBody))
)]
pub(super) async fn list(
    State(admin): State<Admin>,
    ReadAccess(principal): ReadAccess,
    RequestTime(now): RequestTime,
    StrictQuery(query): StrictQuery<DenialGroupQuery>,
) -> Result<Json<DenialGroupList>, AdminError> {
    let environment = admin.known_environment(query.environment.clone())?;
    let before = |by: SignedDuration| now.checked_sub(by).unwrap_or(Timestamp::MIN);
    let wanted = WantedDenials {
        image: asked_image(&admin, query.image.as_deref(), environment.as_ref())?,
        environment,
        since: query
            .since
            .unwrap_or_else(|| before(DEFAULT_SINCE))
            .max(before(RECENT)),
        query,
        scope: principal.scope().clone(),
        admin: admin.clone(),
    };
    admin.recent.follow_once(now).await?;
    let since = wanted.since;
    // Of a flood it takes milliseconds, in which a pull would wait.
    let found = admin.heavy.run(move || wanted.found()).await?;
    let may_see_all = principal.scope().is_everything();
    let status = (admin.status)(now).filter(|_| may_see_all);
    Ok(Json(DenialGroupList {
        groups: found.shown,
        all_groups: found.all_groups,
        denials: found.denials,
        next: (found.end < found.all_groups).then_some(found.end),
        complete_since: admin.recent.complete_since().max(since),
        waiting: status.map_or(0, |it| it.audit.unindexed),
        left_out: admin.recent.left_out(),
    }))
}

/// What is asked for, by whom.
struct WantedDenials {
    admin: Admin,
    scope: Scope,
    query: DenialGroupQuery,
    since: Timestamp,
    environment: Option<EnvironmentName>,
    image: Option<AskedImage>,
}

/// One page of groups.
struct FoundDenials {
    shown: Vec<DenialGroupView>,
    /// Behind the last one that is shown.
    end: usize,
    all_groups: usize,
    denials: u64,
}

impl WantedDenials {
    fn found(&self) -> FoundDenials {
        let found = self.admin.recent.all(|denial| self.is(denial));
        let groups = grouped(&found);
        let all_groups = groups.len();
        let offset = self.query.offset.unwrap_or_default();
        let limit = self.query.limit.unwrap_or(DEFAULT_GROUPS);
        let limit = limit.clamp(1, MAX_DENIAL_GROUPS);
        let shown = groups.into_iter().skip(offset).take(limit);
        FoundDenials {
            shown: shown.map(|group| group.view()).collect(),
            end: offset.saturating_add(limit),
            all_groups,
            denials: found.iter().map(|it| it.count).sum(),
        }
    }

    fn is(&self, denial: &RecentDenial) -> bool {
        denial.time >= self.since
            && self
                .environment
                .as_ref()
                .is_none_or(|it| *it == denial.environment)
            && self.query.verdict.is_none_or(|it| it == denial.verdict)
            && self
                .query
                .reason
                .is_none_or(|it| denial.reasons.contains(&it))
            && self.query.who.as_deref().is_none_or(|it| names(denial, it))
            && self.is_within(denial)
            && self.image.as_ref().is_none_or(|it| self.is_of(it, denial))
    }

    fn is_within(&self, denial: &RecentDenial) -> bool {
        self.scope.covers_environment(denial.environment.as_str())
            && match &denial.repository {
                Some(repository) => self.scope.covers_repository(repository),
                None => self.scope.covers_all_repositories(),
            }
    }

    fn is_of(&self, image: &AskedImage, denial: &RecentDenial) -> bool {
        let host = denial.upstream.as_ref().unwrap_or(&self.admin.default_host);
        image.names(&denial.image, host, denial.digest.as_ref())
    }
}

/// Whether who asked has that in one of its names.
fn names(denial: &RecentDenial, part: &str) -> bool {
    let place = denial.location.as_ref();
    let places = place.map(|it| [&it.cluster, &it.namespace, &it.workload]);
    let mut places = places.into_iter().flatten();
    denial.principal.contains(part)
        || denial.client.as_deref().is_some_and(|it| it.contains(part))
        || places.any(|it| it.contains(part))
}

/// What makes denials the same for people: an image asked for by tag and by digest is one.
#[derive(PartialEq, Eq, Hash)]
struct GroupKey<'a> {
    environment: &'a EnvironmentName,
    verdict: Outcome,
    image: GroupImage<'a>,
    reason: Option<DenialReason>,
}

#[derive(PartialEq, Eq, Hash)]
enum GroupImage<'a> {
    Digest(&'a Repository, &'a Digest),
    Name(&'a str),
}

impl<'a> GroupKey<'a> {
    fn of(denial: &'a RecentDenial) -> Self {
        let known = denial.repository.as_ref().zip(denial.digest.as_ref());
        Self {
            environment: &denial.environment,
            verdict: denial.verdict,
            image: match known {
                Some((repository, digest)) => GroupImage::Digest(repository, digest),
                None => GroupImage::Name(&denial.image),
            },
            reason: denial.reasons.first().copied(),
        }
    }
}

struct DenialGroup<'a> {
    newest: &'a RecentDenial,
    first: Timestamp,
    count: u64,
    members: Vec<&'a RecentDenial>,
}

/// The one that was denied last comes first.
fn grouped(found: &[Arc<RecentDenial>]) -> Vec<DenialGroup<'_>> {
    let mut groups: HashMap<GroupKey<'_>, DenialGroup<'_>> = HashMap::new();
    for denial in found {
        let group = groups.entry(GroupKey::of(denial)).or_insert(DenialGroup {
            newest: denial,
            first: denial.time,
            count: 0,
            members: Vec::new(),
        });
        group.add(denial);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by(|one, other| {
        let key = |it: &DenialGroup<'_>| (it.newest.time, it.newest.id.clone());
        key(other).cmp(&key(one))
    });
    groups
}

impl<'a> DenialGroup<'a> {
    fn add(&mut self, denial: &'a RecentDenial) {
        if (denial.time, &denial.id) > (self.newest.time, &self.newest.id) {
            self.newest = denial;
        }
        self.first = self.first.min(denial.time);
        self.count += denial.count;
        self.members.push(denial);
    }

    fn view(&self) -> DenialGroupView {
        let mut askers = askers(&self.members);
        let more_askers = askers.len().saturating_sub(MAX_ASKERS);
        askers.truncate(MAX_ASKERS);
        let newest = self.newest;
        DenialGroupView {
            environment: newest.environment.clone(),
            verdict: newest.verdict,
            image: newest.image.clone(),
            digest: newest.digest.clone(),
            reason: newest.reasons.first().copied(),
            count: self.count,
            first: self.first,
            last: newest.time,
            id: newest.id.clone(),
            detail: newest.detail.clone(),
            next_step: newest.next_step.clone(),
            askers,
            more_askers,
        }
    }
}

/// The most frequent first.
fn askers(members: &[&RecentDenial]) -> Vec<AskerView> {
    type AskerKey<'a> = (&'a str, Option<&'a str>, Option<[&'a str; 3]>);
    let mut counted: BTreeMap<AskerKey<'_>, (u64, bool)> = BTreeMap::new();
    for denial in members {
        let place = denial.location.as_ref();
        let place = place.map(|it| [&*it.cluster, &*it.namespace, &*it.workload]);
        let asker = (denial.principal.as_str(), denial.client.as_deref(), place);
        let (count, claimed) = counted.entry(asker).or_default();
        *count += denial.count;
        *claimed |= denial.unauthenticated;
    }
    let view =
        |((principal, client, place), (count, unauthenticated)): (AskerKey<'_>, _)| AskerView {
            count,
            principal: principal.to_owned(),
            unauthenticated,
            client: client.map(str::to_owned),
            cluster: place.map(|[cluster, ..]| cluster.to_owned()),
            namespace: place.map(|[_, namespace, _]| namespace.to_owned()),
            workload: place.map(|[.., workload]| workload.to_owned()),
        };
    let mut askers: Vec<AskerView> = counted.into_iter().map(view).collect();
    askers.sort_by_key(|asker| std::cmp::Reverse(asker.count));
    askers
}
