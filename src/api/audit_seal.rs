//! `GET /api/v1/audit/seals` as it travels.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where audit logs ended.
pub const AUDIT_SEALS: &str = "/api/v1/audit/seals";

/// Where audit logs ended, as the ledger knows it.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct AuditSealList {
    pub seals: Vec<AuditSealView>,
}

/// The end of one audit log.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct AuditSealView {
    /// The name of its chain: `chain.log` of each line.
    pub log: String,
    /// The number of its last line: `chain.line`.
    pub line: u64,
    /// SHA-256 of that line without its newline, in hex.
    pub hash: String,
    /// When that was noted.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Machine and file of the log; none of one that an earlier version noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Until then no retention removes what the log has; without it, none ever does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub kept_until: Option<Timestamp>,
}
