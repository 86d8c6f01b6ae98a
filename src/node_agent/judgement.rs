//! Whether a container may be created: by what is held, and by nothing else.

use jiff::{SignedDuration, Timestamp};

use super::exemption::{Exemption, Exemptions};
use crate::node_snapshot::{AgentMode, SignedSnapshot, canary};
use crate::nri::ContainerInPod;
use crate::oci::Digest;

/// The reason where `strict` does not know an image. It has no digest then, or one that is
/// on neither list.
pub const UNKNOWN_REASON: &str = "undecidable";

/// What speaks against a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartDenial {
    /// A reason code.
    pub reason: String,
    /// The digest that it is said of; `None`: the runtime names none.
    pub digest: Option<Digest>,
}

/// What becomes of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing speaks against it.
    Permitted,
    /// It is let start, though something speaks against it: in `audit`, or since it is never
    /// refused.
    LetStart(StartDenial, Option<Exemption>),
    Refused(StartDenial),
}

/// Judges one container. Before the first snapshot nothing is known, and all may start.
pub fn judge(
    held: Option<&SignedSnapshot>,
    container: &ContainerInPod,
    exemptions: &Exemptions,
    now: Timestamp,
) -> Judgement {
    let Some(held) = held else {
        return Judgement::Permitted;
    };
    if container.is_canary {
        return canary_judgement(held);
    }
    let denied = || denied(held, &container.image.digests);
    let unknown = || unknown(held, &container.image.digests, now);
    let Some(denial) = denied().or_else(unknown) else {
        return Judgement::Permitted;
    };
    let exemption = exemptions.of(container);
    let refuses = held.snapshot().terms().mode != AgentMode::Audit;
    match exemption.is_none() && refuses {
        true => Judgement::Refused(denial),
        false => Judgement::LetStart(denial, exemption),
    }
}

/// The canary stands in each snapshot, and is refused in every mode: it is there to be.
fn canary_judgement(held: &SignedSnapshot) -> Judgement {
    match denied(held, std::slice::from_ref(canary())) {
        Some(denial) => Judgement::Refused(denial),
        None => Judgement::Permitted,
    }
}

/// One digest that is denied is enough: they are of the same image.
fn denied(held: &SignedSnapshot, digests: &[Digest]) -> Option<StartDenial> {
    digests.iter().find_map(|digest| {
        let reason = held.snapshot().denied(digest)?.to_owned();
        let digest = Some(digest.clone());
        Some(StartDenial { reason, digest })
    })
}

/// In `strict`, and only as long as what is held is no older than `max_silence`.
fn unknown(held: &SignedSnapshot, digests: &[Digest], now: Timestamp) -> Option<StartDenial> {
    let is_known = digests.iter().any(|it| held.snapshot().permits(it));
    if held.snapshot().terms().mode != AgentMode::Strict || is_known || !is_fresh(held, now) {
        return None;
    }
    Some(StartDenial {
        reason: UNKNOWN_REASON.to_owned(),
        digest: digests.first().cloned(),
    })
}

fn is_fresh(held: &SignedSnapshot, now: Timestamp) -> bool {
    let terms = held.snapshot().terms();
    let limit = i64::try_from(terms.max_silence_seconds).unwrap_or(i64::MAX);
    let age = now.duration_since(terms.issued_at);
    !held.snapshot().is_expired(now) && age <= SignedDuration::from_secs(limit)
}
