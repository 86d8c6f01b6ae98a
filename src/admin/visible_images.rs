//! Which images a reader may know of.

use jiff::Timestamp;

use super::error::AdminError;
use super::image_places::ImagePlaces;
use super::image_search::ImageSearch;
use crate::ledger::{CataloguedImage, KnownImage};

impl ImageSearch<'_> {
    /// The same search, in every environment that the reader may see.
    fn everywhere(&self) -> ImageSearch<'_> {
        ImageSearch {
            environment: None,
            ..*self
        }
    }

    /// Those of some images that the reader may know of: in repositories of the scope, and
    /// for a token of some environments only what was promoted to one of them or asked for
    /// there. The list of images and the view of one show the same by it.
    ///
    /// # Errors
    /// The records cannot be read.
    pub(super) async fn visible(
        &self,
        mut images: Vec<KnownImage>,
        now: Timestamp,
    ) -> Result<Vec<KnownImage>, AdminError> {
        images.retain(|it| self.scope.covers_repository(&it.repository));
        if self.scope.environments().is_empty() || images.is_empty() {
            return Ok(images);
        }
        let everywhere = self.everywhere();
        let places = ImagePlaces::read(&everywhere, &images).await?;
        // What was denied is a place in the list alone.
        let catalogue = self.admin.ledger.catalogue(now).await?;
        let covered = |it: &CataloguedImage| {
            let mut environments = it.environments.iter();
            environments.any(|environment| everywhere.covers(environment))
        };
        images.retain(|image| {
            let mut listed = catalogue.of(&image.manifest);
            !places.environments(image).is_empty()
                || listed.any(|it| it.image.repository == image.repository && covered(it))
        });
        Ok(images)
    }
}
