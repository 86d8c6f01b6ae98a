//! Spans of traces: where a request spends its time, for who collects that by OTLP.
//!
//! They have a target of their own. The log shows none of them, and where nobody collects
//! them each costs one look at a flag.

use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The target of all of them.
pub const SPAN_TARGET: &str = "sekisho::trace";

/// The header that names a span to the next program (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";

/// A span of a trace, written as `tracing::info_span!` is.
macro_rules! trace_span {
    ($($part:tt)+) => {
        tracing::info_span!(target: $crate::spans::SPAN_TARGET, $($part)+)
    };
}
pub(crate) use trace_span;

/// What names `span` to the next program; `None` where it is not collected.
pub fn traceparent(span: &Span) -> Option<HeaderValue> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let named = context.span().span_context().clone();
    let (trace, id) = (named.trace_id(), named.span_id());
    let is_collected = named.is_valid() && named.is_sampled();
    let text = is_collected.then(|| format!("00-{trace}-{id}-01"))?;
    HeaderValue::try_from(text).ok()
}

/// Lets `span` go on with the trace that a request names. Only ids are taken from it:
/// whether the span is collected is decided here.
pub fn go_on(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() {
        return;
    }
    if let Some(parent) = named_by(headers) {
        // Without a collector there is nothing to go on with.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// <https://www.w3.org/TR/trace-context/#traceparent-header>
fn named_by(headers: &HeaderMap) -> Option<SpanContext> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let [version, trace, span, flags] =
        [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let is_hex = |text: &str, length: usize| {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == length && text.bytes().all(lower)
    };
    let fits = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    // A later version may have more parts; the first one has none.
    if !fits || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let state = TraceState::NONE;
    let parent = SpanContext::new(trace, span, TraceFlags::NOT_SAMPLED, true, state);
    parent.is_valid().then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_str(text).unwrap());
        named_by(&headers).map(|it| format!("{} {}", it.trace_id(), it.span_id()))
    }

    #[test]
    fn goes_on_with_well_formed_names_alone() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let both = Some(format!("{trace} {span}"));
        assert_eq!(named(&format!("00-{trace}-{span}-01")), both);
        assert_eq!(named(&format!("01-{trace}-{span}-00-more")), both);
        for wrong in [
            String::new(),
            "00".to_owned(),
            format!("00-{trace}-{span}"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{trace}-{span}-01-more"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}{trace}-{span}-01"),
            format!("00-{trace}-{span}-01-{}", "a".repeat(9000)),
        ] {
            assert_eq!(named(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_span_that_nobody_collects_takes_no_memory() {
        let counted = allocation_counter::measure(|| {
            let image = "team/app";
            let span = trace_span!("pull", image.repository = %image);
            go_on(&span, &HeaderMap::new());
            assert!(traceparent(&span).is_none() && span.is_disabled());
        });
        assert_eq!(counted.count_total, 0);
    }
}
