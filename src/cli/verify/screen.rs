//! The answer for people, or for scripts.

use super::super::aside::say_aside;
use super::super::failure::Failure;
use super::super::output::{Output, Palette, Table};
use super::answer::{VerifiedAs, VerifiedImage, VerifyReport};
use crate::oci::readable;

/// How many places of one image are listed.
const MAX_PLACES_SHOWN: usize = 10;

pub(super) fn show(verified: &VerifyReport, output: Output) -> Result<(), Failure> {
    if output == Output::Text {
        tell_notes(verified);
    }
    let json = verified
        .to_json()
        .map_err(|error| Failure::new(format!("cannot write the answer: {error}")))?;
    output.show(&json, |palette| render(verified, palette))
}

/// On stderr, beside the answer.
fn tell_notes(verified: &VerifyReport) {
    for note in &verified.notes {
        say_aside(&format!("sekisho: {}", readable(note, 1000)));
    }
}

fn render(verified: &VerifyReport, palette: Palette) -> String {
    let mut text = String::new();
    if !verified.images.is_empty() {
        text.push_str(&table(&verified.images).render(palette));
        text.push('\n');
    }
    for judged in verified.refused() {
        text.push_str(&refusal(judged, palette));
    }
    let environment = &verified.environment;
    text + &format!("{} (for {environment})\n", verified.summary())
}

fn table(images: &[VerifiedImage]) -> Table {
    let mut table = Table::new(["IMAGE", "VERDICT", "REASON", "WHERE"]);
    for judged in images {
        let verdict = match judged.verified_as() {
            VerifiedAs::Allowed => "allowed",
            VerifiedAs::Denied => "denied",
            VerifiedAs::Undecided => "not known now",
        };
        let reasons = judged.reasons();
        table.row([&judged.image, verdict, &reasons, &whereabouts(judged)]);
    }
    table
}

fn whereabouts(judged: &VerifiedImage) -> String {
    let first = judged.places.first().map(|place| place.object());
    let first = first.unwrap_or_default();
    match judged.places.len() {
        ..=1 => first,
        count => format!("{first} and {} more", count - 1),
    }
}

fn refusal(judged: &VerifiedImage, palette: Palette) -> String {
    let word = match judged.verified_as() {
        VerifiedAs::Undecided => palette.doubtful("NOT KNOWN NOW"),
        VerifiedAs::Allowed | VerifiedAs::Denied => palette.bad("DENIED"),
    };
    let image = readable(&judged.image, 600);
    let mut text = format!("{word}  {image}\n  {}\n", judged.line());
    if let Some(step) = judged.next_step() {
        text.push_str(&format!("  next: {step}\n"));
    }
    for place in judged.places.iter().take(MAX_PLACES_SHOWN) {
        text.push_str(&format!("  at {place}\n"));
    }
    if judged.places.len() > MAX_PLACES_SHOWN {
        let more = judged.places.len() - MAX_PLACES_SHOWN;
        text.push_str(&format!("  and at {more} more\n"));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::super::super::failure::Exit;
    use super::super::answer::VerifyAnswer;
    use super::super::junit::document;
    use super::*;
    use crate::kubernetes::images::Manifests;
    use crate::trust::DenialReason;

    /// As while the ledger cannot be read.
    fn undecided() -> VerifyAnswer {
        let VerifyAnswer::Verdict(mut verdict) = verdict(false, false) else {
            panic!("a verdict");
        };
        verdict.reasons[0].reason = DenialReason::Undecidable;
        VerifyAnswer::Verdict(verdict)
    }

    fn verdict(allowed: bool, lifted: bool) -> VerifyAnswer {
        let text = format!(
            r#"{{"allowed":{allowed},"image":"docker.io/library/nginx:1",
            "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "environment":"production","exposure":{{"value":"external","source":"listener"}},
            "mode":"warn","reasons":[{{"reason":"not-scanned","detail":"no scan\u001b",
            "next_step":"scan it","lifted":{lifted}}}],"checks":[],"valid_until":null,
            "policy_revision":"ff","evidence":[],"message":""}}"#
        );
        VerifyAnswer::Verdict(serde_json::from_str(&text).unwrap())
    }

    fn verified(answer: VerifyAnswer, places: usize) -> VerifyReport {
        let mut manifests = Manifests::default();
        let pod =
            "{ kind: Pod, metadata: { name: p }, spec: { containers: [{ image: nginx:1 }] } }";
        manifests.add("a.yaml", pod).unwrap();
        let place = manifests.images()[0].place.clone();
        VerifyReport {
            environment: "production".parse().unwrap(),
            objects: 1,
            images: vec![VerifiedImage {
                image: "nginx:1".to_owned(),
                places: vec![place; places],
                answer,
            }],
            kinds: Vec::new(),
            overlooked: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_the_mode_lifts_is_allowed_and_told() {
        let told = render(&verified(verdict(true, true), 1), Palette::plain());
        assert_eq!(
            told,
            "IMAGE    VERDICT  REASON                WHERE\n\
             nginx:1  allowed  not-scanned (lifted)  Pod/p\n\n\
             1 image in 1 object: 1 allowed, 0 denied (for production)\n"
        );
    }

    #[test]
    fn what_cannot_be_judged_now_is_told_apart_from_a_denial() {
        let report = verified(undecided(), 1);
        let told = render(&report, Palette::plain());
        for part in [
            "nginx:1  not known now  undecidable  Pod/p\n",
            "NOT KNOWN NOW  nginx:1\n  sekisho: undecidable: ",
            "1 image in 1 object: 0 allowed, 0 denied, 1 not known now",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(report.exit(), Exit::Failure, "neither denied nor allowed");
        let junit = document(&report).unwrap();
        assert!(junit.contains(r#"failures="0" errors="1""#), "{junit}");
        assert!(
            junit.contains("<error message=\"sekisho: undecidable"),
            "{junit}"
        );
    }

    #[test]
    fn a_denial_weighs_more_than_what_cannot_be_judged_now() {
        let mut report = verified(undecided(), 1);
        report
            .images
            .extend(verified(verdict(false, false), 1).images);
        assert_eq!(report.exit(), Exit::Denied);
    }

    /// Each platform of an index may be denied for it.
    #[test]
    fn a_reason_that_comes_several_times_is_told_once() {
        let VerifyAnswer::Verdict(mut one) = verdict(false, false) else {
            panic!("a verdict");
        };
        one.reasons.push(one.reasons[0].clone());
        let told = render(&verified(VerifyAnswer::Verdict(one), 1), Palette::plain());
        assert!(
            told.contains("nginx:1  denied   not-scanned  Pod/p\n"),
            "{told}"
        );
    }

    #[test]
    fn a_denial_has_its_line_its_step_and_some_places() {
        let told = render(&verified(verdict(false, false), 12), Palette::plain());
        for part in [
            "nginx:1  denied   not-scanned  Pod/p and 11 more\n",
            "DENIED  nginx:1\n  sekisho: not-scanned: no scan?\n  next: scan it\n",
            "  at Pod/p spec.containers[0].image in a.yaml:1\n",
            "  and at 2 more\n",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
