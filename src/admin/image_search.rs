//! A search for images: who searches, and what that reader may see.

use jiff::Timestamp;

use super::Admin;
use crate::access::Scope;
use crate::oci::{ImageRef, Repository};
use crate::trust::{Decision, EnvironmentName};

/// One search, by one reader.
pub(super) struct ImageSearch<'a> {
    pub admin: &'a Admin,
    pub scope: &'a Scope,
    pub environment: Option<EnvironmentName>,
    pub denied_since: Timestamp,
}

impl ImageSearch<'_> {
    /// Whether it is about what is in that environment, too.
    pub fn covers(&self, environment: &EnvironmentName) -> bool {
        let asked = self.environment.as_ref();
        self.scope.covers_environment(environment.as_str())
            && asked.is_none_or(|asked| asked == environment)
    }

    /// The repository that a decision was about, if it named one.
    pub fn repository_of(&self, decision: &Decision) -> Option<Repository> {
        let host = decision.upstream.as_ref();
        let host = host.unwrap_or(&self.admin.default_host);
        let image = ImageRef::parse(&decision.image, host).ok()?;
        Some(image.repository().clone())
    }
}
