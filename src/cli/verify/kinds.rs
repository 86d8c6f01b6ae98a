//! Renders the kinds that were read, and those not understood.

use crate::kubernetes::images::{KindSeen, Manifests};

/// How many kinds are listed in one line.
const MAX_LISTED_KINDS: usize = 20;

/// One line on what was looked at, and one on what was not understood.
pub(super) fn notes(manifests: &Manifests) -> Vec<String> {
    let (strange, known): (Vec<&KindSeen>, Vec<&KindSeen>) =
        manifests.kinds().partition(|kind| kind.not_understood);
    let mut notes = Vec::new();
    if !known.is_empty() {
        notes.push(format!("looked at: {}", listed(&known)));
    }
    if !strange.is_empty() {
        notes.push(format!(
            "not understood, and no image found there: {}; if they run images, name where by \
             [[images]] kind and path in the configuration",
            listed(&strange)
        ));
    }
    notes
}

/// `2 Deployment (3 images), 1 Workflow of argoproj.io/v1alpha1 (0 images)`.
fn listed(kinds: &[&KindSeen]) -> String {
    let shown = kinds.iter().take(MAX_LISTED_KINDS).map(|it| {
        let of = match it.api_version.contains('/') {
            true => format!(" of {}", it.api_version),
            false => String::new(),
        };
        format!("{} {}{of} ({} images)", it.objects, it.kind, it.images)
    });
    let shown: Vec<String> = shown.collect();
    match kinds.len().saturating_sub(MAX_LISTED_KINDS) {
        0 => shown.join(", "),
        more => format!("{} and {more} more kinds", shown.join(", ")),
    }
}
