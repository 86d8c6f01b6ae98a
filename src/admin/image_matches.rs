//! What a search for images matches.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::asked_image::asked_globs;
use super::error::AdminError;
use super::image_search::ImageSearch;
use crate::api::{ErrorCode, ImageDenialView, ImageQuery, MatchView};
use crate::ledger::{Catalogue, CataloguedImage, KnownImage, ManifestSet, Reported};
use crate::oci::{Digest, Repository, RepositoryGlobs};
use crate::report::{Finding, Package, SourcePackage};
use crate::trust::{Advisory, Decision, PackageQuery, PackageRef};

/// The longest id, package or name that is looked for, in characters.
const MAX_ASKED_CHARS: usize = 300;
/// Matches of one image that are shown, at most.
const MAX_MATCHES_SHOWN: usize = 100;
/// Denials of one image that are shown, at most.
const MAX_DENIALS_SHOWN: usize = 20;

/// What each criterion found; one that was not asked for matches every image.
#[derive(Default)]
pub(super) struct ImageMatches {
    /// The ids that were looked for.
    ids: Vec<String>,
    /// Names of what was asked for that were not looked for, since they are too many.
    pub(super) unfollowed: usize,
    /// The id as it was asked for, which the reader knows.
    asked: Option<String>,
    /// The manifests that each criterion names: an image is among all of them.
    named: Vec<ManifestSet>,
    packages: HashMap<Digest, BTreeSet<MatchView>>,
    denied: Option<Vec<(Repository, Decision)>>,
    name: Option<AskedName>,
}

/// A part of a name, in lower case, or a glob.
enum AskedName {
    Part(String),
    Globs(RepositoryGlobs),
}

/// Looks for all that `query` says.
pub(super) async fn looked_for(
    search: &ImageSearch<'_>,
    catalogue: &Catalogue,
    query: &ImageQuery,
) -> Result<ImageMatches, AdminError> {
    let mut found = ImageMatches::default();
    if let Some(id) = &query.cve {
        let id = asked("cve", id)?;
        if let Some(why) = query.unheard_of() {
            return Err(AdminError::bad_request(format!("{id:?}: {why}"))
                .next("look for packages by package, and for digests by digest"));
        }
        found.asked = Some(id.to_owned());
        let names = search.admin.ledger.names_of(id).await?;
        found.unfollowed = names.unfollowed;
        let named = found.reporting(search, catalogue, &names.ids).await?;
        found.named.push(named);
    }
    if let Some(text) = &query.package {
        let text = asked("package", text)?;
        let wanted = PackageQuery::parse(text)
            .map_err(|error| AdminError::bad_request(format!("{text:?}: {error}")))?;
        let named = found.holding(search, &wanted).await?;
        found.named.push(catalogue.set_of(named));
    }
    if let Some(id) = &query.advisory {
        let advisory = advisory(search, asked("advisory", id)?)?;
        let named = found.meant_by(search, catalogue, &advisory).await?;
        found.named.push(named);
    }
    if let Some(digest) = &query.digest {
        found.named.push(catalogue.set_of(holders(search, digest)));
    }
    if query.denied {
        found.add_denied(search, catalogue).await?;
    }
    found.name = query.name.as_deref().map(asked_name).transpose()?;
    Ok(found)
}

fn asked<'a>(key: &str, text: &'a str) -> Result<&'a str, AdminError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_ASKED_CHARS {
        let message = format!("{key} must have 1 to {MAX_ASKED_CHARS} characters");
        return Err(AdminError::bad_request(message));
    }
    Ok(text)
}

fn asked_name(text: &str) -> Result<AskedName, AdminError> {
    let text = asked("name", text)?;
    if !text.contains('*') {
        return Ok(AskedName::Part(text.to_lowercase()));
    }
    asked_globs(text).map(AskedName::Globs)
}

/// The advisory of that id, as far as the reader may see it.
fn advisory(search: &ImageSearch<'_>, id: &str) -> Result<Advisory, AdminError> {
    let rulebook = search.admin.gate.rulebook();
    let mut advisories = rulebook.advisories().iter();
    let named = advisories.find(|it| it.id.eq_ignore_ascii_case(id));
    let within = named.and_then(|it| search.admin.advisory_within(search.scope, it));
    within.ok_or_else(|| {
        AdminError::new(ErrorCode::NotFound, format!("no advisory is called {id}"))
            .next("sekisho advisories list shows those in force")
    })
}

/// The image manifests that `digest` is, holds, or lies in.
fn holders(search: &ImageSearch<'_>, digest: &Digest) -> HashSet<Digest> {
    let ledger = &search.admin.ledger;
    let index = ledger.index();
    let covered = |repository: &Repository| search.scope.covers_repository(repository);
    let mut found = HashSet::new();
    for digest in std::iter::once(digest.clone()).chain(index.alias(digest)) {
        let below = ledger.images_of([&digest]).into_iter();
        found.extend(below.map(|image| image.manifest));
        let around = index.holders_in(&digest, covered, usize::MAX).into_iter();
        found.extend(around.map(|(_, manifest)| manifest));
        found.insert(digest);
    }
    found
}

/// A denial with the repository that it was about, if that is in the reader's scope.
fn in_scope(search: &ImageSearch<'_>, decision: Decision) -> Option<(Repository, Decision)> {
    let repository = search.repository_of(&decision)?;
    let within = search.scope.covers_repository(&repository);
    within.then_some((repository, decision))
}

impl ImageMatches {
    /// The manifests that are reported with one of `ids`, as a finding's own or an alias.
    async fn reporting(
        &mut self,
        search: &ImageSearch<'_>,
        catalogue: &Catalogue,
        ids: &[String],
    ) -> Result<ManifestSet, AdminError> {
        self.ids.extend_from_slice(ids);
        let ledger = &search.admin.ledger;
        Ok(ledger.listed_reporting(catalogue, ids).await?)
    }

    /// The manifests with a package that may be the one that is wanted.
    async fn holding(
        &mut self,
        search: &ImageSearch<'_>,
        wanted: &PackageQuery,
    ) -> Result<HashSet<Digest>, AdminError> {
        let ledger = &search.admin.ledger;
        let found = ledger.findings_in(wanted.name()).await?;
        let listed = ledger.packages_named(wanted.name()).await?;
        let found = found
            .iter()
            .filter(|it| wanted.may_be(&PackageRef::from(&it.item)))
            .map(finding);
        let listed = listed
            .iter()
            .filter(|it| wanted.may_be(&PackageRef::from(&it.item)))
            .map(package);
        let mut gathered = gather(found.chain(listed));
        gathered.values_mut().for_each(leave_out_what_findings_name);
        let named = gathered.keys().cloned().collect();
        for (manifest, matches) in gathered {
            self.packages.entry(manifest).or_default().extend(matches);
        }
        Ok(named)
    }

    /// The manifests that an advisory may speak of.
    async fn meant_by(
        &mut self,
        search: &ImageSearch<'_>,
        catalogue: &Catalogue,
        advisory: &Advisory,
    ) -> Result<ManifestSet, AdminError> {
        let ids = &advisory.vulnerabilities;
        let reported = self.reporting(search, catalogue, ids).await?;
        let mut named = HashSet::new();
        for pattern in &advisory.packages {
            let wanted = PackageQuery::from(pattern.clone());
            named.extend(self.holding(search, &wanted).await?);
        }
        for digest in &advisory.digests {
            named.extend(holders(search, digest));
        }
        Ok(reported.or(catalogue.set_of(named)))
    }

    async fn add_denied(
        &mut self,
        search: &ImageSearch<'_>,
        catalogue: &Catalogue,
    ) -> Result<(), AdminError> {
        let ledger = &search.admin.ledger;
        let denied = ledger.denied_since(search.denied_since).await?.into_iter();
        let here = denied.filter(|it| search.covers(&it.environment));
        let denied: Vec<_> = here.filter_map(|it| in_scope(search, it)).collect();
        let digests = denied.iter().filter_map(|(_, it)| it.digest.as_ref());
        let below = ledger.images_of(digests.clone()).into_iter();
        let mut named: HashSet<Digest> = below.map(|image| image.manifest).collect();
        named.extend(digests.cloned());
        self.named.push(catalogue.set_of(named));
        self.denied = Some(denied);
        Ok(())
    }

    /// The manifests that all criteria name; `None` where none of them names any.
    pub fn named(&self) -> Option<ManifestSet> {
        let (first, rest) = self.named.split_first()?;
        let all = rest.iter().fold(first.clone(), |all, it| all.and(it));
        Some(all)
    }

    /// Whether an image that the criteria name meets what is asked of it beside its digest.
    pub fn holds(&self, image: &KnownImage) -> bool {
        let is_called = match &self.name {
            None => true,
            Some(AskedName::Globs(globs)) => globs.matches(&image.repository),
            Some(AskedName::Part(part)) => {
                image.repository.to_string().to_lowercase().contains(part)
            }
        };
        is_called && (self.denied.is_none() || self.denied_of(image).next().is_some())
    }

    /// What was denied and is known by that alone.
    pub fn only_denied(&self, manifest: &Digest) -> Option<KnownImage> {
        let mut denied = self.denied.iter().flatten();
        let (repository, _) = denied.find(|(_, it)| it.digest.as_ref() == Some(manifest))?;
        Some(KnownImage::unread(repository.clone(), manifest.clone()))
    }

    /// What is found in each of these images; read for a page of them.
    pub async fn found_in(
        &self,
        search: &ImageSearch<'_>,
        images: &[&CataloguedImage],
    ) -> Result<HashMap<Digest, Vec<MatchView>>, AdminError> {
        let manifests = || images.iter().map(|it| &it.image.manifest);
        let mut found = HashMap::new();
        if !self.ids.is_empty() {
            let ledger = &search.admin.ledger;
            let named = ledger.findings_naming(&self.ids, manifests()).await?;
            found = gather(named.iter().map(finding));
        }
        for manifest in manifests() {
            if let Some(held) = self.packages.get(manifest) {
                let matches = found.entry(manifest.clone()).or_default();
                matches.extend(held.iter().cloned());
            }
        }
        let shown = found.into_iter().map(|(manifest, matches)| {
            let most = matches.into_iter().take(MAX_MATCHES_SHOWN);
            (manifest, most.collect())
        });
        Ok(shown.collect())
    }

    /// The ids that the reader is told of: what only images beyond the scope are reported
    /// with would tell of them.
    pub async fn told_ids(
        &self,
        search: &ImageSearch<'_>,
        images: &[&CataloguedImage],
    ) -> Result<Vec<String>, AdminError> {
        if search.scope.is_everything() || self.ids.is_empty() {
            return Ok(self.ids.clone());
        }
        let manifests = images.iter().map(|it| &it.image.manifest);
        let own = search.admin.ledger.names_in(&self.ids, manifests).await?;
        let mut ids = self.ids.clone();
        ids.retain(|id| Some(id) == self.asked.as_ref() || own.contains(id));
        Ok(ids)
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
        source: told_source(item.source.as_ref(), &item.package),
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
        source: told_source(found.item.source.as_ref(), &found.item.name),
        fixed: None,
        tool: found.tool.clone(),
        scan: format!("scan:{}", found.scan),
        scanned_at: found.scanned_at,
    };
    (found.manifest.clone(), view)
}

/// What a package was built from, where that is called otherwise.
pub(super) fn told_source(source: Option<&SourcePackage>, package: &str) -> Option<String> {
    let other = source.filter(|source| source.name != package);
    other.map(|source| source.name.clone())
}
