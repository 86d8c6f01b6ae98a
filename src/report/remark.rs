//! What a report may say of an image beside the vulnerabilities in it, and which formats
//! have a place for it.

use serde::{Deserialize, Serialize};

use super::Format;

/// Something that a report said beside its findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Remark {
    /// The image's operating system no longer receives advisories.
    EndOfLife,
    Malware,
    Secrets,
    /// Packages without a finding.
    Packages,
}

impl Remark {
    pub const ALL: [Self; 4] = [
        Self::EndOfLife,
        Self::Malware,
        Self::Secrets,
        Self::Packages,
    ];
}

impl Format {
    /// Whether silence of such a report means that there is none: its scanner looks for it,
    /// and the format has a place for it. An envelope may hold any format, so that its
    /// silence means nothing. For packages each report is asked, since most scanners
    /// list them only on demand.
    pub const fn would_say(self, remark: Remark) -> bool {
        match remark {
            Remark::EndOfLife => {
                matches!(self, Self::Trivy | Self::TrivyOperator | Self::Grype)
            }
            Remark::Malware => matches!(self, Self::Aqua | Self::Snyk),
            Remark::Secrets => matches!(self, Self::Trivy | Self::Aqua),
            Remark::Packages => false,
        }
    }
}
