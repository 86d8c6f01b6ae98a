//! `[telemetry]`: where traces go.

use jiff::Timestamp;

use super::authorities::authorities;
use super::section::Section;
use super::urls::web_address;
use crate::traces::TraceOptions;

/// Where collectors take spans, below their address.
const PATH: &str = "/v1/traces";

/// Reads `[telemetry]`; without `otlp` nothing is collected.
pub(super) fn telemetry(root: &mut Section<'_, '_>, now: Timestamp) -> Option<TraceOptions> {
    let mut section = root.section("telemetry");
    let written: Option<String> = section.read("otlp");
    let sample: f64 = section.read("sample").unwrap_or(1.0);
    if !(0.0..=1.0).contains(&sample) {
        section.problem("sample", "is no part; write a number from 0.0 to 1.0");
    }
    let ca = authorities(&mut section, "ca", now);
    let hint = "write http://collector.example:4318";
    let is_plain = |url: &url::Url| url.query().is_none() && url.fragment().is_none();
    let url = written.and_then(|text| web_address(&section, "otlp", &text, hint, is_plain));
    section.finish();
    let mut url = url?;
    if url.path() == "/" {
        url.set_path(PATH);
    }
    Some(TraceOptions {
        url,
        sample,
        ca: ca.map(String::into_bytes),
    })
}
