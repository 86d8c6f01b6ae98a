//! Overrides for some hours, under a ticket: break-glass and timed modes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::DenialView;
use crate::oci::{Digest, distinct};
use crate::trust::{BreakGlass, EnvironmentName, Mode, TimedMode};

/// Where break-glass is granted: `POST` a [`BreakGlassRequest`]; `GET` lists what
/// holds now. One grant is ended by `DELETE` below, at its id, with an [`EndQuery`].
pub const BREAK_GLASS: &str = "/api/v1/break-glass";

/// Where a mode is set for some hours: `POST` a [`ModeRequest`]; `GET` lists what
/// holds now. The modes of an environment are ended by `DELETE` below, at its name, with
/// an [`EndQuery`].
pub const MODES: &str = "/api/v1/modes";

/// Lets a digest, and what lies below it, through in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakGlassRequest {
    /// With a digest.
    #[schema(example = "registry.corp/team/app@sha256:…")]
    pub image: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// The incident that it is for.
    pub ticket: String,
    /// 1 to 24.
    pub hours: u32,
    pub reason: String,
    /// Lift a revocation too.
    #[serde(default)]
    pub revoked: bool,
}

/// A grant. It ends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakGlassView {
    /// Its id, as evidence lists it.
    pub id: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    #[schema(value_type = String)]
    pub digest: Digest,
    /// As it was named, or as it is known in a repository of the reader's scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    pub ticket: String,
    pub reason: String,
    /// Name of the token it was granted with.
    pub granted_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub granted_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    pub lifts_revocation: bool,
    /// What denies the image all the same: a grant lifts neither what is structural nor,
    /// unless it says so, a revocation. Empty: pulls pass. Absent: not known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub still_denied: Option<Vec<DenialView>>,
}

/// What holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakGlassList {
    pub break_glass: Vec<BreakGlassView>,
}

/// Judges an environment in another mode for some hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeRequest {
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// `audit`, `warn` or `enforce`.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// The incident that it is for.
    pub ticket: String,
    /// 1 to 168.
    pub hours: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A mode that was set. It ends by itself, or by the next that is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModeView {
    /// Its id, as evidence lists it.
    pub id: String,
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    #[schema(value_type = String)]
    pub mode: Mode,
    pub ticket: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Name of the token it was set with.
    pub set_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub set_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// What holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModeList {
    pub modes: Vec<ModeView>,
}

/// Why an override ends before its time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EndQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A grant that was ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakGlassEnded {
    /// As it was until then.
    pub ended: BreakGlassView,
    /// Other grants that let the same digest through in the environment still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_let_through: Vec<String>,
    /// Name of the token it was ended with.
    pub ended_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
}

/// A mode that was ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModeEnded {
    /// As it was until then.
    pub ended: ModeView,
    /// The mode that holds now: the configuration's.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// Name of the token it was ended with.
    pub ended_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
}

impl BreakGlassView {
    /// The reasons for which pulls of the image are denied in spite of it, in short: empty
    /// where there is none, or nothing is known of it.
    pub fn denied_for(&self) -> String {
        let denials = self.still_denied.iter().flatten();
        distinct(denials.map(|it| it.reason.code())).join(", ")
    }
}

impl From<BreakGlass> for BreakGlassView {
    fn from(grant: BreakGlass) -> Self {
        Self {
            id: format!("break-glass:{}", grant.id),
            environment: grant.environment,
            digest: grant.digest,
            image: grant.image,
            ticket: grant.ticket,
            reason: grant.reason,
            granted_by: grant.granted_by,
            granted_at: grant.granted_at,
            until: grant.until,
            lifts_revocation: grant.lifts_revocation,
            still_denied: None,
        }
    }
}

impl From<TimedMode> for ModeView {
    fn from(set: TimedMode) -> Self {
        Self {
            id: format!("mode:{}", set.id),
            environment: set.environment,
            mode: set.mode,
            ticket: set.ticket,
            reason: set.reason,
            set_by: set.set_by,
            set_at: set.set_at,
            until: set.until,
        }
    }
}
