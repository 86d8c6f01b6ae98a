//! All that is known of one image.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    AdvisoryView, BreakGlassView, ExceptionView, ImageView, MatchView, PodWatchView,
    ScanTimeSource, SeverityCounts, ToolView,
};
use crate::oci::{Digest, Platform};
use crate::trust::EnvironmentName;

/// Which part is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImageDetailQuery {
    /// Only in this environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
}

/// An image manifest, or an index with the images that it holds. Lies at
/// `/api/v1/images/<digest>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageDetail {
    #[schema(value_type = String)]
    pub digest: Digest,
    /// `index`, or `image`.
    pub kind: String,
    /// When it was first seen here.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_seen: Option<Timestamp>,
    /// The image in each repository; of an index those that it holds.
    pub images: Vec<ImageView>,
    /// Scans over time, the newest first, 50 of each image at most.
    pub scans: Vec<ImageScanView>,
    /// What the scans in force find, the gravest first, 1000 at most.
    pub findings: Vec<MatchView>,
    /// Findings beyond those that are listed.
    #[serde(default)]
    pub more_findings: usize,
    pub promotions: Vec<PromotedView>,
    pub revocations: Vec<RevokedView>,
    pub break_glass: Vec<BreakGlassView>,
    /// Exceptions that name something that is found in it; `null`: the reader may not see
    /// what people wrote.
    pub exceptions: Option<Vec<ExceptionView>>,
    /// Advisories that name it, or something that is found in it; likewise.
    pub advisories: Option<Vec<AdvisoryView>>,
    /// Known images that it stands on, by their layers, the nearest first.
    pub stands_on: Vec<LineageView>,
    /// Known images that stand on it, likewise; 50 at most.
    pub carries: Vec<LineageView>,
    /// The clusters whose Pods are looked at.
    pub clusters: Vec<PodWatchView>,
}

/// A scan as it is on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageScanView {
    /// Its id, as evidence lists it.
    pub id: String,
    #[schema(value_type = String)]
    pub manifest: Digest,
    pub tool: ToolView,
    pub submitter: String,
    #[schema(value_type = String, format = DateTime)]
    pub scanned_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_at_source: Option<ScanTimeSource>,
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub database_at: Option<Timestamp>,
    pub findings: SeverityCounts,
    /// Why it cannot be a pass; empty: it can.
    pub incomplete: Vec<String>,
    /// No newer scan has replaced it.
    pub in_force: bool,
}

/// A promotion that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromotedView {
    /// Its id, as evidence lists it.
    pub id: String,
    /// `host/name@digest`: the image, or an index that holds it.
    pub image: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    pub tag: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// With `reason` and `link` for who reads what people wrote; `null` for others.
    pub by: Option<String>,
    pub reason: Option<String>,
    pub link: Option<String>,
    pub forced: bool,
}

impl PromotedView {
    /// Leaves out what people wrote, and who.
    pub fn forget_names(&mut self) {
        (self.by, self.reason, self.link) = (None, None, None);
    }
}

/// A revocation that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokedView {
    /// Id of the revocation.
    pub id: String,
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Absent: in all of them.
    #[schema(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// Globs over `host/name`; none: in all of them.
    pub repositories: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// For who reads what people wrote; `null` for others.
    pub by: Option<String>,
    /// As every denial tells it.
    pub reason: String,
}

impl RevokedView {
    /// Leaves out who did it.
    pub fn forget_names(&mut self) {
        self.by = None;
    }
}

/// A known image that shares all layers of one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineageView {
    /// `host/name@digest`.
    pub image: String,
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = Option<String>)]
    pub platform: Option<Platform>,
    /// How many layers both have.
    pub layers: usize,
}
