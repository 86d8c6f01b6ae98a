//! Which images hold something, where they run, and who pulled them last.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ExposureWatchState;
use super::verdict::is_zero;
use crate::oci::{Digest, Platform};
use crate::report::{Severity, no_vulnerability};
use crate::trust::{DecisionId, DenialReason, EnvironmentName};

/// Where images are looked for: `GET` with an [`ImageQuery`].
pub const IMAGES: &str = "/api/v1/images";

/// The most images that one answer lists.
pub const MAX_IMAGES_LISTED: usize = 1000;

const NO_ID: &str = "that can be no vulnerability's id, as CVE-2026-1234, GHSA-… or a vendor's are";

/// Which images. What is said must hold all together; without a word all that are known
/// are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImageQuery {
    /// A scan in force names this vulnerability, by any of its ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cve: Option<String>,
    /// A scan in force names this package: `openssl`, `openssl@3.0.1`, or a package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// A part of `host/name`, or a glob over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What this advisory of the security department speaks of, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisory: Option<String>,
    /// This digest is the image, an index above it, its image ID or a layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// Denied since `since`, or would have been in `enforce`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
    /// For `denied`; absent: a day ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Promoted to it, or asked for there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// Pods run it, as far as clusters are followed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
    /// Pods run it that requests from outside can reach.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exposed: bool,
    /// 100 when absent, 1000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

impl ImageQuery {
    /// Why no image could ever be found by its `cve`; `None`: one could. What can be the id
    /// of no vulnerability is in no report, and nothing found would pass for an all-clear.
    pub fn unheard_of(&self) -> Option<&'static str> {
        let id = self.cve.as_deref()?;
        no_vulnerability(id.trim()).map(|_| NO_ID)
    }
}

/// One page of images, by name, and how much is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageList {
    pub images: Vec<ImageView>,
    /// What the next page is asked for with; `null` on the last.
    pub next: Option<String>,
    /// How many images there are, on all pages.
    #[serde(default)]
    pub total: usize,
    /// The id that was asked for, and others that reports on these images give to the same
    /// finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// How many ids more reports give to it, which were not looked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unfollowed: usize,
    pub coverage: CoverageView,
    /// The clusters whose Pods are looked at; where there is none, it is not known what
    /// runs.
    pub clusters: Vec<PodWatchView>,
}

/// How much of what is known could have been found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CoverageView {
    /// When that was counted: with very many images, up to three minutes ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub read_at: Option<Timestamp>,
    /// Images in the reader's scope and the environment asked for.
    pub known: usize,
    /// Of these, those without a scan that left nothing out: what they hold is not known.
    pub unscanned: usize,
    /// Of the scanned ones, those of which no scan lists packages without a finding;
    /// `null` where no package was asked for.
    pub without_packages: Option<usize>,
    /// The oldest of their newest scans: what became known later is in none of it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_scan: Option<Timestamp>,
}

/// Whether a cluster's Pods are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PodWatchView {
    pub cluster: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// `followed`, or `partly` and `not-asked`, where Pods may run that are not known.
    pub pods: ExposureWatchState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether it is known what leads to its Pods from outside; where that is `partly` or
    /// `not-asked`, a Pod without a `reached_by` may be reached all the same.
    #[serde(default = "not_asked")]
    pub ways: ExposureWatchState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ways_detail: Option<String>,
}

const fn not_asked() -> ExposureWatchState {
    ExposureWatchState::NotAsked
}

/// An image in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageView {
    /// `host/name@digest`, of one platform's manifest.
    pub image: String,
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = Option<String>)]
    pub platform: Option<Platform>,
    /// When its newest scan that left nothing out was made; `null`: what it holds is not
    /// known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scanned_at: Option<Timestamp>,
    /// What was looked for, as scans name it.
    pub matches: Vec<MatchView>,
    /// What was denied, newest first, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<ImageDenialView>,
    /// Where it, or an index that holds it, is promoted to.
    #[schema(value_type = Vec<String>)]
    pub promoted: Vec<EnvironmentName>,
    /// The last pull in each environment, newest first.
    pub pulled: Vec<LastPullView>,
    /// Pods that run it, as far as clusters are followed; `null`: not known.
    pub pods: Option<Vec<RunningPodView>>,
}

/// A finding or a package that matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct MatchView {
    /// Id of the vulnerability; `null` for a package that is only listed.
    pub id: Option<String>,
    /// As the scanner rated it.
    #[schema(value_type = Option<String>)]
    pub severity: Option<Severity>,
    pub package: String,
    pub installed: String,
    /// The source package that it was built from, where that is called otherwise.
    #[serde(default)]
    pub source: Option<String>,
    /// The version that mends it.
    pub fixed: Option<String>,
    pub tool: String,
    /// Id of the scan, as evidence lists it.
    pub scan: String,
    #[schema(value_type = String, format = DateTime)]
    pub scanned_at: Timestamp,
}

/// What was denied of an image in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageDenialView {
    /// The newest decision.
    #[schema(value_type = String)]
    pub id: DecisionId,
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    #[schema(value_type = Vec<String>)]
    pub reasons: Vec<DenialReason>,
    /// How often, since the moment asked for.
    pub count: u64,
}

/// The last pull in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastPullView {
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// A pull that follows another within the hour may not have moved it.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who, by the newest decision that is still on record; `null`: not known.
    pub principal: Option<String>,
    /// Address of the client, by the same.
    pub client: Option<String>,
}

/// A Pod that runs an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct RunningPodView {
    pub cluster: String,
    pub namespace: String,
    pub pod: String,
    /// What made it, as `Kind/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The way by which requests from outside reach it; absent: none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_by: Option<String>,
    /// It names the repository and no digest, so that it may run another image of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_name: bool,
}
