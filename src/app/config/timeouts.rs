//! How long an upstream may take.

use std::time::Duration;

use super::quantity::Period;
use super::section::Section;
use crate::upstream::Timeouts;

/// A longer wait helps nobody: clients give up before.
const MAX_SECONDS: u64 = 3600;

/// Reads `timeouts`; what is left out has its default. A call may take twice as long as
/// one answer where it is not said.
pub(super) fn timeouts(section: &mut Section<'_, '_>) -> Timeouts {
    let mut written = section.section("timeouts");
    let usual = Timeouts::default();
    let mut read = |key| period(&mut written, key);
    let (connect, head, call, idle) = (read("connect"), read("answer"), read("call"), read("idle"));
    let timeouts = Timeouts {
        connect: connect.unwrap_or(usual.connect),
        head: head.unwrap_or(usual.head),
        call: call.unwrap_or_else(|| usual.call.max(2 * head.unwrap_or_default())),
        idle: idle.unwrap_or(usual.idle),
    };
    if timeouts.call < timeouts.head {
        let hint = "a call is one answer or several; raise it";
        written.problem("call", format_args!("is shorter than answer; {hint}"));
    }
    written.finish();
    timeouts
}

fn period(section: &mut Section<'_, '_>, key: &'static str) -> Option<Duration> {
    let period: Period = section.read(key)?;
    let period = Duration::from(period);
    match period.as_secs() {
        0 => section.problem(key, "is no time at all; write 1s or more"),
        1..=MAX_SECONDS => {}
        _ => section.problem(key, "is over an hour; clients give up before"),
    }
    Some(period)
}
