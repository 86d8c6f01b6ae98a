//! A denial, ready to be sent as often as it is asked for.

use bytes::Bytes;
use serde_json::json;

use crate::oci::ErrorCode;
use crate::trust::{DecisionId, Denial, denial_message};

/// The answer to a denied pull: made once, served many times.
#[derive(Debug)]
pub struct DenialAnswer {
    denial: Denial,
    id: DecisionId,
    message: String,
    body: Bytes,
}

impl DenialAnswer {
    /// `public_url` leads to the page of one decision; empty when there is none.
    pub fn new(denial: Denial, id: DecisionId, public_url: &str) -> Self {
        let link = if public_url.is_empty() {
            String::new()
        } else {
            format!("{}/d/{id}", public_url.trim_end_matches('/'))
        };
        let message = denial_message(&denial, &link);
        let detail = format!("decision {id} {link}").trim_end().to_owned();
        let body = json!({"errors": [{
            "code": ErrorCode::Denied.as_str(),
            "message": message,
            "detail": detail,
        }]});
        Self {
            body: Bytes::from(body.to_string()),
            denial,
            id,
            message,
        }
    }

    pub fn denial(&self) -> &Denial {
        &self.denial
    }

    pub fn id(&self) -> &DecisionId {
        &self.id
    }

    /// One line of printable ASCII: the reason phrase and the message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error document of the distribution specification.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}
