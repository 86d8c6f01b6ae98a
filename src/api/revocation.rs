//! Revocations and their undoing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RevokedView;
use crate::oci::Digest;
use crate::trust::EnvironmentName;

/// Where trust is taken back: `POST` a [`RevocationRequest`], answered with a
/// [`RevocationAnswer`].
pub const REVOCATIONS: &str = "/api/v1/revocations";

/// Where a revocation is undone: `POST` a [`RevocationRequest`], answered with a
/// [`ReinstatementAnswer`].
pub const REINSTATEMENTS: &str = "/api/v1/revocations/reinstate";

/// Names a digest, in all environments or in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationRequest {
    /// With a digest: it is revoked wherever it lies, in every repository that the
    /// token reaches.
    #[schema(example = "registry.corp/team/app@sha256:…")]
    pub image: String,
    /// Absent: all environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    pub reason: String,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevocationAnswer {
    /// Id of the revocation.
    pub id: String,
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// Where it holds, by the scope of the token; none: in every repository.
    #[serde(default)]
    pub repositories: Vec<String>,
    pub reason: String,
    /// What else there is to know of when it takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The revocations that hold, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevocationList {
    pub revocations: Vec<ListedRevocation>,
}

/// One of them, with where its digest is known to lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedRevocation {
    #[serde(flatten)]
    pub revocation: RevokedView,
    /// Repositories, as `host/name`; five at most.
    pub lies_in: Vec<String>,
}

/// What was undone. The revocation and its end both stay on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReinstatementAnswer {
    #[schema(value_type = String)]
    pub digest: Digest,
    #[schema(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// Where it held, by the scope of the token; none: anywhere.
    #[serde(default)]
    pub repositories: Vec<String>,
    /// How many revocations this ended; none: there was none to end.
    pub ended: u64,
    pub reason: String,
}
