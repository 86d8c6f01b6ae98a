//! What the API server did with a Pod that it was asked to make in a dry run.
//!
//! The one answer that takes in everything between: selectors, conditions, network,
//! certificate and the program itself.

use super::expected::ExpectedCluster;
use super::snapshot::{DryRun, Snapshot};
use crate::diagnosis::Diagnosis;
use crate::kubernetes::names::{REGISTRIES_POLICY, WEBHOOK_DOMAIN};

pub(super) fn judge(snapshot: &Snapshot, expected: &ExpectedCluster) -> Option<Diagnosis> {
    let at_gateway = format!("{}/", expected.gateway);
    match &snapshot.dry_run {
        DryRun::Admitted { image, .. } if image.starts_with(&at_gateway) => None,
        DryRun::Admitted { asked, image } => Some(
            Diagnosis::wrong(format!("a new Pod's image {asked} stays {image}"))
                .why(
                    "the mutating webhook was not asked, or could not be: its failures are ignored",
                )
                .next("see what else is wrong here: certificate, endpoints, selectors"),
        ),
        DryRun::Refused(words) if is_a_failure(words) => Some(
            Diagnosis::wrong("a new Pod is refused, and not by a verdict")
                .why(words.clone())
                .next("see whether that webhook answers the API server"),
        ),
        DryRun::Refused(words) if is_ours(words) => None,
        DryRun::Refused(words) => Some(
            Diagnosis::unknown("the Pod of the dry run was refused by others than Sekisho")
                .why(words.clone())
                .next("try a namespace that allows it: --trial-namespace"),
        ),
        DryRun::NotTried(why) => Some(
            Diagnosis::unknown("no Pod was tried in a dry run")
                .why(why.clone())
                .next("give the doctor the right to create Pods; a dry run makes none"),
        ),
    }
}

/// Our webhook's denial, or that of our policy. The Pod's own name says nothing.
fn is_ours(words: &str) -> bool {
    let ours = [WEBHOOK_DOMAIN, "sekisho: ", REGISTRIES_POLICY];
    ours.iter().any(|ours| words.contains(ours))
}

/// The API server's words for a webhook that it could not ask.
fn is_a_failure(words: &str) -> bool {
    words.contains("failed calling webhook") || words.contains("failed to call webhook")
}
