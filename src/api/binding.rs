//! What was scanned under an image ID, and pushed as a manifest.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::oci::Digest;

/// Where the two are bound: `POST` a [`BindingRequest`].
pub const BINDINGS: &str = "/api/v1/scans/bind";

/// Says that an image ID was pushed as `image`. Only the submitter of the scans may say
/// so; an image ID alone binds no layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingRequest {
    /// With the digest that the push gave.
    #[schema(example = "registry.corp/team/app:1.4@sha256:…")]
    pub image: String,
    #[schema(value_type = String)]
    pub image_id: Digest,
}

/// What counts for the manifest now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BindingAnswer {
    pub image: String,
    #[schema(value_type = String)]
    pub manifest: Digest,
    #[schema(value_type = String)]
    pub image_id: Digest,
    /// Ids of the scans, as evidence lists them.
    pub scans: Vec<String>,
}
