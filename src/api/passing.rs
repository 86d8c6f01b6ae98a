//! Which known digests of a repository would pass.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::oci::Digest;
use crate::trust::{EnvironmentName, Exposure};

/// Where it is asked: `GET` with a [`PassingQuery`].
pub const PASSING: &str = "/api/v1/passing";

/// Digests that are judged for one answer, at most.
pub const MAX_JUDGED: usize = 20;

/// Which repository, and for where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PassingQuery {
    /// A name of the repository; a tag or digest of it changes nothing.
    pub image: String,
    /// Absent: the only environment there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// Absent: as a pull through the environment's listener would have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub exposure: Option<Exposure>,
}

/// Those that would be let through now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PassingList {
    /// What was promoted last comes first.
    pub images: Vec<PassingView>,
    /// How many digests were judged.
    pub judged: usize,
    /// Whether more are known than were judged: the best of them need not be listed.
    pub is_partial: bool,
}

/// A digest that would be let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PassingView {
    /// `host/name@digest`.
    pub image: String,
    #[schema(value_type = String)]
    pub digest: Digest,
    /// When it was last promoted to the environment.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub promoted_at: Option<Timestamp>,
    /// The tag it was promoted under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}
