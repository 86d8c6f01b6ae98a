//! Answers: the response of a review, the texts in it, and HTTP around it.

use std::collections::BTreeMap;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::review::{AdmissionResponse, AdmissionStatus, ReviewAnswer};
use crate::gate::AdmissionOutcome;
use crate::http::Body;
use crate::oci::printable;
use crate::trust::{DenialReason, cut_at_words};

/// The API server cuts each warning to 256 characters once all of a request are over 4096.
const MAX_WARNING_BYTES: usize = 250;
/// Up to this they stay whole, in bytes, so that a command in them can be copied. The rest is
/// for other webhooks.
const MAX_WHOLE_WARNINGS_BYTES: usize = 2048;
/// Warnings of one answer, at most: the API server drops what exceeds 4096 bytes.
const MAX_WARNINGS: usize = 15;
/// Images that a denial names, at most.
const MAX_DENIED_IMAGES_NAMED: usize = 30;
/// Images whose decision stands in the audit annotations, at most.
const MAX_IMAGES_ANNOTATED: usize = 30;
/// What is shown of an image's name, in characters.
const MAX_IMAGE_NAME_CHARS: usize = 200;

/// One image of a request, and what came of it.
pub(super) struct JudgedImage {
    /// `container "app"`.
    pub(super) place: String,
    /// As it is written.
    pub(super) image: String,
    pub(super) admitted: AdmissionOutcome,
}

impl JudgedImage {
    fn line(&self, message: &str) -> String {
        let message = message.strip_prefix("sekisho: ").unwrap_or(message);
        let image = printable(&self.image, MAX_IMAGE_NAME_CHARS);
        format!("sekisho: {} {image}: {message}", self.place)
    }

    fn denial(&self) -> Option<String> {
        let message = self.admitted.message()?;
        Some(self.line(&message))
    }

    fn warnings(&self) -> impl Iterator<Item = String> {
        let warnings = self.admitted.warnings.iter();
        warnings.map(|warning| self.line(warning))
    }
}

pub(super) fn allowed(uid: &str) -> AdmissionResponse {
    AdmissionResponse {
        uid: uid.to_owned(),
        allowed: true,
        ..AdmissionResponse::default()
    }
}

fn refused(uid: &str, code: u16, reason: &'static str, message: String) -> AdmissionResponse {
    AdmissionResponse {
        uid: uid.to_owned(),
        allowed: false,
        status: Some(AdmissionStatus {
            code,
            reason,
            message,
        }),
        ..AdmissionResponse::default()
    }
}

/// Why a review is not judged at all.
pub(super) struct Unjudged {
    code: u16,
    reason: &'static str,
    message: String,
}

impl Unjudged {
    /// It may be judged when it is sent again.
    pub(super) fn now(why: &str) -> Self {
        let message =
            format!("sekisho: undecidable: not a policy denial: {why}. Retried automatically");
        Self {
            code: 503,
            reason: "ServiceUnavailable",
            message,
        }
    }

    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        Self {
            code: 400,
            reason: "BadRequest",
            message: format!("sekisho: the review cannot be read: {error}"),
        }
    }

    pub(super) fn too_long() -> Self {
        Self {
            code: 413,
            reason: "RequestEntityTooLarge",
            message: "sekisho: the review is over 8 MiB; make the object smaller".to_owned(),
        }
    }

    /// The answer for something that this holds up, or does not.
    pub(super) fn answer(self, uid: &str, holds_up: bool) -> AdmissionResponse {
        match holds_up {
            true => refused(uid, self.code, self.reason, self.message),
            false => AdmissionResponse {
                warnings: warnings(std::iter::once(self.message)),
                ..allowed(uid)
            },
        }
    }
}

/// A Pod's answer names every image that is denied, in the order of the Pod.
pub(super) fn of_pod(uid: &str, judged: &[JudgedImage]) -> AdmissionResponse {
    let lines: Vec<String> = judged.iter().filter_map(JudgedImage::denial).collect();
    let answer = match lines.is_empty() {
        true => allowed(uid),
        false => {
            let (code, reason) = status_of(judged);
            refused(
                uid,
                code,
                reason,
                bounded(lines, MAX_DENIED_IMAGES_NAMED).join("\n"),
            )
        }
    };
    AdmissionResponse {
        warnings: warnings(judged.iter().flat_map(JudgedImage::warnings)),
        audit_annotations: annotations(judged),
        ..answer
    }
}

/// Templates run nothing: their Pods would be denied, and people hear so early.
pub(super) fn of_template(uid: &str, judged: &[JudgedImage]) -> AdmissionResponse {
    let lines = judged
        .iter()
        .flat_map(|judged| judged.denial().into_iter().chain(judged.warnings()));
    AdmissionResponse {
        warnings: warnings(lines),
        ..allowed(uid)
    }
}

/// 503 if all denials are `undecidable`, else 403.
fn status_of(judged: &[JudgedImage]) -> (u16, &'static str) {
    let mut denials = judged.iter().filter_map(|it| it.admitted.denial.as_ref());
    match denials.all(|denial| denial.reason == DenialReason::Undecidable) {
        true => (503, "ServiceUnavailable"),
        false => (403, "Forbidden"),
    }
}

fn warnings(lines: impl Iterator<Item = String>) -> Vec<String> {
    let lines = lines
        .map(|line| printable(&line, MAX_WHOLE_WARNINGS_BYTES))
        .collect();
    let mut lines = bounded(lines, MAX_WARNINGS);
    if lines.iter().map(String::len).sum::<usize>() > MAX_WHOLE_WARNINGS_BYTES {
        for line in &mut lines {
            *line = cut_at_words(line, MAX_WARNING_BYTES);
        }
    }
    lines
}

fn bounded(mut lines: Vec<String>, limit: usize) -> Vec<String> {
    let more = lines.len().saturating_sub(limit);
    lines.truncate(limit);
    if more > 0 {
        lines.push(format!("sekisho: and {more} more"));
    }
    lines
}

/// For the API server's audit log: what was decided, under which policy.
fn annotations(judged: &[JudgedImage]) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    let Some(first) = judged.first() else {
        return annotations;
    };
    annotations.insert("mode".into(), first.admitted.mode.to_string());
    let revision = format!("{:016x}", first.admitted.rulebook);
    annotations.insert("policy-revision".into(), revision);
    let denied = judged.iter().find_map(|it| it.admitted.answer.as_ref());
    if let Some(answer) = denied {
        annotations.insert("decision".into(), answer.id().to_string());
    }
    for (at, image) in judged.iter().take(MAX_IMAGES_ANNOTATED).enumerate() {
        annotations.insert(format!("image-{at}"), annotation(image));
    }
    annotations
}

fn annotation(judged: &JudgedImage) -> String {
    let admitted = &judged.admitted;
    let verdict = admitted
        .denial
        .as_ref()
        .map_or("allowed", |denial| denial.reason.code());
    let mut text = format!(
        "{} {verdict}",
        printable(&judged.image, MAX_IMAGE_NAME_CHARS)
    );
    if let Some(digest) = &admitted.digest {
        text = format!("{text} {digest}");
    }
    if let Some(answer) = &admitted.answer {
        text = format!("{text} decision {}", answer.id());
    }
    text
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

/// The answer to a review without a readable uid.
pub(super) fn busy() -> Response<Body> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "no answer in time; retry");
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn json(answer: &ReviewAnswer) -> Response<Body> {
    let Ok(text) = serde_json::to_string(answer) else {
        let text = "no answer could be written";
        return plain(StatusCode::INTERNAL_SERVER_ERROR, text);
    };
    let mut response = Response::new(Body::from(text));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As of an image that was not scanned: over 256 characters.
    fn line(at: usize) -> String {
        let image = format!("registry.corp:5000/team/app{at}@sha256:{}", "0".repeat(64));
        let step = format!("Hand in a scan: sekisho scan submit --image {image} --report r.json");
        format!("sekisho: container \"c{at}\" {image}: not-scanned: not yet scanned. {step}")
    }

    #[test]
    fn a_warning_holds_its_command_whole() {
        assert!(line(0).len() > 256);
        assert_eq!(warnings([line(0)].into_iter()), [line(0)]);
    }

    #[test]
    fn warnings_that_are_too_many_are_cut_at_words_and_say_so() {
        let shown = warnings((0..40).map(line));
        assert_eq!(shown.len(), MAX_WARNINGS + 1);
        assert_eq!(shown[MAX_WARNINGS], "sekisho: and 25 more");
        for (at, shown) in shown[..MAX_WARNINGS].iter().enumerate() {
            let kept = shown.strip_suffix(" ...").unwrap();
            let rest = line(at).strip_prefix(kept).unwrap().to_owned();
            assert!(
                shown.len() <= MAX_WARNING_BYTES && rest.starts_with(' '),
                "{shown}"
            );
        }
    }
}
