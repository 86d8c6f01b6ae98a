//! Roles of the holders of tokens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a token's holder may do, within its [`Scope`](super::Scope).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Pull through a listener that asks for tokens.
    Puller,
    /// Hand in scan reports.
    Scanner,
    /// Promote.
    Promoter,
    /// Read verdicts, decisions and records.
    Viewer,
    /// View, revoke and reinstate, set modes, break glass.
    OnCall,
    /// What an agent on a node asks and tells, for the environments of its scope.
    Node,
    /// Everything, tokens included.
    Admin,
}

/// A word that names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}; known are puller, scanner, promoter, viewer, on-call, node, admin")]
pub struct UnknownRole(pub String);

impl Role {
    pub const ALL: [Self; 7] = [
        Self::Puller,
        Self::Scanner,
        Self::Promoter,
        Self::Viewer,
        Self::OnCall,
        Self::Node,
        Self::Admin,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Puller => "puller",
            Self::Scanner => "scanner",
            Self::Promoter => "promoter",
            Self::Viewer => "viewer",
            Self::OnCall => "on-call",
            Self::Node => "node",
            Self::Admin => "admin",
        }
    }

    /// Manifests, blobs and lists, at a listener that asks for tokens.
    pub const fn may_pull(self) -> bool {
        matches!(self, Self::Puller | Self::Admin)
    }

    pub const fn may_submit_scans(self) -> bool {
        matches!(self, Self::Scanner | Self::Admin)
    }

    pub const fn may_promote(self) -> bool {
        matches!(self, Self::Promoter | Self::Admin)
    }

    pub const fn may_revoke(self) -> bool {
        matches!(self, Self::OnCall | Self::Admin)
    }

    pub const fn may_break_glass(self) -> bool {
        matches!(self, Self::OnCall | Self::Admin)
    }

    pub const fn may_set_modes(self) -> bool {
        matches!(self, Self::OnCall | Self::Admin)
    }

    /// Verdicts, decisions, what wants a scan, and the state of things.
    pub const fn may_view(self) -> bool {
        !matches!(self, Self::Puller | Self::Node)
    }

    /// What people wrote and granted, too: exceptions, advisories, break-glass, modes,
    /// and what another policy would change.
    pub const fn may_view_records(self) -> bool {
        !matches!(self, Self::Puller | Self::Scanner | Self::Node)
    }

    /// What must not start on a node, and what runs there.
    pub const fn may_speak_for_nodes(self) -> bool {
        matches!(self, Self::Node)
    }

    pub const fn may_manage_tokens(self) -> bool {
        matches!(self, Self::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}
