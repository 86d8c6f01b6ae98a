//! What every refusal of the admin API looks like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::VerdictView;
use crate::trust::DenialReason;

/// A stable word for what went wrong; the HTTP status follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// 400: the request cannot be read.
    BadRequest,
    /// 401: a token is needed, or the one sent is unknown, expired or revoked.
    Unauthenticated,
    /// 403: the token's role or scope does not reach that far.
    Forbidden,
    /// 404.
    NotFound,
    /// 405: that path takes other methods.
    MethodNotAllowed,
    /// 409: it contradicts what is on record.
    Conflict,
    /// 413: the body is longer than is taken.
    TooLarge,
    /// 429: too many at once with one token.
    TooMany,
    /// 422: it can be read, but not accepted.
    Refused,
    /// 422: judged, and denied; `verdict` holds the answer.
    Denied,
    /// 502: the upstream registry did not answer as it should.
    Upstream,
    /// 503: cannot be answered now; try again.
    Unavailable,
    /// 500.
    Internal,
}

/// `{"error": {"code", "message", "next_step"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
    /// With the code `denied`: the judgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Box<VerdictView>>,
}

/// What went wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    pub code: ErrorCode,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// Where pulls are denied for it: the stable word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reason: Option<DenialReason>,
}
