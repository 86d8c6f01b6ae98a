//! Every answer of this door; refusals are worded as those of the admin API.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::api::{DELTA_MEDIA_TYPE, ErrorBody, ErrorCode, ErrorDetail, SNAPSHOT_MEDIA_TYPE};
use crate::http::Body;
use crate::node_feed::{NodeAnswer, NodeFeedError};

/// Who finds no place comes again after so many seconds.
const RETRY_AFTER_SECONDS: &str = "5";

/// Why an agent is refused.
#[derive(Debug)]
pub(super) struct AgentRefusal {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    next_step: Cow<'static, str>,
}

impl AgentRefusal {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: ErrorCode::BadRequest,
            message: message.into(),
            next_step: "ask as docs/nodes.md says".into(),
        }
    }

    pub(super) fn unauthenticated(
        message: impl Into<String>,
        next_step: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            code: ErrorCode::Unauthenticated,
            message: message.into(),
            next_step: next_step.into(),
        }
    }

    pub(super) fn forbidden(
        message: impl Into<String>,
        next_step: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            code: ErrorCode::Forbidden,
            message: message.into(),
            next_step: next_step.into(),
        }
    }

    pub(super) fn not_found(
        message: impl Into<String>,
        next_step: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: ErrorCode::NotFound,
            message: message.into(),
            next_step: next_step.into(),
        }
    }

    pub(super) fn too_large(message: &str) -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: ErrorCode::TooLarge,
            message: message.to_owned(),
            next_step: "send it in parts".into(),
        }
    }

    pub(super) fn other_method() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: ErrorCode::MethodNotAllowed,
            message: "that path takes other methods".to_owned(),
            next_step: "ask as docs/nodes.md says".into(),
        }
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: ErrorCode::Unavailable,
            message: message.into(),
            next_step: "try again in some seconds; what is held stays in force".into(),
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let body = ErrorBody {
            error: ErrorDetail {
                code: self.code,
                message: self.message,
                next_step: Some(self.next_step.into_owned()),
                reason: None,
            },
            verdict: None,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut answer = answer(self.status, "application/json", body.into());
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from_static(RETRY_AFTER_SECONDS);
            answer.headers_mut().insert(RETRY_AFTER, seconds);
        }
        answer
    }
}

impl From<NodeFeedError> for AgentRefusal {
    fn from(error: NodeFeedError) -> Self {
        match error {
            NodeFeedError::NoAgents(ref environment) => Self::not_found(
                error.to_string(),
                format!(
                    "write [environments.{environment}.nodes] into the gateway's configuration, or \
                     ask a listener of an environment that has it"
                ),
            ),
            NodeFeedError::NotFollowed => Self::unavailable(error.to_string()),
            NodeFeedError::Ledger(_) | NodeFeedError::Broken => {
                tracing::error!(%error, "an agent on a node is told nothing");
                Self::unavailable("the gateway cannot say it at this moment")
            }
        }
    }
}

pub(super) fn told(told: NodeAnswer) -> Response<Body> {
    match told {
        NodeAnswer::Whole(bytes) => answer(StatusCode::OK, SNAPSHOT_MEDIA_TYPE, bytes),
        NodeAnswer::Delta(bytes) => answer(StatusCode::OK, DELTA_MEDIA_TYPE, bytes),
        NodeAnswer::Nothing => taken(StatusCode::NOT_MODIFIED),
    }
}

/// An answer that says no more than its status.
pub(super) fn taken(status: StatusCode) -> Response<Body> {
    let mut nothing = Response::new(Body::Empty);
    *nothing.status_mut() = status;
    nothing
}

fn answer(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<Body> {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    let media_type = HeaderValue::from_static(media_type);
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer
}
