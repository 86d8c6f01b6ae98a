//! One image that is in use, and how its next pull is judged.

use crate::api::RunningPodView;
use crate::gate::ExposureInput;
use crate::trust::{Exposure, Subject};

/// One image in one environment.
pub(super) struct ImageInUse {
    pub subject: Subject,
    /// As the next pull of it would be judged.
    pub exposure: ExposureInput,
    /// The Pods that run it.
    pub pods: Vec<RunningPodView>,
}

impl ImageInUse {
    /// What runs comes first.
    pub fn key(&self) -> String {
        let subject = &self.subject;
        let first = u8::from(self.pods.is_empty());
        let (environment, repository) = (&subject.environment, &subject.repository);
        format!("{first} {environment} {repository}@{}", subject.digest)
    }
}

/// How a Pod's images are judged: by what its cluster is, and stricter where requests from
/// outside reach it.
pub(super) fn exposure_of(cluster: Exposure, reached: bool) -> ExposureInput {
    match reached {
        true => ExposureInput::Reached,
        false => ExposureInput::Listener(cluster),
    }
}
