//! What a trace says of a pull as a whole.

use tracing::Instrument;

use super::pull::Pull;
use super::refusal::Refusal;
use crate::oci::Reference;
use crate::spans::trace_span;

/// The span of a whole pull, with what came of it.
pub(super) async fn traced<T>(
    pull: Pull<'_>,
    reference: &Reference,
    answer: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let span = trace_span!(
        "pull",
        image.name = %pull.image(reference),
        environment = %pull.environment(),
        outcome = tracing::field::Empty,
        denial.reason = tracing::field::Empty,
        decision.id = tracing::field::Empty,
    );
    let answer = answer.instrument(span.clone()).await;
    match &answer {
        Ok(_) => {
            span.record("outcome", "served");
        }
        Err(refusal) => refusal.note_in(&span),
    }
    answer
}
