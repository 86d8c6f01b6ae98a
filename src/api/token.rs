//! Tokens: who may hand in evidence, and read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Role;
use crate::oci::RepositoryGlobs;
use crate::trust::EnvironmentName;

/// Where tokens are made (`POST` a [`TokenRequest`]) and listed (`GET`). One of
/// them is revoked by `DELETE` below, at its name; `?evidence=true` also
/// withdraws what was submitted with it, and revokes again what it reinstated.
pub const TOKENS: &str = "/api/v1/tokens";

/// A token to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Unique among all tokens ever made.
    pub name: String,
    #[schema(value_type = String)]
    pub role: Role,
    /// Globs over `host/name`; empty: all.
    #[serde(default = "RepositoryGlobs::none")]
    #[schema(value_type = Vec<String>)]
    pub repositories: RepositoryGlobs,
    /// Empty: all.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub environments: Vec<EnvironmentName>,
    /// Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl TokenRequest {
    /// Why the token could do nothing; `None`: it may do something.
    pub fn lifeless(&self, now: Timestamp) -> Option<String> {
        if let Some(end) = self.expires_at.filter(|end| *end <= now) {
            return Some(format!("a token that ends at {end:.0} never holds"));
        }
        self.repositories.matches_none()
    }
}

/// The new token. Its secret is shown this once; only its hash is kept.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenSecret {
    /// What to send as `Authorization: Bearer …`.
    pub secret: String,
    pub token: TokenView,
}

/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    pub name: String,
    #[schema(value_type = String)]
    pub role: Role,
    pub repositories: Vec<String>,
    pub environments: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// All tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    pub tokens: Vec<TokenView>,
}

/// A revoked token, and how much of what was done with it was withdrawn: nothing, unless that
/// was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenRevoked {
    pub name: String,
    /// Scans of manifests.
    pub withdrawn_scans: u64,
    /// Scans of image IDs, bound to no manifest.
    #[serde(default)]
    pub withdrawn_unbound_scans: u64,
    pub withdrawn_promotions: u64,
    /// When it had been revoked already; absent: it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_before: Option<Timestamp>,
    #[serde(default)]
    pub withdrawn_break_glass: u64,
    #[serde(default)]
    pub withdrawn_modes: u64,
    /// Revocations that it had ended, and that hold again.
    #[serde(default)]
    pub withdrawn_reinstatements: u64,
    /// Tokens that were made with it, or with one of those, and that hold still: whoever had it
    /// may have them.
    #[serde(default)]
    pub tokens_made: Vec<String>,
}
