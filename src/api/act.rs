//! Acts: what people and pipelines did.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::oci::Digest;
use crate::trust::{Act, ActKind, EnvironmentName};

/// Where acts are listed: `GET` with an [`ActQuery`].
pub const ACTS: &str = "/api/v1/acts";

/// The most acts that one answer lists.
pub const MAX_ACTS: usize = 1000;

/// Which acts. Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ActQuery {
    /// Done at that time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Done before that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// `scan`, `promote`, `revoke` or another one that acts have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub act: Option<ActKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// A part of the image's name, or a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The `next` of an answer: what follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// 100 when absent, 1000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Some acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActList {
    pub acts: Vec<ActRecord>,
    /// Where older ones follow; absent behind the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActRecord {
    pub id: String,
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// `scan`, `scan-bind`, `promote`, `revoke`, `reinstate`, `break-glass`,
    /// `break-glass-end`, `mode`, `mode-end`, `token-create`, `token-revoke`,
    /// `policy-reload`, `start`, `accept-loss` or `restore`.
    #[schema(value_type = String)]
    pub act: ActKind,
    /// The token's name; `local:` and a user of the gateway's machine; or `sekisho`, the
    /// program itself.
    pub principal: String,
    /// Address that it was asked from; absent where it was done on the machine itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub environment: Option<EnvironmentName>,
    /// As it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// What came of it: `promotion:7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What more there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

impl From<Act> for ActRecord {
    fn from(act: Act) -> Self {
        Self {
            id: act.id,
            time: act.time,
            act: act.act,
            principal: act.principal,
            client: act.client,
            environment: act.environment,
            image: act.image,
            digest: act.digest,
            subject: act.subject,
            detail: act.detail,
            reason: act.reason,
            ticket: act.ticket,
            link: act.link,
            until: act.until,
        }
    }
}
