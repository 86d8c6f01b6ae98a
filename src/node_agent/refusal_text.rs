//! What people read in the events of a Pod whose container was refused.

use super::judgement::{StartDenial, UNKNOWN_REASON};
use crate::nri::ContainerInPod;
use crate::oci::printable;

/// The longest name that is repeated, in bytes.
const MAX_NAME: usize = 200;

/// One line: what, which, and what to do.
pub(super) fn refusal_text(
    denial: &StartDenial,
    container: &ContainerInPod,
    environment: &str,
) -> String {
    let StartDenial { reason, digest } = denial;
    let digest = match digest {
        Some(digest) => digest.to_string(),
        None => "an image without a digest".to_owned(),
    };
    let next = next_step(reason);
    let image = printable(&container.image.name, MAX_NAME);
    let environment = printable(environment, MAX_NAME);
    format!(
        "sekisho: {reason}: {digest}: {next}. Why: sekisho explain {image} --environment {environment}"
    )
}

fn next_step(reason: &str) -> &'static str {
    match reason {
        "revoked" => "this image was withdrawn; deploy another one, or have it reinstated",
        "blocked-by-advisory" => "an advisory blocks what is in this image; deploy a mended one",
        "malware" => "a scanner found malware in this image; deploy another one",
        "too-severe" => "this image has findings above what is allowed; deploy a mended one",
        UNKNOWN_REASON => "this image is not known as permitted here; pull it through the gateway",
        _ => "this image may not start here; deploy another one",
    }
}
