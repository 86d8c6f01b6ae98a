//! Which image of a closure a scan report is about.

use super::Inspected;
use crate::oci::{Content, Image, Shape};
use crate::report::{BindError, BindTarget, Bound, ScanReport};

impl Inspected {
    /// The image that `report` is about: this one, or the one child of this
    /// index that the report names. `declared`: whoever hands it in named the
    /// digest. A report that fits no image, or several, is refused.
    pub fn bind(&self, report: &ScanReport, declared: bool) -> Result<(&Image, Bound), BindError> {
        let mut bound = Vec::new();
        let mut refused = None;
        for image in self.closure.images() {
            match self.bind_to(image, report, declared) {
                Some(Ok(how)) => bound.push((image, how)),
                Some(Err(error)) => refused = refused.or(Some(error)),
                None => {}
            }
        }
        match bound[..] {
            [one] => Ok(one),
            [] => Err(refused.unwrap_or(BindError::NamesNoDigest)),
            _ => Err(BindError::AmbiguousIndex(self.digest.clone())),
        }
    }

    /// `None`: nothing that a scanner scans.
    fn bind_to(
        &self,
        image: &Image,
        report: &ScanReport,
        declared: bool,
    ) -> Option<Result<Bound, BindError>> {
        let Content::Runnable { platform, diff_ids } = &image.content else {
            return None;
        };
        let of_index = matches!(self.closure.shape(), Shape::Index(_));
        Some(report.subject.binding(&BindTarget {
            manifest: &image.manifest,
            index: of_index.then_some(&self.digest),
            config: &image.config.digest,
            platform,
            diff_ids,
            declared: declared && !of_index,
        }))
    }
}
