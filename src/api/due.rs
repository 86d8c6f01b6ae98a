//! Images that need a scan.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::oci::Platform;
use crate::trust::EnvironmentName;

/// Where the list is asked for: `GET` with a [`DueQuery`].
pub const DUE: &str = "/api/v1/scans/due";

/// How far to look ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DueQuery {
    /// Scans that run out within so many hours; absent: 168.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_hours: Option<u32>,
    /// How many images in use are looked at for one page; absent, and at most: 5000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The page behind an earlier one: what that named as `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// A page of images that need a scan, the most urgent of it first. An image that was denied
/// for want of a scan comes with the first page, and may come again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DueList {
    pub due: Vec<DueView>,
    /// What the next page is asked for with; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One image that needs a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DueView {
    /// To hand the report in for: `host/name@digest`, of one platform's manifest.
    pub image: String,
    /// To hand to the scanner: the image at its upstream, past the gateway.
    pub scan: String,
    /// That upstream is reached without TLS.
    pub insecure: bool,
    #[schema(value_type = Option<String>)]
    pub platform: Option<Platform>,
    /// `not-scanned`, `platform-not-scanned`, `scan-incomplete`, `scan-stale` or
    /// `expires`.
    pub cause: String,
    #[schema(value_type = Vec<String>)]
    pub environments: Vec<EnvironmentName>,
    /// When the scan that it has runs out.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}
