//! What a search for images matches.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::error::AdminError;
use super::image_search::ImageSearch;
use crate::api::{ImageDenialView, ImageQuery, MatchView};
use crate::ledger::{KnownImage, Reported};
use crate::oci::{Digest, Repository};
use crate::report::{Finding, Package};
use crate::trust::{Decision, PackageQuery, PackageRef};

/// The longest id or package that is looked for, in characters.
const MAX_ASKED_CHARS: usize = 300;
/// Matches of one image that are shown, at most.
const MAX_MATCHES_SHOWN: usize = 100;
/// Denials of one image that are shown, at most.
const MAX_DENIALS_SHOWN: usize = 20;

/// What each criterion found; one that was not asked for matches every image.
#[derive(Default)]
pub(super) struct ImageMatches {
    /// The ids that were looked for.
    pub ids: Vec<String>,
    by_id: Option<HashMap<Digest, BTreeSet<MatchView>>>,
    by_package: Option<HashMap<Digest, BTreeSet<MatchView>>>,
    /// Images, by where they lie in the list of those known.
    by_digest: Option<HashSet<Digest>>,
    denied: Option<Vec<(Repository, Decision)>>,
}

/// Looks for all that `query` says.
pub(super) async fn looked_for(
    search: &ImageSearch<'_>,
    query: &ImageQuery,
    known: &[KnownImage],
) -> Result<ImageMatches, AdminError> {
    let ledger = &search.admin.ledger;
    let mut found = ImageMatches::default();
    if let Some(id) = &query.cve {
        let id = asked("cve", id)?;
        let ids = ledger.aliases_of(id).await?;
        let mut named = ledger.findings_naming(&ids).await?;
        let visible: HashSet<&Digest> = known.iter().map(|it| &it.manifest).collect();
        named.retain(|it| visible.contains(&it.manifest));
        found.ids = told(id, ids, &named);
        found.by_id = Some(gather(named.iter().map(finding)));
    }
    if let Some(package) = &query.package {
        found.by_package = Some(by_package(search, asked("package", package)?).await?);
    }
    if let Some(digest) = &query.digest {
        found.by_digest = Some(holders(search, digest, known));
    }
    if query.denied {
        let denied = ledger.denied_since(search.denied_since).await?.into_iter();
        let here = denied.filter(|it| search.covers(&it.environment));
        found.denied = Some(here.filter_map(|it| named(search, it)).collect());
    }
    Ok(found)
}

/// The ids that the reader is told of: what only images beyond the scope are reported
/// with would tell of them.
fn told(asked: &str, ids: Vec<String>, named: &[Reported<Finding>]) -> Vec<String> {
    let items = named.iter().map(|it| &it.item);
    let own: HashSet<&String> = items
        .flat_map(|it| std::iter::once(&it.id).chain(&it.aliases))
        .collect();
    let mut ids = ids;
    ids.retain(|id| id == asked || own.contains(id));
    ids
}

fn asked<'a>(key: &str, text: &'a str) -> Result<&'a str, AdminError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_ASKED_CHARS {
        let message = format!("{key} must have 1 to {MAX_ASKED_CHARS} characters");
        return Err(AdminError::bad_request(message));
    }
    Ok(text)
}

async fn by_package(
    search: &ImageSearch<'_>,
    text: &str,
) -> Result<HashMap<Digest, BTreeSet<MatchView>>, AdminError> {
    let query = PackageQuery::parse(text)
        .map_err(|error| AdminError::bad_request(format!("{text:?}: {error}")))?;
    let ledger = &search.admin.ledger;
    let found = ledger.findings_in(&query.names()).await?;
    let listed = ledger.packages_named(&query.names()).await?;
    let found = found
        .iter()
        .filter(|it| query.may_be(&PackageRef::from(&it.item)))
        .map(finding);
    let listed = listed
        .iter()
        .filter(|it| query.may_be(&PackageRef::from(&it.item)))
        .map(package);
    let mut gathered = gather(found.chain(listed));
    gathered.values_mut().for_each(leave_out_what_findings_name);
    Ok(gathered)
}

/// A package is listed beside its findings; those say all of it and more.
fn leave_out_what_findings_name(matches: &mut BTreeSet<MatchView>) {
    let found = matches.iter().filter(|it| it.id.is_some());
    let found: HashSet<(String, String)> = found
        .map(|it| (it.package.clone(), it.installed.clone()))
        .collect();
    matches.retain(|it| {
        let package = (it.package.clone(), it.installed.clone());
        it.id.is_some() || !found.contains(&package)
    });
}

/// The known images that `digest` is, holds, or lies in.
fn holders(search: &ImageSearch<'_>, digest: &Digest, known: &[KnownImage]) -> HashSet<Digest> {
    let index = search.admin.ledger.index();
    let twin = index.alias(digest);
    let is_asked = |it: &Digest| it == digest || Some(it) == twin.as_ref();
    let holds = |image: &&KnownImage| {
        let closure = index.closure(&image.repository, &image.manifest);
        image.digests().any(is_asked)
            || closure.is_some_and(|closure| closure.digests().any(is_asked))
    };
    let holding = known.iter().filter(holds);
    holding.map(|image| image.manifest.clone()).collect()
}

/// A denial with the repository that it was about, if that is in the reader's scope.
fn named(search: &ImageSearch<'_>, decision: Decision) -> Option<(Repository, Decision)> {
    let repository = search.repository_of(&decision)?;
    let within = search.scope.covers_repository(&repository);
    within.then_some((repository, decision))
}

fn gather(
    found: impl Iterator<Item = (Digest, MatchView)>,
) -> HashMap<Digest, BTreeSet<MatchView>> {
    let mut gathered: HashMap<Digest, BTreeSet<MatchView>> = HashMap::new();
    for (manifest, one) in found {
        gathered.entry(manifest).or_default().insert(one);
    }
    gathered
}

fn finding(found: &Reported<Finding>) -> (Digest, MatchView) {
    let item = &found.item;
    let view = MatchView {
        id: Some(item.id.clone()),
        severity: item.severity,
        package: item.package.clone(),
        installed: item.installed.clone(),
        fixed: item.fixed.clone(),
        tool: found.tool.clone(),
        scan: format!("scan:{}", found.scan),
        scanned_at: found.scanned_at,
    };
    (found.manifest.clone(), view)
}

fn package(found: &Reported<Package>) -> (Digest, MatchView) {
    let view = MatchView {
        id: None,
        severity: None,
        package: found.item.name.clone(),
        installed: found.item.version.clone(),
        fixed: None,
        tool: found.tool.clone(),
        scan: format!("scan:{}", found.scan),
        scanned_at: found.scanned_at,
    };
    (found.manifest.clone(), view)
}

impl ImageMatches {
    /// Whether an image meets all that was asked.
    pub fn holds(&self, image: &KnownImage) -> bool {
        let manifest = &image.manifest;
        let named = |it: &Option<HashMap<Digest, _>>| {
            it.as_ref().is_none_or(|it| it.contains_key(manifest))
        };
        named(&self.by_id)
            && named(&self.by_package)
            && (self.by_digest.as_ref()).is_none_or(|it| it.contains(manifest))
            && (self.denied.is_none() || self.denied_of(image).next().is_some())
    }

    /// What was found in an image.
    pub fn of(&self, manifest: &Digest) -> Vec<MatchView> {
        let both = [&self.by_id, &self.by_package];
        let found = both.into_iter().flatten().filter_map(|it| it.get(manifest));
        let found: BTreeSet<&MatchView> = found.flatten().collect();
        found.into_iter().take(MAX_MATCHES_SHOWN).cloned().collect()
    }

    fn denied_of<'a>(&'a self, image: &'a KnownImage) -> impl Iterator<Item = &'a Decision> {
        let denied = self
            .denied
            .iter()
            .flatten()
            .filter(|(repository, decision)| {
                let digest = decision.digest.as_ref();
                *repository == image.repository && image.digests().any(|it| Some(it) == digest)
            });
        denied.map(|(_, decision)| decision)
    }

    pub fn denials_of(&self, image: &KnownImage) -> Vec<ImageDenialView> {
        let denied = self.denied_of(image).take(MAX_DENIALS_SHOWN);
        denied
            .map(|decision| ImageDenialView {
                id: decision.id.clone(),
                time: decision.time,
                environment: decision.environment.clone(),
                reasons: decision.reasons.clone(),
                count: decision.count,
            })
            .collect()
    }
}
