//! Promotions: letting an image into an environment.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::VerdictView;
use crate::oci::{Digest, Tag};
use crate::trust::EnvironmentName;

/// Where promotions are asked for: `POST` a [`PromotionRequest`]. Judged first;
/// when denied, or where `enforce` would deny it, and not forced, nothing is recorded: 422
/// with the verdict.
pub const PROMOTIONS: &str = "/api/v1/promotions";

/// Lets `image` into `environment`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromotionRequest {
    /// With a digest; a bare tag needs `resolve`.
    #[schema(example = "registry.corp/team/app:1.4@sha256:…")]
    pub image: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// Where it was decided: a merge request, an issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Read the tag's digest from the upstream, once, and promote that.
    #[serde(default)]
    pub resolve: bool,
    /// Record it although judgement denies it, or would in `enforce`. It lifts no denial.
    #[serde(default)]
    pub force: bool,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromotionAnswer {
    /// Id of the promotion, as evidence lists it.
    pub id: String,
    /// The image as it was asked for.
    pub image: String,
    /// What was promoted.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The tag it was promoted under.
    #[schema(value_type = Option<String>)]
    pub tag: Option<Tag>,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// Judgement denied it, and it was recorded all the same.
    pub forced: bool,
    /// The judgement, with the promotion counted in.
    pub verdict: VerdictView,
}
