//! Which requests are collected: a part of all, by lot. What a client says of its own
//! trace counts for nothing here, or any client could flood the collector.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::random;

/// The lot is drawn once for each request; spans below follow it.
#[derive(Clone, Debug)]
pub(super) struct PartOfRequests(pub(super) f64);

impl PartOfRequests {
    fn draws(&self) -> bool {
        match self.0 {
            all if all >= 1.0 => true,
            // 53 bits are what a float holds exactly.
            part => {
                ((u64::from_ne_bytes(random::bytes()) >> 11) as f64) < part * (1u64 << 53) as f64
            }
        }
    }
}

impl ShouldSample for PartOfRequests {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _trace: TraceId,
        _name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let parent = parent.map(|context| context.span().span_context().clone());
        let own = parent.filter(|it| it.is_valid() && !it.is_remote());
        let is_taken = own.map_or_else(|| self.draws(), |parent| parent.is_sampled());
        SamplingResult {
            decision: match is_taken {
                true => SamplingDecision::RecordAndSample,
                false => SamplingDecision::Drop,
            },
            attributes: Vec::new(),
            trace_state: TraceState::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags};

    use super::*;

    fn takes(part: f64, flags: TraceFlags, is_remote: bool) -> bool {
        let (trace, span) = (TraceId::from(1), SpanId::from(1));
        let parent = SpanContext::new(trace, span, flags, is_remote, TraceState::NONE);
        let context = Context::new().with_remote_span_context(parent);
        let kind = SpanKind::Internal;
        let lot = PartOfRequests(part);
        let drawn = lot.should_sample(Some(&context), trace, "request", &kind, &[], &[]);
        drawn.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn a_client_has_no_say_and_a_span_of_our_own_follows_its_request() {
        let (yes, no) = (TraceFlags::SAMPLED, TraceFlags::NOT_SAMPLED);
        assert!(takes(1.0, no, true) && !takes(0.0, yes, true));
        assert!(takes(0.0, yes, false) && !takes(1.0, no, false));
        let drawn = (0..2000).filter(|_| takes(0.5, yes, true)).count();
        assert!((600..1400).contains(&drawn), "{drawn}");
    }
}
