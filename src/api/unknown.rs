//! What an answer cannot say, in words: so that nothing passes for an all-clear.

use super::{ExposureWatchState, ForecastList, ImageList};
use crate::oci::{counted, printable};

impl ImageList {
    /// What could not be found, because nobody looked. `by_cve`: it was looked for by an id,
    /// which older scans cannot know.
    pub fn unknown(&self, by_cve: bool) -> Vec<String> {
        let coverage = &self.coverage;
        let mut told = Vec::new();
        if self.unfollowed > 0 {
            told.push(format!(
                "reports give it {} more, and what has only those is not listed",
                counted(self.unfollowed, "name")
            ));
        }
        if coverage.unscanned > 0 {
            told.push(format!(
                "without a whole scan: {} of {}, and what they hold is unknown; sekisho scan due \
                 lists what wants one",
                coverage.unscanned,
                counted(coverage.known, "image")
            ));
        }
        if let Some(count) = coverage.without_packages.filter(|count| *count > 0) {
            told.push(format!(
                "the scans of {} list only packages with a finding; trivy --list-all-pkgs lists all",
                counted(count, "image")
            ));
        }
        if let Some(oldest) = coverage.oldest_scan.filter(|_| by_cve) {
            told.push(format!(
                "the oldest scan is of {oldest:.0}: what became known later is not in it"
            ));
        }
        let partly = self
            .clusters
            .iter()
            .filter(|it| it.pods != ExposureWatchState::Followed);
        told.extend(partly.map(|it| {
            let why = it.detail.as_deref().unwrap_or("its API is not asked");
            let (name, why) = (printable(&it.cluster, 100), printable(why, 300));
            format!("what runs in {name} is not wholly known: {why}")
        }));
        let unreached = self
            .clusters
            .iter()
            .filter(|it| it.ways != ExposureWatchState::Followed && !self.images.is_empty());
        told.extend(unreached.map(|it| {
            let why = it.ways_detail.as_deref().unwrap_or("its API is not asked");
            let (name, why) = (printable(&it.cluster, 100), printable(why, 300));
            format!("what leads to Pods of {name} from outside is not wholly known: {why}")
        }));
        if self.clusters.is_empty() && !self.images.is_empty() {
            told.push("where they run is unknown: no cluster is configured".to_owned());
        }
        told
    }
}

impl ForecastList {
    /// What could not be looked at.
    pub fn unknown(&self) -> Vec<String> {
        let coverage = &self.coverage;
        let mut told = Vec::new();
        if coverage.unknown > 0 {
            let count = coverage.unknown;
            let them = if count == 1 { "it" } else { "them" };
            told.push(format!(
                "never judged here, so that nothing is foreseen of {them}: {} in use",
                counted(count, "image")
            ));
        }
        if coverage.unnamed_pods > 0 {
            let count = coverage.unnamed_pods;
            told.push(format!(
                "{} with images that are of no upstream here, or of which no digest is known",
                counted(count, "Pod")
            ));
        }
        let partly = self.clusters.iter();
        let partly = partly.filter(|it| it.pods != ExposureWatchState::Followed);
        told.extend(partly.map(|it| {
            let why = it.detail.as_deref().unwrap_or("its API is not asked");
            let (name, why) = (printable(&it.cluster, 100), printable(why, 300));
            format!("what runs in {name} is not wholly known: {why}")
        }));
        if self.clusters.is_empty() {
            told.push("which Pods run is unknown: no cluster is configured".to_owned());
        }
        told
    }
}
