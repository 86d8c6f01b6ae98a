//! Promotions: letting an image into an environment.

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::VerdictView;
use crate::oci::{Digest, Tag};
use crate::trust::EnvironmentName;

/// Where promotions are asked for: `POST` a [`PromotionRequest`]. Judged first;
/// when denied, or where `enforce` would deny it, and not forced, nothing is recorded: 422
/// with the verdict.
pub const PROMOTIONS: &str = "/api/v1/promotions";

const LINK_FORM: &str = "write the address of the merge request or issue in which it was decided, \
                         as in https://…";

/// Lets `image` into `environment`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromotionRequest {
    /// With a digest; a bare tag needs `resolve`.
    #[schema(example = "registry.corp/team/app:1.4@sha256:…")]
    pub image: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// Where it was decided: the web address of a merge request, or of an issue.
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

/// Why `link` leads nowhere; `None`: it is a web address. What is recorded as the place where
/// something was decided has to be found there, as the link of an exception.
pub fn no_link(link: &str) -> Option<String> {
    let url = Url::parse(link).ok();
    let has_user = |url: &Url| !url.username().is_empty() || url.password().is_some();
    if url.as_ref().is_some_and(has_user) {
        return Some(format!("holds a user name or password; {LINK_FORM}"));
    }
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_word = link.chars().all(|character| character.is_ascii_graphic());
    match is_word && url.as_ref().is_some_and(is_web) {
        true => None,
        false => Some(format!("is no web address; {LINK_FORM}")),
    }
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
