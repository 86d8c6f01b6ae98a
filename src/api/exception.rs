//! Exceptions: what is accepted, until when, and by whom.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::trust::{Advisory, Exception};

/// Where exceptions are listed: `GET` an [`ExceptionList`].
pub const EXCEPTIONS: &str = "/api/v1/exceptions";

/// Whether an exception or an advisory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = NoticeState)]
pub enum PolicyEntryState {
    Active,
    /// Holds, and ends soon.
    Expiring,
    /// Holds no longer.
    Expired,
}

impl PolicyEntryState {
    pub const ALL: [Self; 3] = [Self::Active, Self::Expiring, Self::Expired];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expiring => "expiring",
            Self::Expired => "expired",
        }
    }

    pub fn of_exception(exception: &Exception, now: Timestamp) -> Self {
        Self::at(now, exception.ends_soon_from(), exception.expires)
    }

    pub fn of_advisory(advisory: &Advisory, now: Timestamp) -> Self {
        let end = advisory.ends_soon_from().zip(advisory.expires);
        end.map_or(Self::Active, |(soon, end)| Self::at(now, soon, end))
    }

    fn at(now: Timestamp, soon: Timestamp, end: Timestamp) -> Self {
        match now {
            _ if now >= end => Self::Expired,
            _ if now >= soon => Self::Expiring,
            _ => Self::Active,
        }
    }
}

/// An accepted risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExceptionView {
    /// The file and its place there.
    #[schema(example = "team.toml#2")]
    pub id: String,
    pub vulnerabilities: Vec<String>,
    /// What is accepted besides: `end-of-life`, of the operating system.
    pub accept: Vec<String>,
    /// Globs over `host/name`.
    pub images: Vec<String>,
    /// Names and package URLs; empty: any.
    pub packages: Vec<String>,
    pub reason: String,
    pub link: String,
    pub owner: String,
    /// The first moment at which it holds no more: of a last day, the begin of the next.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
    pub state: PolicyEntryState,
    /// Whether a report that counts has what it accepts; `null`: not known.
    pub used: Option<bool>,
    /// Ids of the advisories that raise all that it would accept: no exception accepts that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overruled_by: Vec<String>,
}

impl ExceptionView {
    pub fn new(exception: &Exception, now: Timestamp) -> Self {
        let accept = exception.accepts_end_of_life.then_some("end-of-life");
        Self {
            id: exception.id.clone(),
            vulnerabilities: exception.vulnerabilities.clone(),
            accept: accept.into_iter().map(str::to_owned).collect(),
            images: exception.images.written().to_vec(),
            packages: exception.packages.iter().map(ToString::to_string).collect(),
            reason: exception.reason.clone(),
            link: exception.link.clone(),
            owner: exception.owner.clone(),
            expires: exception.expires,
            state: PolicyEntryState::of_exception(exception, now),
            used: None,
            overruled_by: Vec::new(),
        }
    }
}

/// All exceptions in force, and those that have ended and are still written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExceptionList {
    pub exceptions: Vec<ExceptionView>,
    /// Files, or parts of the configuration, that are not in force as they stand: what was
    /// last good holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_in_force: Vec<String>,
}
