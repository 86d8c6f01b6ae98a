//! How many Pods run at once, how a version takes over from another, and where they lie.

use serde_json::{Value, json};

use crate::kubernetes::objects::Replicas;
use crate::kubernetes::objects::metadata::labels;

impl Replicas {
    pub(super) fn count(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Shared(count) => count,
        }
    }

    /// Over a file never two at once. Else a Pod ends when another one answers.
    pub(super) fn strategy(self) -> Value {
        match self {
            Self::One => json!({ "type": "Recreate" }),
            Self::Shared(_) => json!({
                "type": "RollingUpdate",
                "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 },
            }),
        }
    }

    /// Nodes that are drained do not count, so that what runs there finds a place on the
    /// others; zones are wished for alone.
    pub(super) fn spread(self) -> Option<Value> {
        let over = |topology: &str, when: &str| {
            json!({
                "maxSkew": 1,
                "topologyKey": topology,
                "whenUnsatisfiable": when,
                "matchLabelKeys": ["pod-template-hash"],
                "labelSelector": { "matchLabels": labels() },
            })
        };
        let mut nodes = over("kubernetes.io/hostname", "DoNotSchedule");
        nodes["nodeTaintsPolicy"] = json!("Honor");
        let zones = over("topology.kubernetes.io/zone", "ScheduleAnyway");
        match self {
            Self::One => None,
            Self::Shared(_) => Some(json!([nodes, zones])),
        }
    }
}
