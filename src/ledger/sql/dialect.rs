//! A statement in SQLite's words, in those of PostgreSQL.

/// Turns `?` and `?3` into `$1` and `$3`, a list of values into an array, and a path into
/// JSON into PostgreSQL's: `body ->> '$.tool.name'` into `body::jsonb #>> '{tool,name}'`.
/// Nothing else differs in statements that are written once.
pub fn for_postgres(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 32);
    let mut values = 0;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(LIST) {
            let (number, after) = value(after, &mut values);
            written.push_str(&format!("= ANY(${number})"));
            rest = after.strip_prefix("))").unwrap_or(after);
        } else if let Some(after) = rest.strip_prefix(" ->> '$.") {
            let (path, after) = after.split_once('\'').unwrap_or((after, ""));
            let path = path.replace(['.', '['], ",").replace(']', "");
            written.push_str(&format!("::jsonb #>> '{{{path}}}'"));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('\'') {
            let (quoted, after) = after.split_once('\'').unwrap_or((after, ""));
            written.push_str(&format!("'{quoted}'"));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('?') {
            let (number, after) = value(after, &mut values);
            written.push_str(&format!("${number}"));
            rest = after;
        } else {
            written.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    written
}

const LIST: &str = "IN (SELECT value FROM json_each(?";

/// The number of a value that `?` stands before, as SQLite counts them, and what follows.
fn value<'a>(after: &'a str, values: &mut usize) -> (usize, &'a str) {
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let number = after[..digits].parse().unwrap_or(*values + 1);
    *values = number.max(*values);
    (number, &after[digits..])
}

/// PostgreSQL keeps no NUL, as itself or in JSON; it stands as U+FFFD there.
pub fn without_nul(text: String) -> String {
    if !text.contains('\0') && !text.contains("\\u0000") {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(next) = rest.chars().next() {
        let (put, taken) = match next {
            '\0' => ("\u{fffd}", 1),
            '\\' if rest.starts_with("\\u0000") => ("\\ufffd", 6),
            // A backslash before anything else takes that with it.
            '\\' => (&rest[..escape(rest)], escape(rest)),
            _ => (&rest[..next.len_utf8()], next.len_utf8()),
        };
        kept.push_str(put);
        rest = &rest[taken..];
    }
    kept
}

/// The bytes of a backslash and the character after it.
fn escape(text: &str) -> usize {
    text.chars().take(2).map(char::len_utf8).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_as_sqlite_counts_them() {
        for (written, expected) in [
            ("a = ? AND b = ?", "a = $1 AND b = $2"),
            (
                "a = ?2 AND b = ? AND c = ?1",
                "a = $2 AND b = $3 AND c = $1",
            ),
            ("a = '?' AND b = ?", "a = '?' AND b = $1"),
            ("(?7 IS NULL OR a = ?7)", "($7 IS NULL OR a = $7)"),
        ] {
            assert_eq!(for_postgres(written), expected);
        }
    }

    #[test]
    fn lists_are_arrays_and_paths_are_read_in_json() {
        for (written, expected) in [
            (
                "digest IN (SELECT value FROM json_each(?)) AND b = ?",
                "digest = ANY($1) AND b = $2",
            ),
            ("id IN (SELECT value FROM json_each(?3))", "id = ANY($3)"),
            (
                "scans.body ->> '$.tool.name'",
                "scans.body::jsonb #>> '{tool,name}'",
            ),
            (
                "body ->> '$.reasons[0]' = ?",
                "body::jsonb #>> '{reasons,0}' = $1",
            ),
        ] {
            assert_eq!(for_postgres(written), expected);
        }
    }

    #[test]
    fn a_nul_becomes_the_sign_of_what_cannot_be_shown() {
        for (text, kept) in [
            ("plain", "plain"),
            ("a\0b", "a\u{fffd}b"),
            (r#"{"a":"\u0000"}"#, r#"{"a":"\ufffd"}"#),
            (r#"{"a":"\\u0000"}"#, r#"{"a":"\\u0000"}"#),
            (r#"{"a":"\\\u0000é"}"#, r#"{"a":"\\\ufffdé"}"#),
        ] {
            assert_eq!(without_nul(text.to_owned()), kept);
        }
    }
}
