//! The one line that a denied client reads.

use super::Denial;
use crate::oci::printable;

/// Clients cut longer lines, and event lists wrap them.
const MAX_MESSAGE_CHARS: usize = 200;

/// `sekisho: <reason>: <what was found>. <Next step>: <link>`, printable ASCII
/// and under 200 characters. Reason and link always stand; what was found is cut
/// before the next step, and that at a word.
pub fn denial_message(denial: &Denial, link: &str) -> String {
    let head = format!("sekisho: {}: ", denial.reason.code());
    let tail = if link.is_empty() {
        String::new()
    } else {
        format!(": {}", printable(link, MAX_MESSAGE_CHARS / 2))
    };
    let room = MAX_MESSAGE_CHARS.saturating_sub(1 + head.len() + tail.len() + 2);
    let next = printable(&sentence(&denial.next_step), MAX_MESSAGE_CHARS);
    let detail = printable(
        &denial.detail,
        room.saturating_sub(next.len()).max(room / 2),
    );
    let next = cut_at_word(&next, room.saturating_sub(detail.len()));
    format!("{head}{detail}. {next}{tail}")
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// `text` is ASCII.
fn cut_at_word(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let cut = &text[..limit];
    cut.rfind(' ').map_or(cut, |space| &cut[..space])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::DenialReason;

    #[test]
    fn says_reason_finding_next_step_and_link_in_one_line() {
        let denial = Denial::new(
            DenialReason::TooSevere,
            "CVE-2026-1234 HIGH openssl 3.0.1, fixed 3.0.2; production/external allows low",
            "rebuild with the fix, or ask",
        );
        assert_eq!(
            denial_message(&denial, "https://s.example/d/1"),
            "sekisho: too-severe: CVE-2026-1234 HIGH openssl 3.0.1, fixed 3.0.2; production/external \
             allows low. Rebuild with the fix, or ask: https://s.example/d/1"
        );
    }

    #[test]
    fn text_from_outside_cannot_break_or_stretch_the_line() {
        let denial = Denial::new(
            DenialReason::TooSevere,
            format!("CVE\r\nX-Evil: 1 \u{1b}[31m{}", "é".repeat(500)),
            "n".repeat(500),
        );
        let line = denial_message(&denial, &format!("https://s.example/d/{}", "0".repeat(32)));
        assert!(
            line.len() < 200 && line.bytes().all(|b| (b' '..=b'~').contains(&b)),
            "{line}"
        );
        assert!(line.starts_with("sekisho: too-severe: CVE") && line.ends_with(&"0".repeat(32)));
    }
}
