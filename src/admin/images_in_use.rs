//! Images in use: those that Pods run, those that were pulled, those that are promoted.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::error::AdminError;
use super::image_in_use::ImageInUse;
use super::image_search::ImageSearch;
use super::running_pods::RunningImages;
use crate::trust::Subject;

/// All that the reader may see, in the order in which pages go by.
pub(super) struct ImagesInUse {
    pub images: Vec<ImageInUse>,
    /// Pods of which no image is known by its digest.
    pub unnamed_pods: usize,
}

impl ImagesInUse {
    /// # Errors
    /// The records cannot be read.
    pub async fn read(
        search: &ImageSearch<'_>,
        running: &RunningImages,
        only_running: bool,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        let (used, unnamed_pods) = running.subjects(search);
        let mut images = used;
        if !only_running {
            let sees = |environment: &_, repository: &_| {
                search.covers(environment) && search.scope.covers_repository(repository)
            };
            let forecasts = search.admin.gate.forecasts();
            let in_use = forecasts.in_use(now, &sees).await?;
            let runs: std::collections::HashSet<Subject> =
                images.iter().map(|it| it.subject.clone()).collect();
            let rest = in_use.into_iter().filter(|it| !runs.contains(it));
            images.extend(rest.map(|subject| ImageInUse {
                exposure: search.admin.exposure_of_pulls(&subject.environment),
                subject,
                pods: Vec::new(),
            }));
        }
        Ok(Self {
            images,
            unnamed_pods,
        })
    }

    pub fn running(&self) -> usize {
        self.images.iter().filter(|it| !it.pods.is_empty()).count()
    }

    /// The images behind `page`, `limit` at most, and what the next page begins behind.
    pub fn page(self, page: Option<&str>, limit: usize) -> (Vec<ImageInUse>, Option<String>) {
        let named = self.images.into_iter().map(|it| (it.key(), it));
        let behind = |(key, _): &(String, ImageInUse)| page.is_none_or(|page| &**key > page);
        let named: BTreeMap<String, ImageInUse> = named.filter(behind).collect();
        let is_last = named.len() <= limit;
        let mut last = None;
        let mut images = Vec::new();
        for (key, image) in named.into_iter().take(limit) {
            last = Some(key);
            images.push(image);
        }
        (images, last.filter(|_| !is_last))
    }
}
