//! Renders the kinds that were read, those not understood, and what was not looked at.

use std::collections::BTreeMap;

use crate::kubernetes::images::{KindSeen, ManifestLocation, Manifests};
use crate::oci::counted;

/// How many kinds are listed in one line.
const MAX_LISTED_KINDS: usize = 20;
/// How many places that look like images are listed, each on a line of its own.
const MAX_LISTED_PLACES: usize = 20;

/// What was looked at, what was not understood, and what was not looked at: a line each.
pub(super) fn notes(manifests: &Manifests) -> Vec<String> {
    let (strange, known): (Vec<&KindSeen>, Vec<&KindSeen>) =
        manifests.kinds().partition(|kind| kind.not_understood);
    let (empty, partly): (Vec<&KindSeen>, Vec<&KindSeen>) =
        strange.into_iter().partition(|kind| kind.images == 0);
    let all = manifests.kinds();
    let rendering: Vec<&KindSeen> = all.filter(|kind| kind.renders_elsewhere).collect();
    let mut notes = Vec::new();
    if !known.is_empty() {
        notes.push(format!("looked at: {}", listed(&known)));
    }
    if !partly.is_empty() {
        notes.push(format!(
            "not understood, though images were found; others may be elsewhere: {}; name where by \
             [[images]] kind and path in the configuration",
            listed(&partly)
        ));
    }
    if !empty.is_empty() {
        notes.push(format!(
            "not understood, and no image found there: {}; if they run images, name where by \
             [[images]] kind and path in the configuration",
            listed(&empty)
        ));
    }
    if !rendering.is_empty() {
        notes.push(format!(
            "not looked at, since it is rendered elsewhere: what comes of {}; render it, and verify \
             that too",
            listed(&rendering)
        ));
    }
    notes.extend(overlooked(manifests));
    notes
}

/// What looks like an image where none is known, each place of a kind once.
fn overlooked(manifests: &Manifests) -> Vec<String> {
    let mut alike: BTreeMap<(&str, String), Vec<&ManifestLocation>> = BTreeMap::new();
    for place in manifests.overlooked() {
        let key = (place.kind.as_str(), unnumbered(&place.path));
        alike.entry(key).or_default().push(place);
    }
    let line = |((kind, path), places): (&(&str, String), &Vec<&ManifestLocation>)| {
        let more = match places.len() {
            1 => String::new(),
            count => format!(", and {} more like it", count - 1),
        };
        let first = places.first().map(ToString::to_string);
        format!(
            "not looked at: {}{more}; if it is an image, name [[images]] kind = \"{kind}\" and \
             path = \"{path}\" in the configuration",
            first.unwrap_or_default()
        )
    };
    let mut notes: Vec<String> = alike.iter().take(MAX_LISTED_PLACES).map(line).collect();
    if let more @ 1.. = alike.len().saturating_sub(MAX_LISTED_PLACES) {
        notes.push(format!("not looked at: {more} more places like these"));
    }
    notes
}

/// `spec.a[3].image` as a path of the configuration: `spec.a[].image`.
fn unnumbered(path: &str) -> String {
    let parts = path.split('[').enumerate().map(|(at, part)| match at {
        0 => part.to_owned(),
        _ => {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("[{rest}")
        }
    });
    parts.collect()
}

/// `2 Deployment (3 images), 1 Workflow of argoproj.io/v1alpha1 (0 images)`.
fn listed(kinds: &[&KindSeen]) -> String {
    let shown = kinds.iter().take(MAX_LISTED_KINDS).map(|it| {
        let of = match it.api_version.contains('/') {
            true => format!(" of {}", it.api_version),
            false => String::new(),
        };
        let images = counted(it.images, "image");
        format!("{} {}{of} ({images})", it.objects, it.kind)
    });
    let shown: Vec<String> = shown.collect();
    match kinds.len().saturating_sub(MAX_LISTED_KINDS) {
        0 => shown.join(", "),
        more => format!("{} and {}", shown.join(", "), counted(more, "more kind")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let mut manifests = Manifests::default();
        manifests.add("a.yaml", text).unwrap();
        notes(&manifests).join("\n")
    }

    #[test]
    fn a_gap_in_the_table_is_told_with_what_to_write() {
        let told = told(
            "{ apiVersion: jaegertracing.io/v1, kind: Jaeger, metadata: { name: j },
               spec: { new: [{ image: a:1 }, { image: b:1 }] } }",
        );
        assert!(
            told.contains(
                "not looked at: Jaeger/j spec.new[0].image in a.yaml:1, and 1 more like it; if it \
                 is an image, name [[images]] kind = \"Jaeger\" and path = \"spec.new[].image\""
            ),
            "{told}"
        );
    }

    #[test]
    fn what_is_rendered_elsewhere_is_no_all_clear() {
        let told = told(
            "{ apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: { name: a },
               spec: { source: { helm: { parameters: [] } } } }",
        );
        let part = "rendered elsewhere: what comes of 1 Application of argoproj.io/v1alpha1";
        assert!(told.contains(part), "{told}");
    }

    #[test]
    fn a_kind_that_nobody_knows_is_told_though_an_image_was_found() {
        let told = told(
            "{ apiVersion: example.com/v1, kind: Fleet, metadata: { name: f },
               spec: { containers: [{ image: a:1 }] } }",
        );
        let part = "others may be elsewhere: 1 Fleet of example.com/v1 (1 image)";
        assert!(told.contains(part), "{told}");
        assert!(!told.contains("looked at: 1 Fleet"), "{told}");
    }
}
