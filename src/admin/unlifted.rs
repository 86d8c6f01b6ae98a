//! What a grant of break-glass does not lift: asked of the judge, as a pull would.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::timeout;

use super::Admin;
use super::verdicts::explain;
use crate::api::{BreakGlassView, DenialView, VerdictView};
use crate::oci::ImageRef;

/// How long an answer waits for its grants to be judged. What comes later is not known.
const JUDGED_WITHIN: Duration = Duration::from_secs(3);

impl Admin {
    /// A new grant with what denies its image all the same. One that nobody read yet is read
    /// at its upstream.
    pub(super) async fn told_unlifted(
        &self,
        mut grant: BreakGlassView,
        now: Timestamp,
    ) -> BreakGlassView {
        if let Some(image) = self.granted_image(&grant) {
            grant.still_denied = self.unlifted(&grant, &image, now).await;
        }
        grant
    }

    /// The same of many, which people ask for again and again: no upstream is asked for an
    /// image of them, and none waits for another.
    pub(super) async fn with_unlifted(
        &self,
        grants: Vec<BreakGlassView>,
        now: Timestamp,
    ) -> Vec<BreakGlassView> {
        let inspector = self.gate.inspector();
        let told = grants.into_iter().map(async |mut grant| {
            let image = self.granted_image(&grant);
            if let Some(image) = image.filter(|it| inspector.is_at_hand(it, now)) {
                grant.still_denied = self.unlifted(&grant, &image, now).await;
            }
            grant
        });
        join_all(told).await
    }

    /// `None`: it has no name.
    fn granted_image(&self, grant: &BreakGlassView) -> Option<ImageRef> {
        ImageRef::parse(grant.image.as_ref()?, &self.default_host).ok()
    }

    /// `None`: not known, as of a grant that is dated ahead.
    async fn unlifted(
        &self,
        grant: &BreakGlassView,
        image: &ImageRef,
        now: Timestamp,
    ) -> Option<Vec<DenialView>> {
        if now < grant.granted_at {
            return None;
        }
        let explained = explain(self, image, &grant.environment, (None, now));
        let explained = timeout(JUDGED_WITHIN, explained).await.ok()?;
        let (verdict, _) = explained.ok()?;
        let reasons = VerdictView::new(&verdict, String::new(), String::new()).reasons;
        Some(reasons.into_iter().filter(|it| !it.lifted).collect())
    }
}
