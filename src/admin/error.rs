//! Every error of the admin API, and its HTTP response in one exhaustive match.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::api::{ErrorBody, ErrorCode, ErrorDetail, VerdictView};
use crate::gate::{FeedError, InspectError};
use crate::ledger::LedgerError;
use crate::oci::without_user_info;
use crate::storage_fault::StorageFault;
use crate::tasks::WorkFailed;
use crate::trust::{Denial, DenialReason};
use crate::uploads::UploadError;

/// Why a request was not carried out.
#[derive(Debug)]
pub(super) struct AdminError {
    code: ErrorCode,
    message: String,
    next_step: Option<String>,
    reason: Option<DenialReason>,
    verdict: Option<Box<VerdictView>>,
}

impl AdminError {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            next_step: None,
            reason: None,
            verdict: None,
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Refused, message)
    }

    /// Says for which reason pulls would be denied.
    pub(super) fn denied_as(mut self, reason: DenialReason) -> Self {
        self.reason = Some(reason);
        self
    }

    pub(super) fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = Some(step.into());
        self
    }

    pub(super) fn denied(verdict: VerdictView) -> Self {
        let refusal = match verdict.lifted() {
            None => Self::new(ErrorCode::Denied, verdict.message.clone()),
            Some(lifted) => {
                let force = "do what its reasons name, or force it: that records it all the same";
                let next = verdict.instead_of_force().unwrap_or(force);
                Self::new(ErrorCode::Denied, format!("sekisho: {lifted}")).next(next)
            }
        };
        Self {
            verdict: Some(Box::new(verdict)),
            ..refusal
        }
    }

    const fn status(&self) -> StatusCode {
        match self.code {
            ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
            ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
            ErrorCode::Forbidden => StatusCode::FORBIDDEN,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::Conflict => StatusCode::CONFLICT,
            ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::TooMany => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::Refused | ErrorCode::Denied => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::Upstream => StatusCode::BAD_GATEWAY,
            ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = ErrorBody {
            error: ErrorDetail {
                code: self.code,
                // It may quote a URL that somebody sent.
                message: without_user_info(&self.message).into_owned(),
                next_step: self.next_step,
                reason: self.reason,
            },
            verdict: self.verdict,
        };
        let mut response = (status, Json(body)).into_response();
        let added = match status {
            StatusCode::UNAUTHORIZED => {
                Some((header::WWW_AUTHENTICATE, "Bearer realm=\"sekisho\""))
            }
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
            _ => None,
        };
        if let Some((name, value)) = added {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<InspectError> for AdminError {
    fn from(error: InspectError) -> Self {
        let (reason, next_step) = match &error {
            InspectError::UnknownUpstream(..) => (Some(DenialReason::UnknownUpstream), None),
            InspectError::NotPermitted(denial) => told(denial),
            InspectError::NotPromoted(denial) => told(denial),
            InspectError::NotFound(_) | InspectError::Unfit(..) | InspectError::Unavailable(_) => {
                (None, None)
            }
        };
        let code = match error {
            InspectError::UnknownUpstream(..)
            | InspectError::NotPermitted(_)
            | InspectError::Unfit(..) => ErrorCode::Refused,
            InspectError::NotFound(_) | InspectError::NotPromoted(..) => ErrorCode::NotFound,
            InspectError::Unavailable(_) => ErrorCode::Upstream,
        };
        Self {
            reason,
            next_step,
            ..Self::new(code, error.to_string())
        }
    }
}

/// What a pull is told besides the message.
fn told(denial: &Denial) -> (Option<DenialReason>, Option<String>) {
    (Some(denial.reason), Some(denial.next_step.clone()))
}

impl From<WorkFailed> for AdminError {
    fn from(_: WorkFailed) -> Self {
        tracing::error!("a request broke off while it was worked on");
        Self::new(ErrorCode::Internal, "the request could not be worked on")
    }
}

impl From<FeedError> for AdminError {
    fn from(error: FeedError) -> Self {
        let said = error.to_string();
        match error {
            FeedError::Full => Self::new(ErrorCode::TooMany, said)
                .next("close streams that nobody reads, or ask the list instead"),
            FeedError::TooSlow(_) | FeedError::Closed => {
                Self::new(ErrorCode::Unavailable, said).next("try again in some seconds")
            }
            FeedError::Ledger(error) => error.into(),
        }
    }
}

impl From<UploadError> for AdminError {
    fn from(error: UploadError) -> Self {
        let said = error.to_string();
        match error {
            UploadError::TooLong(_) => Self::new(ErrorCode::TooLarge, said),
            UploadError::TooMany => {
                Self::new(ErrorCode::TooMany, said).next("try again when the others are done")
            }
            UploadError::Stalled | UploadError::BrokenOff => Self::bad_request(said),
            UploadError::NoRoom => Self::new(ErrorCode::Unavailable, said).next("try again later"),
            UploadError::DiskFull { .. } => {
                tracing::warn!(error = %said, "a body was refused");
                Self::new(ErrorCode::Unavailable, said).next("free space there, and try again")
            }
            UploadError::Storage(error) => {
                tracing::error!(%error, "a body could not be kept");
                Self::new(ErrorCode::Unavailable, "the body could not be kept")
                    .next("try again; if it stays so, look at the log")
            }
        }
    }
}

impl From<LedgerError> for AdminError {
    /// What went wrong inside stays in the log.
    fn from(error: LedgerError) -> Self {
        let code = match error {
            LedgerError::TokenName => ErrorCode::BadRequest,
            LedgerError::TokenExists(_) => ErrorCode::Conflict,
            LedgerError::UnknownToken(_) => ErrorCode::NotFound,
            LedgerError::TokenRevoked(_) => ErrorCode::Forbidden,
            LedgerError::FromTheFuture(..)
            | LedgerError::DeclaredAhead(..)
            | LedgerError::TooManyScans { .. } => ErrorCode::Refused,
            LedgerError::NotWithdrawn(_) => {
                tracing::error!(%error, "the ledger failed");
                let told = "the token is revoked; what it handed in is not withdrawn yet";
                return Self::new(ErrorCode::Unavailable, told)
                    .next("revoke it again with --evidence");
            }
            LedgerError::Url(_)
            | LedgerError::ServerUrl(_)
            | LedgerError::AlreadyServed(_)
            | LedgerError::NewerSchema { .. }
            | LedgerError::OlderSchema { .. }
            | LedgerError::OtherRoot
            | LedgerError::NoAlias
            | LedgerError::BackupExists(_)
            | LedgerError::BackupOfServer
            | LedgerError::Backup { .. }
            | LedgerError::NoLedger(_)
            | LedgerError::NotEmpty(_)
            | LedgerError::Moved
            | LedgerError::ServedBy(_)
            | LedgerError::Damaged(_)
            | LedgerError::Displaced(_)
            | LedgerError::Unwritten { .. }
            | LedgerError::File { .. }
            | LedgerError::BrokenOff(_)
            | LedgerError::Database(_)
            | LedgerError::UnreadableAct { .. }
            | LedgerError::Schema(_) => return ledger_failed(&error),
        };
        Self::new(code, error.to_string())
    }
}

/// Names what the storage lacks; other causes stay in the log.
fn ledger_failed(error: &LedgerError) -> AdminError {
    tracing::error!(%error, "the ledger failed");
    let told = "the ledger cannot be written or read now";
    match error.fault() {
        None | Some(StorageFault::Other(_)) => AdminError::new(ErrorCode::Unavailable, told)
            .next("try again; if it stays so, look at the log"),
        Some(fault) => AdminError::new(ErrorCode::Unavailable, format!("{told}: {fault}"))
            .next(fault.next_step()),
    }
}
