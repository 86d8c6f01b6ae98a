//! The one line that a denied client reads.

use super::Denial;
use crate::oci::printable;

/// Clients cut longer lines, and event lists wrap them.
const MAX_MESSAGE_CHARS: usize = 200;
/// The longest list in a next step, in characters.
pub const MAX_LIST_CHARS: usize = 200;
/// Says that something is cut.
const ELLIPSIS: &str = " ...";

/// `sekisho: <reason>: <what was found>. <Next step>: <link>`, printable ASCII
/// and under 200 characters. Reason and link always stand; what was found is cut
/// before the next step, and both at whole items, or else at words.
pub fn denial_message(denial: &Denial, link: &str) -> String {
    let head = format!("sekisho: {}: ", denial.reason.code());
    let link = printable(link, MAX_MESSAGE_CHARS / 2);
    let longest = if link.is_empty() {
        0
    } else {
        BEFORE_OTHERS.len()
    };
    let taken = head.len() + ". ".len() + longest + link.len();
    let room = (MAX_MESSAGE_CHARS - 1).saturating_sub(taken);
    let next = printable(&sentence(&denial.next_step), MAX_MESSAGE_CHARS);
    let detail = printable(&denial.detail, MAX_MESSAGE_CHARS);
    let detail = cut(&detail, room.saturating_sub(next.len()).max(room / 2));
    let next = cut(&next, room.saturating_sub(detail.len()));
    let before = if link.is_empty() {
        ""
    } else {
        separator(&next)
    };
    format!("{head}{detail}. {next}{before}{link}")
}

const BEFORE_WORDS: &str = ": ";
const BEFORE_OTHERS: &str = "; see: ";

/// Between the next step and the link. A colon is read as part of a command, an address
/// or a list.
fn separator(next: &str) -> &'static str {
    let is_sentence = next
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || b" ,;'-".contains(&it));
    match is_sentence && next.ends_with(|it: char| it.is_ascii_alphabetic()) {
        true => BEFORE_WORDS,
        false => BEFORE_OTHERS,
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// `text`, which is ASCII, within `limit` bytes: up to the end of an item in its second
/// half, else of a word.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let Some(room) = limit.checked_sub(ELLIPSIS.len()) else {
        return String::new();
    };
    // The character behind the cut may be what parts it from the next.
    let head = &text[..=room];
    let item = head.rfind([',', ';']).filter(|at| *at >= room / 2);
    let end = item.or_else(|| head.rfind(' ')).unwrap_or(room);
    let kept = head[..end].trim_end_matches([' ', ',', ';', ':', '(']);
    format!("{kept}{ELLIPSIS}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::DenialReason;

    const LINK: &str = "https://s.example/d/0123456789abcdef0123456789abcdef";

    fn message(detail: &str, next: &str) -> String {
        let line = denial_message(&Denial::new(DenialReason::TooSevere, detail, next), LINK);
        assert!(line.len() < 200 && line.ends_with(LINK), "{line}");
        line
    }

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
        assert!(!denial_message(&denial, "").contains("see"));
    }

    #[test]
    fn a_link_is_parted_from_commands_addresses_and_lists() {
        for next in [
            "run: sekisho check-config",
            "read https://security.example/SEC-1",
            "use an image of: docker.io",
            "hand in a scan: sekisho scan submit --image a.b/c --report report.json",
            "ask a promoter to run: sekisho promote a.b/c --to production",
        ] {
            let line = message("found", next);
            let link = line.find(LINK).unwrap();
            assert!(line[..link].ends_with("; see: "), "{line}");
            assert!(line.contains(&next[1..]), "{line}");
        }
        assert!(message("found", "retried automatically").contains("automatically: https"));
    }

    #[test]
    fn what_is_too_long_is_cut_at_whole_items_and_says_so() {
        let hosts =
            "use an image of: docker.io, quay.io, ghcr.io, registry.k8s.io, mcr.microsoft.com";
        let line = message(
            "registry.example.internal is no upstream of this gateway",
            hosts,
        );
        assert!(
            line.contains(", ghcr.io ...; see: https") || line.contains("quay.io ...; see:"),
            "{line}"
        );
        let findings = (0..20)
            .map(|at| format!("CVE-2026-{at:04}"))
            .collect::<Vec<_>>();
        let line = message(&findings.join(", "), "rebuild with the fix, or ask");
        let (found, _) = line.split_once(" ...").unwrap();
        assert!(found.ends_with(|it: char| it.is_ascii_digit()), "{line}");
        let last = found.rsplit(", ").next().unwrap();
        assert_eq!(last.len(), "CVE-2026-0000".len(), "{line}");
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
