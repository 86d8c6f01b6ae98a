//! Dates and times at which something ends.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::value::Datetime;

use super::section::Section;

const END_HINT: &str = "write the last day, as in 2027-03-31";

/// Reads when something ends: a date includes that day, in UTC. `past` says what
/// it means that it has ended already.
pub(super) fn end(
    section: &mut Section<'_, '_>,
    key: &'static str,
    now: Timestamp,
    past: &str,
) -> Option<Timestamp> {
    let end = optional_end(section, key, now, past);
    if !section.has(key) {
        section.problem(key, format_args!("is missing; {END_HINT}"));
    }
    end
}

/// The same, where an end is optional.
pub(super) fn optional_end(
    section: &mut Section<'_, '_>,
    key: &'static str,
    now: Timestamp,
    past: &str,
) -> Option<Timestamp> {
    let written: Datetime = section.read(key)?;
    let end = moment(&written);
    match end {
        None => section.problem(key, format_args!("{written} names no moment; {END_HINT}")),
        Some(end) if end <= now => {
            section.warning(key, format_args!("{written} is past: {past}"));
        }
        Some(_) => {}
    }
    end
}

/// Refuses a time of day without its offset from UTC.
fn moment(written: &Datetime) -> Option<Timestamp> {
    match (written.date, written.time, written.offset) {
        (Some(_), Some(_), Some(_)) => written.to_string().parse().ok(),
        (Some(_), None, None) => end_of_day(written.to_string().parse().ok()?),
        _ => None,
    }
}

/// The first moment after a day.
fn end_of_day(day: Date) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(next.timestamp())
}

/// The first moment after the day in which `moment` lies.
pub(super) fn end_of_its_day(moment: Timestamp) -> Option<Timestamp> {
    end_of_day(moment.to_zoned(TimeZone::UTC).date())
}
