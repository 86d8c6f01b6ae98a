//! What of a file whose syntax is broken can be read all the same.

use std::ops::Range;

use toml::de::DeTable;

/// Parts that are left out, at most.
const MAX_BROKEN_PARTS: usize = 100;

/// `text` with spaces for each line that is broken, and for all below a head of a table
/// that is: what stands there belongs nowhere. `None`: too much is broken.
pub(super) fn readable_part(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..MAX_BROKEN_PARTS {
        let Some(at) = first_error(&text) else {
            return Some(text);
        };
        let part = part_around(&text, at)?;
        let blank: String = text[part.clone()]
            .chars()
            .map(|it| if it == '\n' { '\n' } else { ' ' })
            .collect();
        text.replace_range(part, &blank);
    }
    None
}

fn first_error(text: &str) -> Option<usize> {
    let (_, errors) = DeTable::parse_recoverable(text);
    let first = errors.iter().map(|error| error.span());
    first.map(|span| span.map_or(0, |span| span.start)).min()
}

/// The line at `at`, or the last one before it that says something: an error may be told
/// where the line has ended. `None`: there is none.
fn part_around(text: &str, at: usize) -> Option<Range<usize>> {
    let mut start = 0;
    let mut found = None;
    for line in text.split_inclusive('\n') {
        if start > at {
            break;
        }
        if !line.trim().is_empty() {
            found = Some((start, line));
        }
        start += line.len();
    }
    let (start, line) = found?;
    let end = start + line.len();
    match line.trim_start().starts_with('[') {
        true => Some(start..end + length_of_body(&text[end..])),
        false => Some(start..end),
    }
}

/// Up to the next head of a table.
fn length_of_body(text: &str) -> usize {
    let lines = text.split_inclusive('\n');
    let body = lines.take_while(|line| !line.trim_start().starts_with('['));
    body.map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        let part = readable_part(text).unwrap();
        assert_eq!(part.lines().count(), text.lines().count());
        let table: toml::Table = toml::from_str(&part).unwrap();
        table.keys().cloned().collect()
    }

    #[test]
    fn only_the_broken_line_is_lost() {
        for broken in [
            "b = \"open",
            "b = ",
            "b",
            "= 5",
            "b = 5 5",
            "a = 2",
            "b = é",
        ] {
            let text = format!("a = 1\n{broken}\nc = 3\n[d]\ne = 4\n");
            assert_eq!(keys(&text), ["a", "c", "d"], "{broken}");
        }
    }

    #[test]
    fn what_stands_below_a_broken_head_is_no_others() {
        for broken in ["[b", "[[b]", "[b]]", "[b c]", "[]"] {
            let text = format!("a = 1\n[d]\ne = 4\n{broken}\naddress = 'x'\n[f]\n");
            assert_eq!(keys(&text), ["a", "d", "f"], "{broken}");
            assert!(!readable_part(&text).unwrap().contains("address"));
        }
    }

    #[test]
    fn a_text_that_never_was_toml_ends() {
        let garbage = "{]\u{1}\"\"\" é\n".repeat(3000);
        let _ = readable_part(&garbage);
        let _ = readable_part("\u{feff}\u{0}");
        assert_eq!(readable_part("").as_deref(), Some(""));
    }
}
