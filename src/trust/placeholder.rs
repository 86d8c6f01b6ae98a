//! Texts that somebody still has to write.

/// What a template leaves for somebody to fill in.
const PLACEHOLDERS: [&str; 14] = [
    "todo",
    "fixme",
    "tbd",
    "tba",
    "xxx",
    "n/a",
    "na",
    "none",
    "wip",
    "changeme",
    "change me",
    "fill in",
    "placeholder",
    "reason",
];

/// Whether a text says nothing, or that something is yet to be said.
pub fn is_placeholder(text: &str) -> bool {
    let word = text.trim().to_lowercase();
    let bare = word.trim_matches(|it: char| !it.is_alphanumeric());
    let begins = |it: &str| {
        let rest = bare.strip_prefix(it);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    bare.is_empty() || PLACEHOLDERS.contains(&bare) || PLACEHOLDERS[..5].iter().any(|it| begins(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_template_left_is_no_reason() {
        for left in [
            "TODO",
            "todo",
            " Todo: ask Kai",
            "TODO(kai)",
            "FIXME!",
            "tbd",
            "...",
            "…",
            "-",
            "?",
            "n/a",
            "XXX",
        ] {
            assert!(is_placeholder(left), "{left}");
        }
        for reason in [
            "r",
            "minizip is not linked",
            "todomvc holds no data",
            "使われない",
        ] {
            assert!(!is_placeholder(reason), "{reason}");
        }
    }
}
