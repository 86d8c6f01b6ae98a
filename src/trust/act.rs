//! The record of an act: what people and pipelines did that decides what is served.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EnvironmentName;
use crate::oci::Digest;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActKind {
    /// A scan was handed in.
    Scan,
    /// What was scanned before the push was bound to a manifest.
    ScanBind,
    Promote,
    Revoke,
    Reinstate,
    BreakGlass,
    /// Break-glass was ended before its time.
    BreakGlassEnd,
    Mode,
    /// A timed mode was ended before its time.
    ModeEnd,
    TokenCreate,
    TokenRevoke,
    /// Other policy, exceptions or advisories came into force.
    PolicyReload,
    /// The program began to serve.
    Start,
    /// It began to serve a ledger that is older than its audit log, as it was told to.
    AcceptLoss,
    /// A ledger was put back from a backup, and brought up to what the audit log tells.
    Restore,
}

impl ActKind {
    pub const ALL: [Self; 15] = [
        Self::Scan,
        Self::ScanBind,
        Self::Promote,
        Self::Revoke,
        Self::Reinstate,
        Self::BreakGlass,
        Self::BreakGlassEnd,
        Self::Mode,
        Self::ModeEnd,
        Self::TokenCreate,
        Self::TokenRevoke,
        Self::PolicyReload,
        Self::Start,
        Self::AcceptLoss,
        Self::Restore,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::ScanBind => "scan-bind",
            Self::Promote => "promote",
            Self::Revoke => "revoke",
            Self::Reinstate => "reinstate",
            Self::BreakGlass => "break-glass",
            Self::BreakGlassEnd => "break-glass-end",
            Self::Mode => "mode",
            Self::ModeEnd => "mode-end",
            Self::TokenCreate => "token-create",
            Self::TokenRevoke => "token-revoke",
            Self::PolicyReload => "policy-reload",
            Self::Start => "start",
            Self::AcceptLoss => "accept-loss",
            Self::Restore => "restore",
        }
    }

    /// Whether it can only take trust away.
    pub const fn only_forbids(self) -> bool {
        matches!(self, Self::Revoke | Self::BreakGlassEnd | Self::TokenRevoke)
    }

    /// Whether it concerns tokens, of which only those hear who manage them.
    pub const fn is_of_tokens(self) -> bool {
        matches!(self, Self::TokenCreate | Self::TokenRevoke)
    }
}

/// One line of the audit log that is no decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// `act:` and a number that rises.
    pub id: String,
    pub time: Timestamp,
    pub act: ActKind,
    /// Name of the token; `local:` and a user of the machine; or `sekisho`, the program.
    pub principal: String,
    /// Address that it was asked from; absent where it was done on the machine itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Absent where it holds in all of them, or in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
    /// As it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What came of it, as evidence names it: `promotion:7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What more there is to say, in one line.
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
    pub until: Option<Timestamp>,
}

impl Act {
    /// The number in its id; `None` for an id of another form.
    pub fn number(&self) -> Option<i64> {
        self.id.strip_prefix("act:")?.parse().ok()
    }
}

/// An act as the audit log has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LoggedAct {
    #[serde(flatten)]
    pub act: Act,
    /// The ledger that it was done in, and how far that had come.
    pub ledger: LedgerMark,
}

/// Which ledger, and how far it had come: the audit log carries it, so that a ledger
/// which is older than the log shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerMark {
    /// 32 hexadecimal characters.
    pub id: String,
    /// The newest change of evidence that it held.
    pub change: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_travels_under_the_word_that_it_has() {
        for kind in ActKind::ALL {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("\"{}\"", kind.as_str()));
        }
    }
}
