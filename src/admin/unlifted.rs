//! What a grant of break-glass does not lift: asked of the judge, as a pull would.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::Admin;
use super::verdicts::explain;
use crate::api::{BreakGlassView, DenialView, VerdictView};
use crate::oci::ImageRef;

/// How long an answer waits for all of its grants to be judged: an image that nobody read
/// yet is read at its upstream. What comes later is not known.
const JUDGED_WITHIN: Duration = Duration::from_secs(3);

impl Admin {
    /// The grants with what denies their images all the same.
    pub(super) async fn with_unlifted(
        &self,
        mut grants: Vec<BreakGlassView>,
        now: Timestamp,
    ) -> Vec<BreakGlassView> {
        let deadline = Instant::now() + JUDGED_WITHIN;
        for grant in &mut grants {
            let judged = timeout_at(deadline, self.unlifted(grant, now)).await;
            grant.still_denied = judged.unwrap_or_default();
        }
        grants
    }

    /// `None`: not known, as of a grant that is dated ahead, or of an image without a name.
    async fn unlifted(&self, grant: &BreakGlassView, now: Timestamp) -> Option<Vec<DenialView>> {
        if now < grant.granted_at {
            return None;
        }
        let image = ImageRef::parse(grant.image.as_ref()?, &self.default_host).ok()?;
        let explained = explain(self, &image, &grant.environment, (None, now)).await;
        let (verdict, _) = explained.ok()?;
        let reasons = VerdictView::new(&verdict, String::new(), String::new()).reasons;
        Some(reasons.into_iter().filter(|it| !it.lifted).collect())
    }
}
