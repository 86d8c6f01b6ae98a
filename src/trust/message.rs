//! The one line that a denied client reads.

use super::Denial;
use crate::oci::printable;

/// Clients cut longer lines, and event lists wrap them.
const MAX_MESSAGE_CHARS: usize = 200;
/// Without a link there is no page to read on, and no client that cuts.
const MAX_ALONE_CHARS: usize = 500;
/// The longest list in a next step, in characters.
pub const MAX_LIST_CHARS: usize = 200;
/// Says that something is cut.
const ELLIPSIS: &str = " ...";

/// `sekisho: <reason>: <what was found>. <Next step>: <link>`, printable ASCII
/// and under 200 characters. Reason and link always stand; what was found is cut
/// before the next step, and both at whole items, or else at words. Without a link
/// it is under 500 characters, and so holds a command whole.
pub fn denial_message(denial: &Denial, link: &str) -> String {
    let head = format!("sekisho: {}: ", denial.reason.code());
    let link = printable(link, MAX_MESSAGE_CHARS / 2);
    let limit = match link.is_empty() {
        true => MAX_ALONE_CHARS,
        false => MAX_MESSAGE_CHARS,
    };
    let room = |end: &str| {
        let taken = head.len() + BETWEEN.len() + end.len() + link.len();
        (limit - 1).saturating_sub(taken)
    };
    let next = printable(&sentence(&denial.next_step), limit);
    let detail = printable(&denial.detail, limit);
    // A person may have ended theirs already.
    let detail = detail.trim_end_matches([' ', '.']);
    let (detail, next) = match within(room(end(&next, &link)), detail, &next) {
        // What is cut ends in another way than it would whole: in the longest.
        (_, shorter) if shorter != next => within(room(BEFORE_OTHERS), detail, &next),
        whole => whole,
    };
    let between = match detail.ends_with(ELLIPSIS) {
        true => " ",
        false => BETWEEN,
    };
    let end = end(&next, &link);
    format!("{head}{detail}{between}{next}{end}{link}")
        .trim_end()
        .to_owned()
}

/// Both within as many characters: what was found is cut first, down to half of them.
fn within(room: usize, detail: &str, next: &str) -> (String, String) {
    let detail = cut_at_words(detail, room.saturating_sub(next.len()).max(room / 2));
    let next = cut_at_words(next, room.saturating_sub(detail.len()));
    (detail, next)
}

const BETWEEN: &str = ". ";
const END: &str = ".";
const BEFORE_WORDS: &str = ": ";
const BEFORE_OTHERS: &str = "; see: ";
/// Where no next step is known, or nothing fits but the link.
const BEFORE_NOTHING: &str = "See: ";

/// What follows the next step, before the link where there is one. A colon and a full stop
/// are read as part of a command, an address or a list.
fn end(next: &str, link: &str) -> &'static str {
    match (link.is_empty(), next.is_empty(), is_sentence(next)) {
        (false, true, _) => BEFORE_NOTHING,
        (false, false, true) => BEFORE_WORDS,
        (false, false, false) => BEFORE_OTHERS,
        (true, false, true) => END,
        (true, _, _) => "",
    }
}

fn is_sentence(text: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b" ,;'-".contains(&it);
    text.bytes().all(is_plain) && text.ends_with(|it: char| it.is_ascii_alphabetic())
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// `text`, which is ASCII, within `limit` bytes: up to the end of an item in its second
/// half, else of a word; what is cut ends with ` ...`.
pub fn cut_at_words(text: &str, limit: usize) -> String {
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
            "rebuild, or ask for an exception",
        );
        let start = "sekisho: too-severe: CVE-2026-1234 HIGH openssl 3.0.1, fixed 3.0.2; \
                     production/external allows low. Rebuild, or ask for an exception";
        assert_eq!(
            denial_message(&denial, "https://s.example/d/1"),
            format!("{start}: https://s.example/d/1")
        );
        assert_eq!(denial_message(&denial, ""), format!("{start}."));
    }

    /// The end of what was found says which ceiling it broke.
    #[test]
    fn nothing_is_cut_that_has_room_beside_the_link() {
        let next = "rebuild, or ask for an exception";
        let taken = "sekisho: too-severe: . : ".len() + next.len() + LINK.len();
        let longest = "x".repeat(199 - taken);
        let line = message(&longest, next);
        assert_eq!(line.len(), 199);
        assert!(!line.contains(ELLIPSIS), "{line}");
        let line = message(&format!("{longest} y"), next);
        assert!(line.contains(ELLIPSIS), "{line}");
    }

    #[test]
    fn it_is_whole_with_and_without_a_link_whatever_is_said() {
        for (detail, next, alone, linked) in [
            ("found", "wait", "found. Wait.", "found. Wait: LINK"),
            (
                "Compromised.",
                "deploy another",
                "Compromised. Deploy another.",
                "Compromised. Deploy another: LINK",
            ),
            (
                "found",
                "run: sekisho x a/b@sha256:0",
                "found. Run: sekisho x a/b@sha256:0",
                "found. Run: sekisho x a/b@sha256:0; see: LINK",
            ),
            ("found", "", "found.", "found. See: LINK"),
        ] {
            let denial = Denial::new(DenialReason::Revoked, detail, next);
            let told = |link| denial_message(&denial, link);
            assert_eq!(told(""), format!("sekisho: revoked: {alone}"));
            assert_eq!(told("LINK"), format!("sekisho: revoked: {linked}"));
        }
        let command = format!(
            "hand in a scan: sekisho scan submit --image {}",
            "a".repeat(150)
        );
        let whole = Denial::new(DenialReason::NotScanned, "not yet scanned", &*command);
        assert!(denial_message(&whole, "").ends_with(&command[1..]));
        let long = Denial::new(
            DenialReason::Revoked,
            "word ".repeat(200),
            "wait for another",
        );
        let line = denial_message(&long, "");
        assert!(line.ends_with("word ... Wait for another."), "{line}");
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
        let line = message(&findings.join(", "), "rebuild, or ask for an exception");
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
