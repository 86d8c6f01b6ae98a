//! What will be denied, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{PodWatchView, RunningPodView};
use crate::oci::Digest;
use crate::trust::{DenialReason, EnvironmentName, Exposure};

/// Where the forecast is asked for: `GET` with a [`ForecastQuery`].
pub const FORECAST: &str = "/api/v1/forecast";

/// The most images that are judged for one answer.
pub const MAX_FORESEEN: usize = 2000;

/// The furthest that is looked ahead, in hours: 90 days.
pub const MAX_FORECAST_HOURS: u32 = 90 * 24;

/// How far to look ahead, and of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ForecastQuery {
    /// 168 when absent, 2160 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_hours: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// Only what Pods run, as far as clusters are followed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
    /// How many images are judged for one answer: 500 when absent, 2000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// What will be denied of some images in use: first of those that run, then of those that
/// were pulled within 30 days or are promoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForecastList {
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// What runs comes first, then by the moment.
    pub denials: Vec<ForecastView>,
    /// What the next page is asked for with: the images that were not judged yet. `null` on
    /// the last.
    pub next: Option<String>,
    pub coverage: ForecastCoverage,
    /// Certificates of listeners that end within that time: nobody pulls there afterwards.
    pub certificates: Vec<CertificateEndView>,
    /// The clusters whose Pods are looked at; where there is none, it is not known what
    /// runs.
    pub clusters: Vec<PodWatchView>,
}

/// Of how many images something can be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForecastCoverage {
    /// Images in use that the reader may see, on all pages.
    pub in_use: usize,
    /// Of these, those that Pods run.
    pub running: usize,
    /// Judged for this page.
    pub judged: usize,
    /// Of the page, those that cannot be judged: what they consist of is not recorded.
    pub unknown: usize,
    /// Of the page, those that are denied already, whether they run or not. Those that run
    /// nowhere are not among the denials to come.
    #[serde(default)]
    pub denied_already: usize,
    /// Pods that run images which are none of an upstream's, or which name no digest yet.
    pub unnamed_pods: usize,
}

/// One denial that is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForecastView {
    /// `host/name@digest`.
    pub image: String,
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    #[schema(value_type = String)]
    pub exposure: Exposure,
    /// From when on it will be denied; `null`: it is denied now, and runs.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// `denied-now`, `scan-stale`, `grace-ends`, `exception-ends`, `advisory-ends`,
    /// `vouching-ends`, `break-glass-ends`, `mode-ends` or `ends`.
    pub cause: String,
    /// What ends: an exception or advisory by its id, an upstream, a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// What will speak against it, gravest first.
    pub reasons: Vec<ForecastReason>,
    /// The Pods that could not start again.
    pub pods: Vec<RunningPodView>,
}

/// One reason, and what lifts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForecastReason {
    /// A stable word.
    #[schema(value_type = String)]
    pub reason: DenialReason,
    pub detail: String,
    pub next_step: String,
}

/// The end of a listener's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateEndView {
    /// Address of the listener.
    pub listener: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}
